"""Each thing that can be wrong in a controller's figures gets a line with a grade and a remedy."""

from collections.abc import Callable

import msgspec
import pytest
from well import JOURNAL, LINE, UNITS, WELL, unit

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode
from edge.doctor.finding import Finding, Grade, worst_first
from edge.doctor.judge import MANY_ROWS, SLOW_COMMIT_MS, examine
from edge.link.health import (
    ClockHealth,
    CloudHealth,
    FaultHealth,
    Health,
    RecorderHealth,
    StreamHealth,
    SupervisionHealth,
    VitalHealth,
)

replace = msgspec.structs.replace
A, W = Grade.ATTENTION, Grade.WRONG


def journal(**other: object) -> Health:
    return replace(WELL, journal=replace(JOURNAL, **other))


def fault(code: FaultCode, where: str = "1", **other: object) -> FaultHealth:
    kind = CATALOGUE[code]
    return FaultHealth(code=code, name=kind.name, severity=kind.severity, stops=kind.stops, where=where,
                       since_utc="2026-11-21T09:00:00.000Z", **other)


def not_ok(health: Health) -> list[Finding]:
    return [f for f in examine(health, None, {}) if f.grade is not Grade.OK]


def first(of: tuple[object, ...], **other: object) -> tuple[object, ...]:
    return (replace(of[0], **other), *of[1:])


def test_of_a_site_that_is_well_nothing_is_said_to_be_wrong() -> None:
    assert not_ok(WELL) == []


BROKEN = {
    "much memory": (replace(WELL, memory_bytes=220_000_000), A, "controller"),
    "safe stop": (replace(WELL, supervision=SupervisionHealth(safe_stop="3 failed")), W, "safe stop"),
    "a vital is dead": (replace(WELL, supervision=SupervisionHealth(
        vitals=(VitalHealth(name="line cabinet", alive=False),))), W, "watchdog"),
    "restarts": (replace(WELL, supervision=SupervisionHealth(restarts=2)), A, "restarts"),
    "line down": (replace(WELL, lines=(replace(LINE, down="No such file"),)), W, "bus cabinet"),
    "whole line silent": (replace(WELL, lines=(replace(LINE, units=tuple(
        replace(u, silent=9) for u in UNITS)),)), W, "bus cabinet"),
    "one unit silent": (replace(WELL, lines=(replace(LINE, units=first(UNITS, silent=9)),)), A,
                        "bus cabinet"),
    "another master": (replace(WELL, lines=(replace(LINE, another_master=True),)), A, "bus cabinet"),
    "echo": (replace(WELL, lines=(replace(LINE, echo=True),)), A, "bus cabinet"),
    "spoilt": (replace(WELL, lines=(replace(LINE, units=first(UNITS, bad=60, crc_errors=50)),)), A,
               "bus cabinet"),
    "noise": (replace(WELL, lines=(replace(LINE, units=first(UNITS, bad=60)),)), A, "bus cabinet"),
    "board silent": (replace(WELL, boards=first(WELL.boards, error="timeout")), W, "board 1"),
    "board never seen": (replace(WELL, boards=first(WELL.boards, age_s=None)), W, "board 1"),
    "board old": (replace(WELL, boards=first(WELL.boards, age_s=3.5)), W, "board 1"),
    "site meter": (replace(WELL, meters=first(WELL.meters, error="timeout")), A, "meter main"),
    "bay's meter": (replace(WELL, meters=tuple(replace(m, age_s=11.0) if m.id == "bay-1" else m
                                               for m in WELL.meters)), W, "meter bay-1"),
    "reader": (replace(WELL, readers=first(WELL.readers, error="no device")), W, "reader front"),
    "reader process": (replace(WELL, readers=first(WELL.readers, pid=None)), W, "reader front"),
    "sensor": (replace(WELL, sensors=first(WELL.sensors, celsius=None)), A, "sensor cabinet"),
    "input": (replace(WELL, inputs=first(WELL.inputs, active=None)), W, "input door"),
    "out of service": (replace(WELL, evses=first(WELL.evses, operational=False)), A, "evse 1"),
    "journal's thread": (journal(alive=False), W, "journal"),
    "journal cannot write": (journal(error="disk full"), W, "journal"),
    "slow card": (journal(p99_ms=SLOW_COMMIT_MS + 1), A, "journal"),
    "journal hurt": (journal(hurt="row 7"), A, "journal"),
    "recorder fails": (replace(WELL, recorder=RecorderHealth(on=True, error="full")), A, "recorder"),
    "recorder off": (replace(WELL, recorder=RecorderHealth(on=False)), A, "recorder"),
    "recorder behind": (replace(WELL, recorder=RecorderHealth(on=True, lost=3)), A, "recorder"),
    "clock": (replace(WELL, clock=ClockHealth(ok=False, utc=None, why="behind")), A, "clock"),
    "disk mute": (replace(WELL, disk=replace(WELL.disk, free_bytes=None)), A, "state folder"),
    "sync gone": (replace(WELL, clients=()), A, "sync"),
    "no line": (replace(WELL, cloud=replace(WELL.cloud, connected=False)), A, "sync"),
    "never acknowledged": (replace(
        WELL, cloud=CloudHealth(configured=True, connected=True, last_ack_age_s=4000.0, pending={})),
        A, "sync"),
    "many rows": (journal(streams={"ev": StreamHealth(seq=MANY_ROWS + 1, acked=0)}), A, "sync"),
}


@pytest.mark.parametrize(("health", "grade", "part"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_has_a_line_with_a_remedy(health: Health, grade: Grade, part: str) -> None:
    found = not_ok(health)
    assert [(f.grade, f.part) for f in found] == [(grade, part)]
    assert found[0].remedy


def test_a_site_without_a_cloud_lacks_nothing() -> None:
    none = CloudHealth(configured=False, connected=None, last_ack_age_s=None, pending={})
    assert not_ok(replace(WELL, cloud=none, clients=())) == []


@pytest.mark.parametrize(("code", "grade"), [
    (FaultCode.METER_SILENT, W), (FaultCode.CONTACTOR_WELDED, W), (FaultCode.READER_LOST, W),
    (FaultCode.JOURNAL_STALLED, W), (FaultCode.JOURNAL_FULL, W), (FaultCode.HOT, A),
    (FaultCode.HAMMERING, A), (FaultCode.CLOUD_OFFLINE, A), (FaultCode.DISK_LOW, A)])
def test_a_fault_that_keeps_somebody_from_charging_is_wrong(code: FaultCode, grade: Grade) -> None:
    health = replace(WELL, faults=(fault(code, detail="why", count=3),))
    (found,) = not_ok(health)
    assert (found.grade, found.part) == (grade, f"{code} 1")
    assert "why" in found.what and "3 times" in found.what and "2026-11-21T09:00:00Z" in found.what
    assert code in found.remedy  # without the catalogue of words: where to read it


def test_a_faults_remedy_is_that_of_the_catalogue() -> None:
    health = replace(WELL, faults=(fault(FaultCode.HOT),))
    (found,) = [f for f in examine(health, None, {"F407": "Give it air."}) if f.grade is not Grade.OK]
    assert found.remedy == "Give it air."


SAME: dict[str, tuple[FaultCode, str, Callable[[], Health]]] = {
    "meter": (FaultCode.METER_SILENT, "bay-1", lambda: BROKEN["bay's meter"][0]),
    "board": (FaultCode.BOARD_LOST, "1", lambda: BROKEN["board silent"][0]),
    "reader": (FaultCode.READER_LOST, "front", lambda: BROKEN["reader"][0]),
    "sensor": (FaultCode.SENSOR_LOST, "cabinet", lambda: BROKEN["sensor"][0]),
    "input": (FaultCode.INPUT_LOST, "door", lambda: BROKEN["input"][0]),
    "journal": (FaultCode.JOURNAL_STALLED, "site", lambda: BROKEN["journal cannot write"][0]),
    "slow": (FaultCode.JOURNAL_SLOW, "journal", lambda: BROKEN["slow card"][0]),
    "damage": (FaultCode.JOURNAL_DAMAGED, "site", lambda: BROKEN["journal hurt"][0]),
    "clock": (FaultCode.CLOCK_UNTRUSTED, "site", lambda: BROKEN["clock"][0]),
    "cloud": (FaultCode.CLOUD_OFFLINE, "site", lambda: BROKEN["no line"][0]),
}


@pytest.mark.parametrize(("code", "where", "health"), SAME.values(), ids=SAME)
def test_one_trouble_is_told_once(code: FaultCode, where: str, health: Callable[[], Health]) -> None:
    found = not_ok(replace(health(), faults=(fault(code, where),)))
    assert [f.part for f in found] == [f"{code} {where}"]


def test_another_place_is_told_besides_the_fault() -> None:
    health = replace(BROKEN["board silent"][0], faults=(fault(FaultCode.BOARD_LOST, "2"),))
    assert {f.part for f in not_ok(health)} == {"F101 2", "board 1"}


def test_the_rate_of_errors_is_that_of_now() -> None:
    before = replace(WELL, lines=(replace(LINE, units=first(UNITS, bad=500)),))
    now = replace(WELL, lines=(replace(LINE, units=first(UNITS, bad=500, answers=1040)),))
    assert [f for f in examine(now, before, {}) if f.grade is not Grade.OK] == []
    worse = replace(WELL, lines=(replace(LINE, units=first(UNITS, bad=520, answers=1020)),))
    (found,) = [f for f in examine(worse, before, {}) if f.grade is not Grade.OK]
    assert "50.0% of 40 requests" in found.what


def test_few_requests_are_no_rate() -> None:
    young = replace(WELL, lines=(replace(LINE, units=(unit(1, "meter main", answers=3, bad=2),)),))
    assert not_ok(young) == []


def test_of_many_units_only_those_that_are_not_well_are_listed() -> None:
    def said(units: tuple[object, ...]) -> list[str]:
        found = examine(replace(WELL, lines=(replace(LINE, units=units),)), None, {})
        return [f.what for f in found if f.part == "bus cabinet"]
    many = tuple(unit(n, f"meter m{n}") for n in range(1, 31))
    (line,) = said(many)
    assert "all 30 units answer" in line
    (line,) = said(first(many, silent=5))
    assert "meter m1:" in line


def test_a_unit_that_the_file_does_not_name_is_said_to_be_none() -> None:
    lines = (replace(LINE, units=(unit(40, ""), unit(1, "meter main"))),)
    found = examine(replace(WELL, lines=lines), None, {})
    assert any("40 (not in the site file)" in f.what for f in found)


DEAD = replace(LINE, units=tuple(replace(u, silent=9) for u in UNITS))


def test_a_line_that_is_dead_comes_before_what_follows_from_it_and_a_danger_before_all() -> None:
    health = replace(WELL, lines=(DEAD,), faults=(
        fault(FaultCode.BOARD_LOST), fault(FaultCode.METER_SILENT, "bay-1"),
        fault(FaultCode.CONTACTOR_WELDED), fault(FaultCode.TEMPERATURE)))
    found = [f for f in worst_first(examine(health, None, {"F405": "Cool it."})) if f.grade is W]
    assert [f.part for f in found] == ["F201 1", "bus cabinet", "F101 1", "F102 bay-1", "F405 1"]
    assert [f.remedy.startswith("Follows from bus cabinet") for f in found] == [
        False, False, True, True, False]


def test_a_device_alone_follows_from_nothing() -> None:
    lines = (replace(LINE, units=first(UNITS, silent=9)),)
    (found,) = [f for f in not_ok(replace(WELL, lines=lines, faults=(
        fault(FaultCode.SITE_METER, "main"),))) if f.part == "F106 main"]
    assert "Follows" not in found.remedy


def test_what_failed_before_and_answers_now_is_well() -> None:
    before = replace(WELL, lines=(replace(LINE, units=first(UNITS, timeouts=800)),))
    now = replace(WELL, lines=(replace(LINE, units=first(UNITS, timeouts=800, answers=1003)),))
    assert [f for f in examine(now, before, {}) if f.grade is not Grade.OK] == []
    worse = replace(WELL, lines=(replace(LINE, units=first(UNITS, timeouts=801, answers=1002)),))
    assert [f.part for f in examine(worse, before, {}) if f.grade is not Grade.OK] == ["bus cabinet"]


def test_a_gateways_remedies_speak_of_the_network_and_a_ports_of_the_adapter():
    silent = tuple(replace(one, silent=9) for one in UNITS)
    for trouble, at_port, at_gateway in (({"down": "gone"}, "adapter", "network"),
                                         ({"units": silent}, "the adapter", "behind the gateway")):
        for where, word in (("/dev/ttyUSB0", at_port), ("192.0.2.7:502", at_gateway)):
            line = replace(LINE, where=where, **trouble)
            found = examine(replace(WELL, lines=(line,)), None, {})
            remedy, = [one.remedy for one in found if one.part == "bus cabinet"]
            assert word in remedy and (("gateway" in remedy) is (where[0] != "/"))


def test_a_unit_that_is_well_and_odd_is_told_with_its_oddity():
    units = (unit(3, "meter bay-2", crc_errors=2, gap_ms=4.6),)
    odd = replace(WELL, lines=(replace(LINE, units=units),))
    told, = [found.what for found in examine(odd, None, {}) if found.part == "bus cabinet"]
    assert told.endswith(" answers, 0.0% lost, 11 ms, 2 CRC errors, wants 5 ms of silence before")
