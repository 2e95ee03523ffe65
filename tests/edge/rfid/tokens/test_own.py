"""Many cards at once: what was known of one of them and a sheet cannot know stays."""

import pytest
from hasty import Hasty

from edge.controller.idtoken import TokenStatus
from edge.rfid.tokens.csv_import import Read
from edge.rfid.tokens.list_entry import Card
from edge.rfid.tokens.own import enter
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

LOST, OTHER = bytes.fromhex("04A3C6CAE26180"), bytes.fromhex("DEADBEEF")


@pytest.fixture
def store(tmp_path):
    store = TokenStore.open(tmp_path, Vault.load(tmp_path), factory=Hasty)
    yield store
    store.close()


def test_a_sheet_lets_no_card_in_that_was_blocked(store):
    """The sheet is older than the loss of the card."""
    for uid in (LOST, OTHER):
        store.add(uid)
    store.block(LOST)
    sheet = [Read(line=line, uid=uid, card=Card(contract="C1"))
             for line, uid in enumerate((LOST, OTHER), 2)]
    enter(store, sheet, apply=True)
    for uid, status in ((LOST, TokenStatus.BLOCKED), (OTHER, TokenStatus.ACCEPTED)):
        record = store.lookup(uid).record
        assert (record.status, record.token.contract_id) == (status, "C1")
    store.add(LOST)
    assert store.lookup(LOST).record.status is TokenStatus.ACCEPTED, "who names it means it"
