"""Cards through the real reader process, nfcpy and the real store: what the core gets to hear."""

import pytest
from card_bench import card_bench

from edge.controller.idtoken import Level, Unproven

pytestmark = pytest.mark.wire


@pytest.fixture
async def bench(tmp_path):
    async with card_bench(tmp_path) as made:
        yield made


async def test_each_kind_of_card_is_proven_to_the_level_that_its_record_wants(bench):
    for name, level in (("anna", Level.UID), ("nils", Level.ORIGINALITY), ("sune", Level.SUN),
                        ("carla", Level.MUTUAL), ("dora", Level.MUTUAL), ("ines", Level.MUTUAL),
                        ("emil", Level.CERTIFICATE)):
        shown = await bench.tap(name)
        assert (name, shown.unproven, shown.level) == (name, None, level)
        assert shown.record is not None
        assert shown.token.level is level
        assert shown.token.sealed


async def test_what_only_has_a_number_or_a_forged_card_is_unproven(bench):
    for name, how, unproven in (
            ("carla-copy", "well", Unproven.UNABLE), ("carla", "copied", Unproven.UNABLE),
            ("carla-forged", "well", Unproven.WRONG), ("emil-copy", "well", Unproven.WRONG),
            ("emil-foreign", "well", Unproven.FOREIGN), ("emil", "outdated", Unproven.OUTDATED),
            ("dora", "wrong_key", Unproven.WRONG), ("sune", "copied", Unproven.UNABLE)):
        shown = await bench.tap(name, how)
        assert (name, shown.unproven, shown.level) == (name, unproven, Level.UID)
        assert shown.record is not None, "the core is to know that it is no stranger"


async def test_a_sun_message_counts_once(bench):
    assert (await bench.tap("sune")).unproven is None
    assert (await bench.tap("sune", "replayed")).unproven is Unproven.REPLAYED
    assert (await bench.tap("sune")).unproven is None


async def test_a_card_with_made_up_numbers_is_known_by_its_true_one(bench):
    shown = await bench.tap("ruth")
    assert (shown.random, shown.level, shown.unproven) == (False, Level.MUTUAL, None)
    assert shown.token.last4 == "3E80"
    again = await bench.tap("ruth")
    assert again.token.ref == shown.token.ref


async def test_a_phone_and_a_stranger_are_nobody(bench):
    phone = await bench.tap("phone")
    assert (phone.random, phone.record, phone.unproven) == (True, None, None)
    stranger = await bench.tap("stranger")
    assert (stranger.random, stranger.record, stranger.unproven) == (False, None, None)


async def test_a_card_that_is_torn_away_is_told_from_a_copy(bench):
    bench.field.present(bench.wallet.card("carla"))
    bench.field.torn(8)  # selected, and asked for its first random number
    await bench.until(lambda: bool(bench.taps))
    assert (bench.taps[-1].unproven, bench.taps[-1].level) == (Unproven.TORN, Level.UID)


async def test_a_card_is_proven_through_a_bad_air(bench):
    for name, how in (("carla", "chained"), ("dora", "waiting"), ("emil", "chained")):
        shown = await bench.tap(name, how)
        assert (name, shown.unproven) == (name, None)
