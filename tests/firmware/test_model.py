# Random stories, told to the real core and to an independent model of its promises at once.
import registers as r
from bench import Bench
from stories import Story, tell

STORIES = 10  # each is a seed: the same stories on every machine
EVENTS = 40


def story_with(seed, start_ms=0):
    bench = Bench(start_ms=start_ms)
    settings = bench.core.settings
    settings.failsafe_da = (0, 60, 160, 320)[seed % 4]
    settings.hold_s = (1, 0, 2, 60)[seed // 4 % 4]
    settings.ventilation = seed % 3 == 2
    settings.fault_f_ms = (300, 0, 1000)[seed % 3]
    return Story(bench)


def test_the_promises_hold_in_random_stories():
    for seed in range(STORIES):
        tell(story_with(seed), seed, EVENTS)


def charging(current_da, failsafe_da=0):
    story = Story(Bench())
    story.bench.core.settings.failsafe_da = failsafe_da
    story.charge(current_da)
    assert story.bench.permit
    return story


def test_a_raise_under_way_dies_with_the_heartbeat():
    story = charging(160, failsafe_da=320)
    story.grant(1, 320, 1000)
    story.command(r.COMMAND_OFFER, 0, 320)
    story.run(12000)
    assert (story.bench.told_da, story.bench.permit) == (160, True)


def test_a_lost_heartbeat_leaves_no_more_than_was_granted():
    story = charging(160, failsafe_da=320)
    story.grant(1, 100, 5000)
    story.command(r.COMMAND_OFFER, 0, 320)
    for _ in range(6):
        story.run(1000)
        story.renew(1, 0, 5000)
    assert story.bench.told_da == 320
    story.run(8000)
    assert (story.bench.told_da, story.bench.permit) == (100, True)


def test_the_same_write_once_more_prolongs_nothing():
    for again in (Story.grant, Story.renew):
        story = charging(160)
        story.renew(1, 160, 5000)
        for _ in range(4):
            story.run(1000)
            assert again(story, 0, 160, 5000) == 0
        assert not story.bench.core.interlock.coasting
        story.run(1100)
        assert story.bench.core.interlock.coasting


def test_nothing_rises_or_starts_when_nobody_is_there():
    story = Story(Bench())
    story.bench.core.settings.grant_ttl_ms = 1000
    story.bench.load = "B"
    story.until(story.bench.tested, 2000)
    story.command(r.COMMAND_OFFER, 0, 60)
    story.run(100)
    story.command(r.COMMAND_OFFER, 0, 320)
    story.run(10000)
    assert story.bench.told_da == 60
    story.run(60000)
    assert story.bench.told_da == 0


def test_the_wrap_of_the_clock_changes_nothing():
    # 30 bits of milliseconds: every timer of a story runs across it
    for before_ms in (1, 300, 1200, 4000, 20000):
        tell(story_with(before_ms, 2**30 - before_ms), before_ms, 15)


def test_the_model_sees_a_latch_that_closes_by_itself():
    story = charging(160)
    story.command(r.COMMAND_REVOKE)
    story.run(100)
    story.bench.core.interlock.permit = True
    try:
        story.run(8)
    except AssertionError as error:
        assert "PERMIT" in str(error)
    else:
        raise AssertionError("a latch that closed by itself was not noticed")
