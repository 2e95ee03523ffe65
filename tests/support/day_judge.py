"""What must be true of a journal after a day, whatever died in it; and at the moment of a death."""

import contextlib
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec
from day import CARDS, Day

from edge.controller.effects import Stream
from edge.controller.faults import FaultTally
from edge.controller.pilot import PilotState
from edge.controller.wear import ContactorWear
from edge.journal.verify import verify
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

Story = list[dict[str, Any]]


def books(folder: Path, question: str) -> list[tuple[Any, ...]]:
    """What the journal in `folder` says; nothing, if it has no such table yet."""
    path = folder / "journal.db"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'row_tx'").fetchone():
            return []
        return db.execute(question).fetchall()


def stories(folder: Path) -> tuple[dict[str, Story], dict[str, dict[str, Any]]]:
    """The rows of each transaction, and the CDRs. A CDR twice, or before the end, is an error."""
    told: dict[str, Story] = defaultdict(list)
    cdrs: dict[str, dict[str, Any]] = {}
    for type_, data in books(folder, "SELECT type, data FROM row_tx ORDER BY seq"):
        row = msgspec.json.decode(data)
        if type_ == "tx.event.v1":
            told[row["transactionInfo"]["transactionId"]].append(row)
        elif type_ == "tx.cdr.v1":
            assert row["id"] not in cdrs, f"two CDRs of {row['id']}"
            assert told[row["id"]][-1]["eventType"] == "Ended", f"{row['id']}: priced before its end"
            cdrs[row["id"]] = row
    return dict(told), cdrs


def evse_of(story: Story) -> str:
    return str(story[0]["evse"]["customData"]["evseId"])


def judge_death(day: Day, folder: Path) -> set[str]:
    """Power is on, or offered, only where the file says that a session has begun. Returns the EVSEs
    whose session is kept with a register."""
    told, _ = stories(folder)
    kept = [msgspec.json.decode(body) for body, in books(folder, "SELECT body FROM session")]
    open_ = {evse_of(story) for story in told.values() if story[-1]["eventType"] != "Ended"}
    for evse_id, bay in day.bays.items():
        if bay.closed or bay.permit or (bay.told_a and bay.pilot is not PilotState.A):
            assert evse_id in open_, f"power at {evse_id} that no record knows of"
            assert evse_id in {session["evse_id"] for session in kept}, f"nothing kept of {evse_id}"
        if bay.closed:
            assert any(session["start_reading"] for session in kept
                       if session["evse_id"] == evse_id), f"closed at {evse_id} without a register"
    assert all(session["transaction_id"] in told for session in kept), "kept and not recorded"
    return {session["evse_id"] for session in kept if session["start_reading"]}


def judge_end(day: Day, folder: Path, least: Counter[str], most: Counter[str]) -> None:
    """Of the whole day. `least` and `most`: how many sessions each visit may have."""
    found = verify(folder / "journal.db")
    assert not found.breaks, found.breaks
    _cloud_has_all(day, folder)
    told, cdrs = stories(folder)
    for transaction, story in told.items():
        kinds = [row["eventType"] for row in story]
        assert kinds[0] == "Started" and kinds[-1] == "Ended", (transaction, kinds)
        assert kinds.count("Started") == kinds.count("Ended") == 1, (transaction, kinds)
        assert [row["seqNo"] for row in story] == list(range(len(story))), (transaction, "a gap")
    assert sorted(cdrs) == sorted(told), "one CDR for each session"
    assert not books(folder, "SELECT 1 FROM session"), "a session is kept that is closed"
    _energy(day, folder, told, cdrs)
    count = sessions_per_visit(folder)
    assert least <= count <= most, f"{count}, expected {least} to {most}"
    _counters(day, folder)
    _cards(folder)


def _cloud_has_all(day: Day, folder: Path) -> None:
    """Every row of each stream is in the cloud, once and in order; none but old telemetry left."""
    tails = dict(books(folder, "SELECT name, tail FROM stream"))
    assert tails["tx"] == tails["ev"] == 0
    for stream in Stream:
        there = books(folder, f"SELECT seq, type, data, hex(hash) FROM row_{stream.value} ORDER BY seq")
        first = tails[stream.value] + 1
        assert [row[0] for row in there] == list(range(first, first + len(there))), f"{stream}: a gap"
        here = [(seq, type_, data, hash_.upper()) for seq, type_, data, hash_ in
                day.cloud[stream.value]]
        assert [row[0] for row in here] == list(range(1, len(here) + 1)), f"{stream}: twice, or a gap"
        assert here[first - 1:] == there, f"{stream}: the cloud has {len(here)}, the file {len(there)}"


def _energy(day: Day, folder: Path, told: dict[str, Story], cdrs: dict[str, dict[str, Any]]) -> None:
    """What each visit took from the register is what its sessions are billed for, to the Wh."""
    names, billed = _names(folder), defaultdict(int)
    for transaction, cdr in cdrs.items():
        billed[_visit(told[transaction], names)] += round(cdr["total_energy"] * 1000)
    took = {f"{visit.who} at {visit.evse_id}": visit.to_wh - visit.from_wh for visit in day.visits}
    assert billed == took, f"billed {dict(billed)}, metered {took}"
    metered = sum(bay.register_wh - 10_000 for bay in day.bays.values())
    assert sum(billed.values()) == metered, f"billed {dict(billed)}, metered {metered} Wh in all"


def _names(folder: Path) -> dict[str, str]:
    """Whose card each reference is."""
    store = TokenStore.open(folder, Vault.load(folder))
    try:
        return {store.token(uid).ref: who for who, uid in CARDS.items()}
    finally:
        store.close()


def _visit(story: Story, names: dict[str, str]) -> str:
    return f"{names[story[0]['idToken']['idToken']]} at {evse_of(story)}"


def sessions_per_visit(folder: Path, *, still_open: bool = False) -> Counter[str]:
    """How many sessions each visit has; nobody comes to the same outlet twice."""
    names = _names(folder)
    return Counter(_visit(story, names) for story in stories(folder)[0].values()
                   if not still_open or story[-1]["eventType"] != "Ended")


def bills(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What each visit was billed, and for how long, whatever the calendar said."""
    told, cdrs = stories(folder)
    names, found = _names(folder), defaultdict(list)
    for transaction, cdr in cdrs.items():
        found[_visit(told[transaction], names)].append(
            (cdr["total_energy"], cdr["total_time"], cdr["total_cost"]))
    return dict(found)


def _counters(day: Day, folder: Path) -> None:
    """A death costs a contactor's counter at most what was under way; it never adds to a fault's."""
    kept = dict(books(folder, "SELECT key, body FROM kept"))
    for evse_id, bay in day.bays.items():
        wear = msgspec.json.decode(kept[f"wear:{evse_id}"], type=ContactorWear)
        assert bay.closings - len(day.deaths) <= wear.cycles <= bay.closings, (
            f"outlet {evse_id}: {wear.cycles} closings counted, {bay.closings} happened")
    tally = msgspec.json.decode(kept["tally:F401@2"], type=FaultTally)
    assert tally.count == day.trips, f"{day.trips} trips, {tally.count} counted"
    assert "limit:row" not in kept, "a limit that was taken back"


def _cards(folder: Path) -> None:
    store = TokenStore.open(folder, Vault.load(folder))
    try:
        for uid in CARDS.values():
            stored = store.lookup(uid)
            assert stored.record is not None, "a card is missing"
            assert store.unseal(stored.token.sealed, stored.token.ref) == uid
    finally:
        store.close()
