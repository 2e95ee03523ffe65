"""The figures of a small site that is well, for tests of the doctor."""

from edge.link.health import (
    BoardHealth,
    ClientHealth,
    ClockHealth,
    CloudHealth,
    DiskHealth,
    EvseHealth,
    Health,
    InputHealth,
    JournalHealth,
    LineHealth,
    MeterHealth,
    ReaderHealth,
    RecorderHealth,
    SensorHealth,
    StreamHealth,
    SupervisionHealth,
    UnitHealth,
    VitalHealth,
)


def unit(number: int, who: str, **other: object) -> UnitHealth:
    """A unit that answers."""
    usual = {"answers": 1000, "refusals": 0, "timeouts": 0, "bad": 0, "silent": 0, "typical_ms": 11.0,
             "worst_ms": 40.0}
    return UnitHealth(unit=number, who=who, **(usual | other))


UNITS = (unit(1, "meter main"), unit(2, "meter bay-1"), unit(3, "meter bay-2"),
         unit(11, "board of evse 1"), unit(12, "board of evse 2"))
LINE = LineHealth(id="cabinet", where="/dev/forecourt-rs485", down=None, requests=5000, downs=0,
                  busy_s=60.0, worst_wait_ms=80.0, units=UNITS)
JOURNAL = JournalHealth(
    epoch="00112233445566aa", boot=3, new=False, sqlite="3.51.3", alive=True, commits=900, rows=2000,
    streams={"tx": StreamHealth(seq=100, acked=100), "ev": StreamHealth(seq=50, acked=50),
             "tm": StreamHealth(seq=5000, acked=4999)},
    failures=0, last_ms=12.0, max_ms=80.0, file_bytes=20_000_000, p50_ms=11.0, p99_ms=30.0)
WELL = Health(
    software="0.1.0", site_id="SE*FCT*E0001", virtual=False, pid=411, boot=3, mono_ns=10**15,
    uptime_s=90_000.0, memory_bytes=80_000_000,
    clock=ClockHealth(ok=True, utc="2026-11-21T10:00:00.000Z"), journal=JOURNAL,
    disk=DiskHealth(folder="/var/lib/forecourt", free_bytes=20_000_000_000, low_bytes=500_000_000,
                    full_bytes=50_000_000),
    cloud=CloudHealth(configured=True, connected=True, last_ack_age_s=4.0, pending={}),
    recorder=RecorderHealth(on=True, bytes=3_000_000, segments=360, pins=1),
    supervision=SupervisionHealth(vitals=(VitalHealth(name="loop", alive=True),), watchdog_s=5.0),
    lines=(LINE,),
    boards=tuple(BoardHealth(evse_id=evse, where=f"unit 1{evse} on cabinet", age_s=0.1, firmware="0.3",
                             boots=1) for evse in "12"),
    meters=tuple(MeterHealth(id=name, where=f"unit {n} on cabinet", age_s=0.5, bills=n > 1)
                 for n, name in enumerate(("main", "bay-1", "bay-2"), 1)),
    readers=(ReaderHealth(id="front", path="tty:forecourt-rfid:pn532", pid=420),),
    sensors=(SensorHealth(id="cabinet", place="cabinet", celsius=31.0, age_s=1.0),),
    inputs=(InputHealth(id="door", kind="door", active=False),),
    clients=(ClientHealth(origin="sync", pid=430, uid=990),
             ClientHealth(origin="ui", pid=440, uid=991)),
    evses=(EvseHealth(id="1", state="Occupied", charging=True, operational=True),
           EvseHealth(id="2", state="Available", charging=False, operational=True)))
