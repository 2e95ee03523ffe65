"""What the last controller left is handed in, in order, and nothing unreadable stops a start."""

import msgspec
import pytest
from core_desk import plan

from edge.controller import kept
from edge.controller.core import step
from edge.controller.effects import Stream
from edge.controller.events import (
    AvailabilityRestored,
    Event,
    Header,
    JournalHurt,
    LimitRestored,
    OutletFound,
    SessionRestored,
    SessionSetAside,
    Stamped,
    Started,
    TallyRestored,
    WearRestored,
)
from edge.controller.faults import FaultCode, FaultTally
from edge.controller.idtoken import IdToken
from edge.controller.session import Instant, Session
from edge.controller.state import Limit, initial
from edge.controller.wear import ContactorWear
from edge.journal.errors import JournalError
from edge.journal.row import Batch, NewRow
from edge.station.restoring import COMPUTER_BOOT, open_journal, restore

SESSION = Session(transaction_id="t1", evse_id="1", token=IdToken(ref="a" * 32), plug_seq=1,
                  began=Instant(mono_ns=0, boot=1), meter_id="bay-1", last_wh=4711)
WEAR = ContactorWear(evse_id="1", cycles=7)
TALLY = FaultTally(code=FaultCode.DIODE, where="1", count=2)
S = 10**9
AT = Header(mono_ns=100 * S, boot=2, fresh_id="x")


class Books:
    """A journal's kept part in memory."""

    def __init__(self, sessions: dict[str, bytes], values: dict[str, bytes], *,
                 new: bool = False) -> None:
        self.epoch, self.new = "00112233aabbccdd", new
        self._sessions, self._values = sessions, values

    async def sessions(self) -> dict[str, bytes]:
        return self._sessions

    async def kept(self) -> dict[str, bytes]:
        return self._values


class Meter:
    def __init__(self) -> None:
        self.resumed: list[tuple[int, int | None]] = []

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None:
        self.resumed.append((energy_wh, since_ns))


def body(keep: object) -> tuple[str, bytes]:
    return keep.key, bytes(keep.data)  # type: ignore[attr-defined]


async def handed_in(books: Books, *, computer: str | None = "now", **options: object
                    ) -> tuple[list[Event], Batch | None, Meter]:
    events: list[Event] = []
    meter = Meter()
    batch = await restore(books, hand_in=events.append, meters={"bay-1": meter}, software="9",
                          found=[OutletFound(evse_id="1", relay_on=True, pi_mirror_closed=True)],
                          computer=computer, **{"at": AT, **options})  # type: ignore[arg-type]
    return events, batch, meter


async def test_everything_comes_before_the_start_and_the_meter_learns_its_register():
    values = dict([body(kept.keep_wear(WEAR)), body(kept.keep_tally(TALLY)),
                   body(kept.keep_availability("2", operational=False))])
    events, _, meter = await handed_in(Books({"t1": msgspec.json.encode(SESSION)}, values))
    assert events == [
        WearRestored(wear=WEAR), TallyRestored(tally=TALLY),
        AvailabilityRestored(evse_id="2", operational=False), SessionRestored(session=SESSION),
        OutletFound(evse_id="1", relay_on=True, pi_mirror_closed=True),
        Started(software="9", epoch="00112233aabbccdd", mains_back=True)]
    assert meter.resumed == [(4711, None)], "nobody knows how long ago"


@pytest.mark.parametrize(("before", "since_ns"), [(b"now", 25 * S), (b"before", None)])
async def test_the_meter_learns_how_long_ago_its_register_was_believed(before, since_ns):
    session = msgspec.structs.replace(SESSION, saved=Instant(mono_ns=40 * S, boot=1))
    books = Books({"t1": msgspec.json.encode(session)}, {COMPUTER_BOOT: before})
    _, _, meter = await handed_in(books)
    assert meter.resumed == [(4711, since_ns)], "only a clock that went on can tell"


def test_what_is_in_service_is_not_kept():
    assert kept.keep_availability("2", operational=True).data is None


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff", b"[]", b'{"transaction_id":"t1"}', b"null",
                                     msgspec.json.encode(SESSION)])
async def test_a_session_that_cannot_be_read_is_named_and_the_others_go_on(garbage):
    books = Books({"bad": garbage, "t1": msgspec.json.encode(SESSION)}, {})
    events, batch, _ = await handed_in(books)
    aside, = [e for e in events if isinstance(e, SessionSetAside)]
    assert aside.transaction_id == "bad" and "cannot be read" in aside.error
    assert SessionRestored(session=SESSION) in events and isinstance(events[-1], Started)
    assert batch is None or not batch.sessions, "its bytes stay where they are"
    site = initial(plan(1))
    for n, event in enumerate(events):
        site, _ = step(site, Stamped(at=Header(mono_ns=n + 1, boot=2, fresh_id=str(n)), event=event))
    assert "F602@sessions" in site.faults


@pytest.mark.parametrize(("key", "assumed"), [
    ("wear:2", []), ("tally:F301@1", []),
    ("available:1", [AvailabilityRestored(evse_id="1", operational=False)]),
    ("limit:1", [LimitRestored(where="1", limit=Limit(current_a=0.0, because="limit"))])])
async def test_a_kept_value_that_cannot_be_read_is_said_and_grants_nothing(key, assumed):
    events, _, _ = await handed_in(Books({}, {key: b"\xff{", **dict([body(kept.keep_wear(WEAR))])}))
    aside, *others = events
    assert isinstance(aside, SessionSetAside) and aside.transaction_id == key
    assert others[:len(assumed)] == assumed
    assert [type(e) for e in others[len(assumed):]] == [WearRestored, OutletFound, Started]


@pytest.mark.parametrize(("before", "now", "new", "back", "written"), [
    ("a", "a", False, False, False), ("a", "b", False, True, True), (None, "b", False, True, True),
    (None, "b", True, False, True), ("a", None, False, True, True), ("", None, False, False, False)])
async def test_the_computer_started_anew_if_its_id_is_not_the_one_that_was_kept(
        before, now, new, back, written):
    values = {} if before is None else {COMPUTER_BOOT: before.encode()}
    events, batch, _ = await handed_in(Books({}, values, new=new), computer=now)
    started = events[-1]
    assert isinstance(started, Started) and (started.mains_back, started.journal_new) == (back, new)
    assert (batch is not None) is written
    if batch is not None:
        assert batch.kept == {COMPUTER_BOOT: (now or "").encode()}


async def test_a_damaged_journal_is_set_aside_and_said_to_be(tmp_path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    journal, hurt = await open_journal(path)
    assert hurt is not None and "not a database" in str(hurt)
    events, _, _ = await handed_in(Books({}, {}), hurt=hurt)
    assert events[0] == JournalHurt(error=str(hurt))
    assert isinstance(events[-1], Started) and events[-1].journal_new
    row = NewRow(stream=Stream.EV, type="ev.fault.v1", data=b'{"techCode":"F602"}')
    await journal.append(Batch(mono_ns=1, rows=(row,)))
    await journal.close()
    journal, hurt = await open_journal(path)
    assert hurt is None and not journal.new
    await journal.close()


async def test_who_waits_for_a_start_hears_that_a_journal_is_being_mended(tmp_path):
    path, told = tmp_path / "journal.db", []
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    journal, _ = await open_journal(path, told.append, look_s=0.001)
    await journal.close()
    assert told[0] == 0.0 and told == sorted(told)
    told.clear()
    journal, _ = await open_journal(path, told.append)
    await journal.close()
    assert told == []


async def test_a_journal_that_cannot_be_mended_is_missing_and_no_defect(tmp_path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    (tmp_path / "journal.db.new").mkdir()
    (tmp_path / "journal.db.new" / "in the way").touch()
    with pytest.raises(JournalError):
        await open_journal(path)
