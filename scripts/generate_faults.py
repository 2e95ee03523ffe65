"""Writes docs/faults.md from the catalogue of faults and the words of the screens.

usage: python scripts/generate_faults.py [--check]     --check: only say whether it is up to date
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultKind, Stops, Until
from edge.ui.texts import Texts

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "faults.md"

_ENDS = {Until.GONE: "by itself", Until.UNPLUG: "with the car", Until.TECHNICIAN: "by a technician",
         Until.RESTART: "at a restart"}
_DC = "for DC charging only"
_LOCK = "there is no cable lock motor in this version"
_FOREIGN = "a maker's own text; what a device of ours reports has a code of its own here"

#: Errors of EVerest's list that no fault here stands for, and why.
NOT_HERE: Mapping[str, str] = MappingProxyType({
    "evse_board_support/MREC20PartialInsertion":
        "a latch switch in the vehicle's connector, which type 2 has not; a plug that is half in "
        "shows as F304, or as no car",
    "evse_board_support/MREC25BrokenLatch": "a type 2 plug has no latch of its own",
    "evse_board_support/MREC26CutCable":
        "no sensor in the cable; a cut pilot wire reads as unplugged, and the contactor opens at once",
    "evse_manager/Internal":
        "a controller that fails ends, drops every relay and is started again; its log tells why",
    "evse_manager/MREC5OverVoltage": _DC,
    "evse_manager/MREC11CableCheckFault": _DC,
    "evse_manager/MREC22ResistanceFault": _DC,
    "evse_manager/VoltagePlausibilityFault": _DC,
    "evse_manager/Inoperative": "a summary of the others; here the connector's status says Faulted",
    "evse_manager/PowermeterTransactionStartFailed":
        "for meters that sign transactions themselves, which this version does not drive; "
        "a start register that cannot be read is F102",
    "ac_rcd/VendorError": _FOREIGN,
    "ac_rcd/VendorWarning": _FOREIGN,
    "powermeter/VendorWarning": _FOREIGN,
    "connector_lock/*": _LOCK,
    "isolation_monitor/*": _DC,
    "over_voltage_monitor/*": _DC,
    "power_supply_DC/*": _DC,
    "payment_terminal/*": "no payment terminal in this version",
    "system/CommunicationFault": "the operating system of the same computer: no line to lose",
})

_HEAD = """# Faults

Generated from `edge/controller/catalogue.py` and the words in `edge/ui/locale/`: do not edit.
`python scripts/generate_faults.py` writes this page; a test compares the two.

At the cabinet the same is told by `forecourt faults`, and by `forecourt faults F201 --language sv` for
one code; with a running controller also which faults stand now, since when, and how often each came.

**Measure in live parts only if you are an electrician.** "Breaker off" means: off, secured against
being switched on, and absence of voltage verified. Insulation is measured behind the contactor, so that
the test voltage does not reach meters, supplies and surge arresters.

After the remedy, `forecourt faults clear F201 --where 1` ends a fault that waits for a technician,
if its cause is gone, and says so if it is not: [at a running site](install.md#9-at-a-running-site).

* **Charging** says what a fault does to the session of each outlet that it concerns. What stands is a
  set: when one fault ends, charging begins again only if no other forbids it.
* **Ends** says how. To acknowledge is not to reset: a fault whose cause stands goes on standing. Those
  that end with the car or by a technician outlast a restart; counts, first and last time do so for all.
* Components are those of OCPP 2.0.1 (part 2, appendix 3); `NotifyEvent` carries them with the code as
  `techCode`. CX codes are the ChargeX minimum required error codes, where their text fits.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_table(), "", *_consequences(), *_sections(), *_others()]).rstrip() + "\n"


def _table() -> Iterator[str]:
    text = Texts("en").text
    yield "| code | name | severity | charging | ends | OCPP component | MREC |"
    yield "|---|---|---|---|---|---|---|"
    for kind in CATALOGUE.values():
        yield (f"| [{kind.code.value}](#{kind.code.value.lower()}) | {kind.name} "
               f"| {text(f'severity.{kind.severity}')} | {kind.stops.value.replace('_', ' ')} "
               f"| {_ENDS[kind.until]} | {kind.component} | {kind.mrec or '-'} |")


def _consequences() -> Iterator[str]:
    text = Texts("en").text
    yield "| charging | in full | faults |"
    yield "|---|---|---|"
    for stops in Stops:
        codes = ", ".join(k.code.value for k in CATALOGUE.values() if k.stops is stops)
        yield f"| {stops.value.replace('_', ' ')} | {text(f'stops.{stops}')} | {codes} |"
    yield ""


def _sections() -> Iterator[str]:
    for kind in CATALOGUE.values():
        yield from _section(kind)


def _section(kind: FaultKind) -> Iterator[str]:
    english, swedish, key = Texts("en"), Texts("sv"), f"fault.{kind.code.value}"
    cause, measure, remedy = english.service(kind.code)
    yield f"## {kind.code.value}"
    yield ""
    yield f"**{kind.name[:1].upper()}{kind.name[1:]}.**"
    yield ""
    yield f"* charging: {english.text(f'stops.{kind.stops}')}"
    yield f"* ends: {english.text(f'until.{kind.until}')}"
    yield f"* driver: {english.text(key)} {english.text(f'{key}.do')}"
    yield f"* förare: {swedish.text(key)} {swedish.text(f'{key}.do')}"
    yield f"* likely cause: {cause}"
    yield f"* measure: {measure}"
    yield f"* remedy: {remedy}"
    if kind.everest:
        yield f"* EVerest: {', '.join(f'`{name}`' for name in kind.everest)}"
    yield ""


def _others() -> Iterator[str]:
    yield "## Errors of EVerest's list that are not here"
    yield ""
    yield "| error | why |"
    yield "|---|---|"
    for name, reason in NOT_HERE.items():
        yield f"| `{name}` | {reason} |"


def is_stale(path: Path) -> bool:
    """Whether this file is not what the catalogue says."""
    return not path.exists() or path.read_text(encoding="utf-8") != page()


def main(argv: list[str]) -> int:
    """Exit status 1: `--check` found a difference."""
    if not is_stale(PAGE):
        return 0
    if "--check" in argv:
        print(f"{PAGE.relative_to(ROOT)}: differs from the catalogue; run {Path(__file__).name}")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
