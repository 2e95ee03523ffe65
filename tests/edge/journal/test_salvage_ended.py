"""A session that has ended, of which the list of sessions is lost: priced if it never was, and once."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.controller.effects import Stream
from edge.controller.idtoken import IdToken
from edge.controller.records import TX_CDR
from edge.controller.session import Instant, Session
from edge.journal.row import Batch, NewRow
from edge.journal.salvage import salvage
from edge.journal.store import Store

SESSION = "92cfaa37e3c03bfe"


def body(*, told: bool, seq_no: int) -> bytes:
    return msgspec.json.encode(Session(
        transaction_id=SESSION, evse_id="1", token=IdToken(ref="r"), plug_seq=1,
        began=Instant(mono_ns=1, boot=1), seq_no=seq_no, told=told))


def event(kind: str) -> NewRow:
    return NewRow(stream=Stream.TX, type="tx.event.v1", data=msgspec.json.encode(
        {"eventType": kind, "transactionInfo": {"transactionId": SESSION}}))


def salvaged(path: Path, *, steps: list[Batch]) -> bytes | None:
    """What is left of the session when the file's first page is overwritten."""
    with closing(Store.open(path, new_epoch=lambda: "00112233aabbccdd")) as store:
        for batch in steps:
            store.append([batch])
    with path.open("r+b") as file:
        file.write(b"\x55" * 512)
    with closing(salvage(path)) as found:
        return found.sessions.get(SESSION)


RUNS = Batch(mono_ns=1, rows=(event("Started"),), sessions={SESSION: body(told=False, seq_no=1)})
ENDS = Batch(mono_ns=2, rows=(event("Ended"),), sessions={SESSION: body(told=True, seq_no=2)})
PRICED = Batch(mono_ns=3, sessions={SESSION: None}, rows=(
    NewRow(stream=Stream.TX, type=TX_CDR, data=msgspec.json.encode({"session_id": SESSION})),))


@pytest.mark.parametrize(("steps", "left"), [
    ([RUNS], body(told=False, seq_no=1)),
    ([RUNS, ENDS], body(told=True, seq_no=2)),
    ([RUNS, ENDS, PRICED], None),
])
def test_a_session_goes_on_until_it_is_priced(
        tmp_path: Path, steps: list[Batch], left: bytes | None) -> None:
    assert salvaged(tmp_path / "journal.db", steps=steps) == left


def test_what_says_less_than_the_rows_is_not_believed(tmp_path: Path) -> None:
    """A page that was given up: it would end a second time."""
    stale = Batch(mono_ns=2, rows=(event("Ended"),))
    assert salvaged(tmp_path / "journal.db", steps=[RUNS, stale]) is None
