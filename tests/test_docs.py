"""README and docs tell the truth: links, paths, commands, options, tables and the diagram."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import pytest
from house import LIBRARIES, MAY_IMPORT, ROOT
from looped import looped

from edge.controller.phase import charging_states, diagram

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
#: Top of the tree in backticks: a path that has to exist.
PATH = re.compile(
    r"(?:edge|cloud_sync|firmware|hil_tests|tests|docs|deploy|examples|scripts|\.ci)/[\w./-]*")
FENCE = re.compile(r"^(?P<run><!-- run -->\n)?```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S)


def prose(text: str) -> str:
    return FENCE.sub("", text)


def broken_links(page: Path) -> list[str]:
    """Relative links of a page to files or headings that are not there."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (heading and heading not in anchors(file)):
            broken.append(target)
    return broken


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub writes them in links."""
    titles = re.findall(r"^#+ (.+)$", prose(page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def missing_paths(page: Path) -> list[str]:
    """Paths in backticks that are not in the tree."""
    spans = re.findall(r"`([^`\n]+)`", prose(page.read_text(encoding="utf-8")))
    return [span for span in spans if PATH.fullmatch(span) and not (ROOT / span).exists()]


def shell_lines(text: str) -> list[list[str]]:
    """Words of each command in the `sh` blocks of a page; continued lines are one."""
    blocks = [match["text"].replace("\\\n", " ") for match in FENCE.finditer(text)
              if match["kind"] == "sh"]
    return [words for block in blocks for line in block.splitlines()
            for part in re.split(r"&&|\|", line) if (words := shlex.split(part, comments=True))]


def ours(words: list[str]) -> list[str] | None:
    """The part of a command behind `forecourt`, however it is called; None: it is another program."""
    for n, word in enumerate(words):
        if word.endswith("/bin/forecourt") or (n == 0 and word == "forecourt"):
            return words[n + 1:]
    return None


def commands() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="forecourt.commands")}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def table(text: str, first: str) -> list[list[str]]:
    """Rows of the table whose first heading is `first`."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start + 2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@looped("page", NAMES)
def test_every_link_leads_somewhere(page: str) -> None:
    assert broken_links(ROOT / page) == []


@looped("page", NAMES)
def test_every_path_exists(page: str) -> None:
    assert missing_paths(ROOT / page) == []


def test_a_broken_link_and_a_missing_path_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n[a](gone.md) [b](#a-page) [c](#no-page) [d](https://x.org) `edge/no.py` "
                    "`edge/bus/`\n```sh\n[e](x)\n```\n", encoding="utf-8")
    assert broken_links(page) == ["gone.md", "#no-page"]
    assert missing_paths(page) == ["edge/no.py"]


SPOKEN = [(name, words) for name, page in zip(NAMES, PAGES, strict=True)
          for words in shell_lines(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "words"), [(p, w) for p, w in SPOKEN if ours(w)],
                         ids=lambda value: " ".join(value) if isinstance(value, list) else value)
def test_every_command_and_option_exists(page: str, words: list[str],
                                         capsys: pytest.CaptureFixture[str]) -> None:
    spoken = ours(words) or []
    if spoken == ["--version"]:
        return
    assert spoken[0] in commands()
    with pytest.raises(SystemExit) as ended:
        commands()[spoken[0]].load()([*spoken[1:], "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0, page
    assert [word for word in spoken if word.startswith("--") and word not in shown] == []


@pytest.mark.parametrize(("page", "target"), [(p, w[1]) for p, w in SPOKEN if w[0] == "make"])
def test_every_make_target_exists(page: str, target: str) -> None:
    assert target in make_targets(), page


def test_commands_are_found_in_blocks() -> None:
    text = ("```sh\nsudo -u forecourt /opt/forecourt/bin/forecourt card \\\n  list  # all\n"
            "make x && make y\n```\n")
    assert [ours(words) for words in shell_lines(text)] == [["card", "list"], None, None]


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_declared_command_helps(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands()[name].load()(["--help"])
    assert ended.value.code == 0 and f"forecourt {name}" in capsys.readouterr().out


@pytest.mark.wire
@pytest.mark.parametrize("page", NAMES)
def test_blocks_marked_run_do_run(page: str, tmp_path: Path) -> None:
    blocks = [match["text"] for match in FENCE.finditer((ROOT / page).read_text(encoding="utf-8"))
              if match["run"]]
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for block in blocks:
        done = subprocess.run(["sh", "-eu", "-c", block], cwd=tmp_path, capture_output=True, text=True,
                              env={**os.environ, "PATH": path}, check=False)
        assert done.returncode == 0, f"{block}{done.stderr}"


def test_some_blocks_are_run() -> None:
    assert any(match["run"] for page in PAGES
               for match in FENCE.finditer(page.read_text(encoding="utf-8")))


def test_the_diagram_is_that_of_the_code() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    (drawn,) = (match["text"] for match in FENCE.finditer(text) if match["kind"] == "mermaid")
    assert drawn.strip() == diagram(), (
        "python -c 'from edge.controller.phase import diagram; print(diagram())' prints the new one")
    assert charging_states() in text


@pytest.fixture(scope="module")
def board_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("board_docs", ROOT / "scripts/generate_board_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_boards_tables_are_those_of_the_firmware(board_docs: ModuleType) -> None:
    page = board_docs.PAGE.read_text(encoding="utf-8")
    assert board_docs.render(page) == page, "python scripts/generate_registers.py writes the new ones"


def test_a_table_that_was_edited_by_hand_is_written_anew(board_docs: ModuleType) -> None:
    page = board_docs.PAGE.read_text(encoding="utf-8")
    edited = page.replace("| `BOOT_COUNT` |", "| `BOOT_COUNTER` |")
    assert edited != page and board_docs.render(edited) == page
    with pytest.raises(ValueError, match="marks"):
        board_docs.render(page.replace("<!-- generated: faults -->", ""))


def test_comments_become_words_of_a_table(board_docs: ModuleType) -> None:
    source = ("# Head.\nFAR = 3  # s; a | b\nALIAS = 4\n\n# from a\n# source\nNEAR_MS = 2 * FAR\n"
              "TABLE = (\n    1,\n)\n")
    first, second = board_docs.paragraphs(source, {})
    assert first.intro == "Head." and [one.value for one in first.constants] == [3, 4]
    assert [(one.value, one.comment) for one in second.constants] == [(6, "from a source")]
    said = board_docs.words("as FAULT_BITS says, a | b, FAULT_*; PERMIT")
    assert said == "as `FAULT_BITS` says, a \\| b, `FAULT_*`; PERMIT"


def test_every_register_and_fault_of_the_map_is_in_the_docs(board_docs: ModuleType) -> None:
    page = board_docs.PAGE.read_text(encoding="utf-8")
    source = (ROOT / "firmware/registers.py").read_text(encoding="utf-8")
    names = set(re.findall(r"^(\w+) = (?:1[01]\d\d|0x\w+)\b", source, re.M))
    blocks = {"WB_BASE", "BASE", "COMMAND", "SETTINGS", "CALIBRATION", "COUNTERS"}
    assert len(names) > 100
    assert {name for name in names - blocks if f"`{name}`" not in page} == set()


def test_the_table_of_rooms_is_that_of_the_imports() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for cell, _, may, hides in table(text, "room"):
        room = cell.strip("`").rstrip("/")
        if room in ("firmware", "hil_tests"):
            continue  # no library of the table; and it may import its own parts
        assert {name.rstrip("/") for name in re.findall(r"`([^`]+)`", may)} == MAY_IMPORT[room]
        kept = {library for library, rooms in LIBRARIES.items() if room in rooms}
        assert set(re.findall(r"`([^`]+)`", hides)) == kept


def test_every_room_is_described() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    folders = [*sorted((ROOT / "edge").iterdir()), *(ROOT / top for top in ("cloud_sync", "firmware"))]
    rooms = [f.relative_to(ROOT).as_posix() for f in folders if f.is_dir() and any(f.glob("*.py"))]
    assert {row[0].strip("`").rstrip("/") for row in table(text, "room")} >= set(rooms)


@looped("note", [note.name for note in DECISIONS])
def test_a_decision_is_short_and_says_why(note: str) -> None:
    text = (ROOT / "docs/decisions" / note).read_text(encoding="utf-8")
    assert re.match(r"# (\d{4}): .+\n\n20\d\d-\d\d-\d\d\n", text) and text[2:6] == note[:4]
    assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.M) == ["Context", "Decision", "Consequence"]
    assert text.count("\n") <= 20


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(note.name[:4]) for note in DECISIONS] == list(range(1, len(DECISIONS) + 1))
