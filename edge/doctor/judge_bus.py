"""What a line's counters mean: each line, and each unit on it. Pure."""

from collections.abc import Iterator

from edge.doctor.finding import Finding, attention, ok, wrong
from edge.doctor.words import many
from edge.link.health import Health, LineHealth, UnitHealth

#: Our own choice: RS-485 that is wired well loses fewer than one frame in a thousand.
MANY_ERRORS = 0.02
ENOUGH = 20  # requests, before a rate says anything
MOST_UNITS = 16  # listed one by one while all is well
SILENT = 3  # timeouts in a row
_LINE_REMEDY = ("Check that the adapter is plugged in (`ls -l /dev/serial/by-id`), that its name in "
                "the site's file is right, and that no other program has it open.")

_NETWORK_REMEDY = ("Check the gateway's supply and network cable, its address in the site's file, and "
                   "that nobody else has the only connection that it allows.")
_SILENT_REMEDY = ("All at once is the line, not a device: check the A and B wires, the adapter, "
                  "termination, and baud rate and parity.")
_SILENT_BEHIND_REMEDY = ("All at once is the line behind the gateway, not a device: check its baud "
                         "rate and parity, the A and B wires, and termination.")


def dead(line: LineHealth) -> bool:
    """Whether no device of it can answer, so that each is reported and none is to blame."""
    return line.down is not None or (
        len(line.units) > 1 and all(unit.silent >= SILENT for unit in line.units))


def buses(now: Health, before: Health | None) -> Iterator[Finding]:
    """Findings of every line."""
    earlier = {line.id: line for line in before.lines} if before is not None else {}
    units = sum(len(line.units) for line in now.lines)
    for line in now.lines:
        if line.down is not None:
            yield wrong(f"bus {line.id}", f"{line.where}: {line.down}",
                        _LINE_REMEDY if _serial(line) else _NETWORK_REMEDY)
            continue
        yield from _habits(line)
        yield from _line(line, earlier.get(line.id), folded=units > MOST_UNITS)


def _habits(line: LineHealth) -> Iterator[Finding]:
    """What is wrong with a line as such."""
    if line.another_master:
        yield attention(f"bus {line.id}", f"{line.where}: another master asks on this line",
                        "A solar inverter, a gateway, a second controller? Take it off: two masters "
                        "spoil each other's answers.")
    if line.echo:
        yield attention(f"bus {line.id}", f"{line.where}: the adapter hears what it sends",
                        "Switch its echo off, or write echo=1 into the url of this bus.")


def _line(line: LineHealth, before: LineHealth | None, *, folded: bool) -> Iterator[Finding]:
    was = {unit.unit: unit for unit in before.units} if before is not None else {}
    well = [unit for unit in line.units if not unit.silent >= SILENT]
    silent = [unit for unit in line.units if unit.silent >= SILENT]
    if silent and not well:
        yield wrong(f"bus {line.id}", f"{line.where}: none of {many(len(silent), 'unit')} answers",
                    _SILENT_REMEDY if _serial(line) else _SILENT_BEHIND_REMEDY)
    else:
        for unit in silent:
            yield attention(f"bus {line.id}", f"{_name(unit)}: silent, {unit.silent} timeouts in a row",
                            "The others on this line answer, so look at this device: supply, A and B "
                            "wires, unit id.")
    for unit in well:
        rate, asked, now = _errors(unit, was.get(unit.unit))
        if now and rate > MANY_ERRORS:
            yield attention(f"bus {line.id}", f"{_name(unit)}: {rate:.1%} of {asked} requests failed",
                            "Noise, a loose wire, missing termination, or two devices with the same "
                            f"unit id.{_hint(unit)}")
        elif not folded and unit.answers:
            yield ok(f"bus {line.id}", f"{_name(unit)}: {unit.answers} answers, {rate:.1%} lost, "
                     f"{unit.typical_ms or 0:.0f} ms{_oddly(unit)}")
    if folded and not silent:
        yield ok(f"bus {line.id}", f"{line.where}: all {many(len(well), 'unit')} answer")


def _serial(line: LineHealth) -> bool:
    """Whether it is a port of this computer; else it is an address."""
    return line.where.startswith("/")


def _oddly(unit: UnitHealth) -> str:
    """What is well, and not as usual."""
    return ((f", {unit.crc_errors} CRC errors" if unit.crc_errors else "")
            + (f", wants {unit.gap_ms:.0f} ms of silence before" if unit.gap_ms >= 1 else ""))


def _hint(unit: UnitHealth) -> str:
    """What kind of failure it is, mostly."""
    return " Most were spoilt, not missing." if 2 * unit.crc_errors > _failed(unit) else ""


def _name(unit: UnitHealth) -> str:
    return f"{unit.unit} {unit.who or '(not in the site file)'}"


def _errors(unit: UnitHealth, before: UnitHealth | None) -> tuple[float, int, bool]:
    """The share of requests that failed lately if that is enough to say, else since the start; of how
    many; and whether any fails now, as far as anybody looked.
    """
    bad, asked = _failed(unit), _asked(unit)
    if before is None:
        return (bad / asked if asked >= ENOUGH else 0.0), asked, True
    lately, failed = asked - _asked(before), bad - _failed(before)
    if lately >= ENOUGH:
        return failed / lately, lately, True
    return (bad / asked if asked >= ENOUGH else 0.0), asked, failed > 0


def _failed(unit: UnitHealth) -> int:
    return unit.timeouts + unit.bad


def _asked(unit: UnitHealth) -> int:
    return unit.answers + unit.refusals + _failed(unit)
