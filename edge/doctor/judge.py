"""What a running controller's figures mean, part by part. Pure: `Health` in, findings out.

Limits are those of the core where it has one (a fault stands then, and its line carries the remedy);
the others are our own choice and say so.
"""

from collections.abc import Iterator, Mapping

from edge.controller.faults import FaultCode, Severity, Stops
from edge.doctor.finding import Finding, Grade, attention, ok, wrong
from edge.doctor.judge_bus import buses, dead
from edge.doctor.words import many, megabytes, span
from edge.link.health import FaultHealth, Health

#: Faults that let a session run and keep the next one from starting.
_NO_START = frozenset({FaultCode.READER_LOST, FaultCode.JOURNAL_STALLED})
#: Our own choice, as are the others here: a commit takes 5 to 30 ms on a good card.
SLOW_COMMIT_MS = 250.0
MANY_ROWS = 5000
LONG_ACK_S = 3600.0
MUCH_MEMORY = 200_000_000  # the unit's MemoryMax is 256 MB

Remedies = Mapping[str, str]
"""By fault code: what to do."""


def examine(now: Health, before: Health | None, remedies: Remedies) -> list[Finding]:
    """Every part of a controller that answers. `before`: the same some seconds ago, for rates."""
    dangers, others = _faults(now, remedies)
    return [*dangers, *buses(now, before), *others, *_controller(now), *_boards(now), *_meters(now),
            *_readers(now), *_senses(now), *_outlets(now), *_journal(now), *_recorder(now),
            *_clock(now), *_disk(now), *_sync(now)]


def known(now: Health, code: FaultCode, where: str | None = None) -> bool:
    """Whether a fault tells it already, with its remedy."""
    return any(f.code is code and (where is None or f.where == where) for f in now.faults)


def _grade(code: FaultCode, severity: Severity, stops: Stops) -> Grade:
    if code in _NO_START:
        return Grade.WRONG
    if stops in (Stops.DERATE, Stops.NOTHING):
        return Grade.ATTENTION
    # A pause of the contactor's own making ends by itself.
    paused = severity is Severity.NOTICE and stops is Stops.PAUSE
    return Grade.ATTENTION if paused else Grade.WRONG


def _faults(now: Health, remedies: Remedies) -> tuple[list[Finding], list[Finding]]:
    """Dangers, and all others: between them stands what may be the cause of many."""
    found = sorted(now.faults, key=lambda f: (f.code, f.where))
    dangers = [f for f in found if f.severity is Severity.DANGER]
    others = [_fault(now, f, remedies) for f in found if f.severity is not Severity.DANGER]
    return ([_fault(now, f, remedies) for f in dangers],
            others if found else [ok("faults", "none stands")])


def _fault(now: Health, fault: FaultHealth, remedies: Remedies) -> Finding:
    since = f" since {fault.since_utc[:19]}Z" if fault.since_utc else ""
    detail = f": {fault.detail}" if fault.detail else ""
    times = f", {fault.count} times so far" if fault.count > 1 else ""
    line = _dead_line(now, fault)
    return Finding(
        grade=_grade(fault.code, fault.severity, fault.stops), part=f"{fault.code} {fault.where}",
        what=f"{fault.name}{since}{times}{detail}",
        remedy=f"Follows from bus {line}: mend that first." if line is not None
        else remedies.get(fault.code) or f"Run `forecourt faults {fault.code}`.")


def _dead_line(now: Health, fault: FaultHealth) -> str | None:
    """The line on which a silent device hangs, if all of it is silent."""
    if fault.code is FaultCode.BOARD_LOST:
        places = {board.evse_id: board.where for board in now.boards}
    elif fault.code in (FaultCode.METER_SILENT, FaultCode.SITE_METER):
        places = {meter.id: meter.where for meter in now.meters}
    else:
        return None
    where = places.get(fault.where, "")
    return next((line.id for line in now.lines
                 if dead(line) and where.endswith(f" on {line.id}")), None)


def _controller(now: Health) -> Iterator[Finding]:
    memory = "" if now.memory_bytes is None else f", {megabytes(now.memory_bytes)}"
    what = f"answers; pid {now.pid}, up {span(now.uptime_s)}, boot {now.boot}{memory}"
    if now.memory_bytes is not None and now.memory_bytes > MUCH_MEMORY:
        yield attention("controller", what, "It uses much memory: make a bundle with "
                        "`forecourt diagnostics` and report it, then restart when no car charges.")
    else:
        yield ok("controller", what)
    watched = now.supervision
    if watched is None:
        return
    if watched.safe_stop:
        yield wrong("safe stop", watched.safe_stop, "Mend the cause, then "
                    "`forecourt faults clear F606`; report it with `forecourt diagnostics`.")
    dead = [vital for vital in watched.vitals if not vital.alive]
    for vital in dead:
        yield wrong("watchdog", f"{vital.name} gives no sign of life {vital.detail}".rstrip(),
                    "systemd restarts the controller by itself; if it stays, "
                    "`sudo systemctl restart forecourt`, then report it.")
    fed = "" if watched.watchdog_s is None else f", systemd waits {watched.watchdog_s:g} s"
    if watched.restarts:
        yield attention("restarts", f"{watched.restarts} in the last ten minutes",
                        "Read why: `journalctl -u forecourt -n 200`; the third leads to a safe stop.")
    if watched.vitals and not dead:
        yield ok("watchdog", f"{many(len(watched.vitals), 'thing')} watched, all alive{fed}")


def _boards(now: Health) -> Iterator[Finding]:
    well = 0
    for board in now.boards:
        if board.error is None and board.age_s is not None and board.age_s < 3.0:
            well += 1
        elif not known(now, FaultCode.BOARD_LOST, board.evse_id):
            yield wrong(f"board {board.evse_id}", f"{board.where}: {board.error or 'never answered'}",
                        "Check its 12 V supply, the A and B wires and its unit id; then "
                        "`forecourt board info` with the controller stopped.")
    if well == len(now.boards):
        versions = ", ".join(sorted({board.firmware for board in now.boards if board.firmware}))
        yield ok("boards", f"all {well} answer" + (f", firmware {versions}" if versions else ""))


def _meters(now: Health) -> Iterator[Finding]:
    well = 0
    for meter in now.meters:
        if meter.error is None and meter.age_s is not None and meter.age_s < 10.0:
            well += 1
        elif not any(known(now, code, meter.id) for code in (
                FaultCode.METER_SILENT, FaultCode.METER_IMPLAUSIBLE, FaultCode.METER_CONTRADICTS,
                FaultCode.SITE_METER)):
            yield (wrong if meter.bills else attention)(
                f"meter {meter.id}", f"{meter.where}: {meter.error or 'no reading yet'}",
                "Check its supply, the A and B wires, unit id, baud rate and parity.")
    if well == len(now.meters):
        oldest = max((meter.age_s or 0.0 for meter in now.meters), default=0.0)
        yield ok("meters", f"all {well} read, the oldest value is {oldest:.1f} s old")


def _readers(now: Health) -> Iterator[Finding]:
    lost = [reader for reader in now.readers if reader.error is not None or reader.pid is None]
    for reader in lost:
        if not known(now, FaultCode.READER_LOST, reader.id):
            yield wrong(f"reader {reader.id}", f"{reader.path}: {reader.error or 'no process'}",
                        "Check its cable; the controller starts its process anew by itself.")
    if now.readers and not lost:
        pids = ", ".join(f"{reader.id} (pid {reader.pid})" for reader in now.readers)
        yield ok("readers", f"all {len(now.readers)} look for cards: {pids}")


def _senses(now: Health) -> Iterator[Finding]:
    for sensor in now.sensors:
        if sensor.celsius is None and not known(now, FaultCode.SENSOR_LOST, sensor.id):
            yield attention(f"sensor {sensor.id}", "gives no value", "Check its wire and its file.")
    for contact in now.inputs:
        if contact.active is None and not known(now, FaultCode.INPUT_LOST, contact.id):
            yield wrong(f"input {contact.id}", "cannot be read", "Check its wire and its pin.")
    warm = [s for s in now.sensors if s.celsius is not None]
    if warm and len(warm) == len(now.sensors):
        yield ok("sensors", ", ".join(f"{s.id} {s.celsius:.0f} C" for s in warm))
    quiet = [contact for contact in now.inputs if contact.active is False]
    if quiet and len(quiet) == len(now.inputs):
        yield ok("inputs", f"all {len(quiet)} at rest")


def _outlets(now: Health) -> Iterator[Finding]:
    for evse in now.evses:
        if not evse.operational:
            yield attention(f"evse {evse.id}", "taken out of service by a person or the cloud",
                            f"`forecourt evse in-service {evse.id}` when it may serve again.")
    charging = sum(evse.charging for evse in now.evses)
    yield ok("evses", f"{charging} of {len(now.evses)} charge; "
             + ", ".join(f"{evse.id}: {evse.state}" for evse in now.evses))


def _journal(now: Health) -> Iterator[Finding]:
    found = now.journal
    if not found.alive:
        yield wrong("journal", "its thread has ended", "`sudo systemctl restart forecourt`")
    elif not known(now, FaultCode.JOURNAL_STALLED):
        if found.error is not None:
            yield wrong("journal", found.error, "Check the disk: `dmesg | tail`, `df -h`.")
        elif ((slow_ms := found.p99_ms or found.last_ms) > SLOW_COMMIT_MS
                and not known(now, FaultCode.JOURNAL_SLOW)):
            yield attention("journal", f"a row takes {slow_ms:.0f} ms to the disk (limit "
                            f"{SLOW_COMMIT_MS:.0f} ms)", "The card is slow or near its end: "
                            "order one, copy the journal, replace it at the next visit.")
    if found.hurt and not known(now, FaultCode.JOURNAL_DAMAGED):
        yield attention("journal", f"found damaged: {found.hurt}",
                        "Run `forecourt diagnostics`, and replace the card at the next visit.")
    rows = ", ".join(f"{name} {head.seq}" for name, head in found.streams.items())
    typical_ms = found.last_ms if found.p50_ms is None else found.p50_ms
    day = "" if found.day_bytes is None else f", {megabytes(found.day_bytes)} written today"
    kept = f", {many(len(found.set_aside), 'damaged file')} kept" if found.set_aside else ""
    yield ok("rows", f"epoch {found.epoch}, rows {rows}; {megabytes(found.file_bytes)}{day}; commit "
             f"{typical_ms:.0f} ms, worst {found.max_ms:.0f} ms{kept}")


def _recorder(now: Health) -> Iterator[Finding]:
    found = now.recorder
    if found is None:
        return
    remedy = "Charging goes on without it; check the disk, then `forecourt diagnostics`."
    if found.error is not None or not found.on:
        yield attention("recorder", found.error or "it is off", remedy)
    elif found.lost:
        yield attention("recorder", f"{found.lost} events were not kept: the disk was too slow", remedy)
    else:
        since = f", since {found.oldest_utc[:19]}Z" if found.oldest_utc else ""
        yield ok("recorder", f"{many(found.segments, 'segment')}, {megabytes(found.bytes)}{since}; "
                 f"{many(found.pins, 'pin')}")


def _clock(now: Health) -> Iterator[Finding]:
    if now.clock.ok:
        yield ok("clock", f"trusted, {(now.clock.utc or '')[:19]}Z")
    elif not known(now, FaultCode.CLOCK_UNTRUSTED):
        yield attention("clock", f"not trusted: {now.clock.why}",
                        "Sessions go on by monotonic time. Check the network and `timedatectl`; "
                        "a Pi without a clock battery needs a time server after each start.")


def _disk(now: Health) -> Iterator[Finding]:
    found = now.disk
    if found.free_bytes is None:
        yield attention("state folder", f"{found.folder} did not answer",
                        "The card hangs or has failed: `dmesg | tail`.")
    elif known(now, FaultCode.DISK_LOW) or known(now, FaultCode.JOURNAL_FULL):
        return
    else:
        yield ok("state folder", f"{megabytes(found.free_bytes)} free for the journal; warns below "
                 f"{megabytes(found.low_bytes)}, stops at {megabytes(found.full_bytes)}")


def _sync(now: Health) -> Iterator[Finding]:
    cloud, heads = now.cloud, now.journal.streams
    if not cloud.configured:
        yield ok("sync", "this site has no cloud")
        return
    waiting = {name: head.seq - head.acked for name, head in heads.items() if head.seq > head.acked}
    rows = ", ".join(f"{name} {count}" for name, count in waiting.items()) or "none"
    age_s = cloud.last_ack_age_s
    last = "never acknowledged" if age_s is None else f"last acknowledged {span(age_s)} ago"
    what = f"{last}; rows that wait: {rows}"
    if not any(client.origin == "sync" for client in now.clients):
        yield attention("sync", f"no sync process is connected; {what}", "`sudo systemctl restart "
                        "forecourt-sync`, then `journalctl -u forecourt-sync -n 50`.")
    elif not cloud.connected:
        if not known(now, FaultCode.CLOUD_OFFLINE):
            yield attention("sync", f"no line to the broker; {what}",
                            "Check the network and the broker. Nothing is lost meanwhile.")
    elif sum(waiting.values()) > MANY_ROWS or (
            waiting and age_s is not None and age_s > LONG_ACK_S):
        yield attention("sync", f"connected, yet {what}",
                        "The line works: look at the ingest, on the cloud's machine.")
    else:
        yield ok("sync", f"connected; {what}")
