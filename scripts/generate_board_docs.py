"""Writes the tables of `docs/pilot-board.md` from the firmware: registers, bits, cases, numbers, pins.

Run by `generate_registers.py`. A table stands between `<!-- generated: NAME -->` and `<!-- end -->`;
what is outside of the marks is written by people and left alone.
"""

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware"
PAGE = ROOT / "docs" / "pilot-board.md"
MARKED = re.compile(r"^(<!-- generated: (?P<name>[\w ]+) -->\n).*?^(<!-- end -->)$", re.M | re.S)
ASSIGNED = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*) = (?P<value>[^#]+?)(?:\s*#\s*(?P<comment>.*))?")
PIN = re.compile(r"(?:PIN|ADC)_[A-Z_]+")
GPIOS = range(30)
IN_CODE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?:_[A-Z0-9]+|_\*)")


@dataclass(frozen=True)
class Constant:
    """One `NAME = value` at the top of a module, with the comment behind it or above it."""

    name: str
    value: object
    comment: str


@dataclass(frozen=True)
class Paragraph:
    """What stands between two blank lines: a comment on all of it, then constants."""

    intro: str
    constants: tuple[Constant, ...]


def paragraphs(source: str, known: Mapping[str, object], *, headed: bool = False) -> list[Paragraph]:
    """Those of a module that hold public constants, in its order. `known`: the values that it imports.

    A comment above the first constant is that one's, if it has none of its own; `headed`: it never is.
    """
    names = {"__builtins__": {}, **known}
    found = []
    for text in re.split(r"\n\s*\n", source):
        intro, above = "", ""
        constants: list[Constant] = []
        for line in text.splitlines():
            if line.startswith("#"):
                above = f"{above} {line[1:].strip()}".strip()
                continue
            match = ASSIGNED.fullmatch(line)
            if match and not match["value"].endswith(("(", ",")):  # many lines: a table
                if not constants and (headed or match["comment"]):
                    intro, above = above, ""
                comment = " ".join(part for part in (above, match["comment"]) if part)
                names[match["name"]] = eval(match["value"], names)  # our own source: numbers and names
                constants.append(Constant(match["name"], names[match["name"]], comment))
            above = ""
        if constants:
            found.append(Paragraph(intro, tuple(constants)))
    return found


def firmware(name: str) -> ModuleType:
    """A pure module of the firmware; they are flat."""
    if str(FIRMWARE) not in sys.path:
        sys.path.insert(0, str(FIRMWARE))
    return importlib.import_module(name)


def of(name: str) -> list[Paragraph]:
    """The paragraphs of one firmware module."""
    source = (FIRMWARE / f"{name}.py").read_text(encoding="utf-8")
    known = {} if name == "registers" else vars(firmware("registers")) | vars(firmware("duty"))
    return paragraphs(source, known, headed=name == "registers")


# --- words and tables


def words(text: str) -> str:
    """A comment as Markdown: names as code, nothing that would end a cell."""
    return IN_CODE.sub(lambda match: f"`{match[0]}`", text.replace("|", "\\|"))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(map(str, row))} |" for row in (heads, ["---"] * len(heads), *rows)]


# --- the map

MAP = range(1000, 2000)  # addresses; the words' bits and values stand in paragraphs of their own


def registers() -> list[str]:
    """The blocks of the map, with what the source says about each."""
    lines: list[str] = []
    for paragraph in of("registers"):
        if paragraph.constants[0].value in MAP:
            lines += [words(paragraph.intro), "",
                      *table(("address", "name", "what"), addresses(paragraph.constants)), ""]
    return lines[:-1]


def addresses(constants: Sequence[Constant]) -> Iterator[tuple[str, str, str]]:
    """Rows of the registers among them: the name of a whole block and its length are none."""
    for one, following in zip(constants, [*constants[1:], None], strict=True):
        if not isinstance(one.value, int) or one.value not in MAP:
            continue
        if following and following.value == one.value:
            continue
        last = f" and {one.value + 1}" if re.search(r"\bu32\b", one.comment) else ""
        yield f"{one.value}{last}", f"`{one.name}`", words(one.comment)


def values(prefix: str) -> Sequence[Constant]:
    """What a register of the map may hold, by the beginning of the names."""
    for paragraph in of("registers"):
        if paragraph.constants[0].name.startswith(prefix) and paragraph.constants[0].value not in MAP:
            return paragraph.constants
    raise ValueError(f"registers.py: no paragraph begins with {prefix}")


def bits(prefix: str) -> list[str]:
    """A table of the bits of one register."""
    rows = ((bit(one), f"`{one.name}`", words(one.comment)) for one in values(prefix))
    return table(("bit", "name", "what"), rows)


def numbers(prefix: str) -> list[str]:
    """A table of the values of one register."""
    rows = ((one.value, f"`{one.name}`", words(one.comment)) for one in values(prefix))
    return table(("value", "name", "what"), rows)


# --- the core's tables

STATES = (("A", "no car", "+12 V"), ("B", "a car", "+9 V"), ("C", "the car asks for energy", "+6 V"),
          ("D", "and for ventilation", "+3 V"), ("E", "short circuit, or no supply", "0 V"),
          ("F", "the board's own sign, or a broken driver", "-12 V"))


def pilot_states() -> list[str]:
    """Windows and debounce, as `pilot.py` has them."""
    pilot = firmware("pilot")
    lower = ["", *(f"{border / 1000:+.1f} V" for border in pilot.BORDERS_MV), ""]
    rows = ((*STATES[n - 1], lower[n], lower[n - 1], f"{pilot.SETTLE_MS[n]} ms")
            for n in range(1, len(STATES) + 1))
    return table(("state", "means", "nominal", "high plateau from", "below", "counts after"), rows)


def refusals() -> list[str]:
    """Bits of REFUSED_BITS, and since when until when each must hold: asked of `interlock.py`."""
    tree = ast.parse((FIRMWARE / "interlock.py").read_text(encoding="utf-8"))
    named = {node.name: {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
             for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    rows = []
    for one in values("REFUSED_"):
        when = "by a command"
        if one.name in named["conditions"]:
            when = "all the time: PERMIT falls"
        elif one.name in named["missing"]:
            when = "at a grant"
        rows.append((bit(one), f"`{one.name}`", words(one.comment), when))
    return table(("bit", "name", "what is wrong", "looked at"), rows)


def faults() -> list[str]:
    """Bits of FAULT_BITS, and what `faults.py` does about each."""
    module = firmware("faults")
    rows = ((bit(one), f"`{one.name}`", words(one.comment), yes(one.value & module.BLOCKING),
             yes(one.value in module.LATCHED)) for one in values("FAULT_"))
    return table(("bit", "name", "what, and until when", "takes power away", "latched"), rows)


def contactor() -> list[str]:
    """The table that `contactor.py` goes by: coil commands and mirror."""
    rows = ((on(request), on(permit), "closed" if closed else "open", f"{case} {name}", words(means),
             limit(ms), words(follows))
            for request, permit, closed, case, name, means, ms, follows in firmware("contactor").CASES)
    return table(("REQUEST", "PERMIT", "mirror says", "case", "means", "for at most", "then"), rows)


def self_test() -> list[str]:
    """The phases that `residual.py` goes through."""
    rows = ((name, on(level), words(ends), limit(ms), words(follows))
            for _, name, level, ms, ends, follows in firmware("residual").PHASES)
    return table(("phase", "test input", "ended by", "for at most", "then"), rows)


def pins() -> list[str]:
    """Pins and ADC inputs of `board.py`, by their number on the RP2040."""
    rows = sorted((one.value, f"`{one.name}`", words(one.comment))
                  for paragraph in of("board") for one in paragraph.constants
                  if PIN.fullmatch(one.name) and one.value in GPIOS)
    return table(("GPIO", "name", "what"), rows)


def on(level: object) -> str:
    """A cell."""
    return "on" if level else "off"


def limit(ms: int) -> str:
    """A cell: how long something may last."""
    return f"{ms} ms" if ms else ""


#: Modules whose numbers have sources; the map and the pins have tables of their own.
NUMBERED = ("duty", "sampling", "pilot", "offer", "proximity", "interlock", "faults", "residual",
            "contactor", "settings", "commands", "core")
NO_MEASURE = re.compile(r"EVENT_\w+|PHASE_\w+|BLOCKING|\w+_MASK")


def sources() -> list[str]:
    """All numbers of the core with their comments, which name the sources."""
    rows = ((f"`{one.name}`", f"`{name}.py`", one.value, words(one.comment))
            for name in NUMBERED for paragraph in of(name) for one in paragraph.constants
            if one.comment and not NO_MEASURE.fullmatch(one.name))
    return table(("name", "in", "value", "what, and from where"), rows)


def bit(one: Constant) -> int:
    """Number of the bit that a constant stands for."""
    assert isinstance(one.value, int)
    return one.value.bit_length() - 1


def yes(condition: object) -> str:
    """A cell."""
    return "yes" if condition else ""


# --- the page

SECTIONS: Mapping[str, Callable[[], list[str]]] = {
    "registers": registers,
    "commands": lambda: numbers("COMMAND_"),
    "permit bits": lambda: bits("PERMIT_"),
    "pins": pins,
    "pilot states": pilot_states,
    "contactor": contactor,
    "self test": self_test,
    "refusals": refusals,
    "faults": faults,
    "numbers": sources,
}


def render(page: str) -> str:
    """The page with fresh tables. Raises `ValueError` for a mark without a table, or the reverse."""
    marks = [match["name"] for match in MARKED.finditer(page)]
    if sorted(marks) != sorted(SECTIONS):
        raise ValueError(f"{PAGE.name}: marks {sorted(marks)}, expected {sorted(SECTIONS)}")
    return MARKED.sub(lambda match: "\n".join((match[1], *SECTIONS[match["name"]](), "", match[3])),
                      page)


def fresh() -> str:
    """The whole page as the firmware says it now."""
    return render(PAGE.read_text(encoding="utf-8"))
