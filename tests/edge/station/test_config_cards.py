"""`[cards]` and groups of EVSEs in a site's file: what the core gets, and every mistake."""

from looped import looped
from site_texts import EXAMPLE, changed, problems, written

from edge.controller.authorisation.card_policy import CardPolicy, Choosing, Stale, Untrusted
from edge.controller.idtoken import Level
from edge.station.check import summary
from edge.station.config import load, to_plan
from edge.station.zone import transitions

KEY = "ed25519:" + "5a" * 32


def cards(text: str) -> str:
    return EXAMPLE + f"\n[cards]\n{text}\n"


def told(folder, text: str) -> list[str]:
    lines = summary(load(written(folder, text)))
    return [line for line in lines if "card" in line or "free_vend" in line]


def test_without_a_word_only_known_cards_charge_by_the_sites_own_clock(tmp_path):
    site = to_plan(load(written(tmp_path, EXAMPLE)))
    assert site.cards == CardPolicy() and site.zone == transitions("Europe/Stockholm")
    assert {evse.groups for evse in site.evses} == {()}
    assert told(tmp_path, EXAMPLE) == []


def test_every_word_reaches_the_core(tmp_path):
    site = load(written(tmp_path, cards(
        'min_level = 3\nunknown_limit_kwh = 2.5\nunknown_per_day = 1\nonline_s = 1.5\nbad_taps = 3\n'
        'untrusted_clock = "allow"\nstale_days = 7\nstale_keeps = "none"\nchoosing = "oldest"\n'
        f'choose_s = 5\nbad_tap_s = 30\nfree_vend = true\noperator_keys = ["{KEY}"]\n')))
    assert to_plan(site).cards == CardPolicy(
        min_level=Level.MUTUAL, unknown_limit_wh=2500, unknown_per_day=1, online_s=1.5, bad_taps=3,
        untrusted_clock=Untrusted.ALLOW, stale_days=7, stale_keeps=Stale.NONE, choose_s=5, bad_tap_s=30,
        choosing=Choosing.OLDEST, free_vend=True)
    assert site.cards.operator_keys == (KEY,)
    site = load(written(tmp_path, cards('stale_days = "never"\nunknown_offline = true')))
    assert to_plan(site).cards == CardPolicy(stale_days=None, unknown_offline=True)


def test_an_evse_may_be_in_groups(tmp_path):
    grouped = changed(('label = "Bay 1"', 'label = "Bay 1"\ngroups = ["staff", "roof-2"]'))
    site = load(written(tmp_path, grouped))
    assert [evse.groups for evse in to_plan(site).evses] == [("staff", "roof-2"), ()]
    assert sum("groups staff, roof-2" in line for line in summary(site)) == 1
    twice = grouped.replace('"roof-2"', '"staff"')
    assert problems(tmp_path, twice) == [
        'site.toml: evse[0].groups[1]: got "staff" twice, expected each group once']


@looped("wrong", (
    ("min_level = 5", "min_level: got 5"), ("min_level = -1", "min_level: got -1"),
    ("stale_days = 0", "stale_days: got 0"), ('stale_days = "ever"', 'stale_days: got "ever"'),
    ("stale_days = true", "stale_days: got true"), ("online_s = 0", "online_s: got 0"),
    ('untrusted_clock = "maybe"', 'got "maybe", expected one of "allow", "refuse"'),
    ("unknown_per_day = 0", "unknown_per_day: got 0"), ("unknown_limit_kwh = 0", "unknown_limit_kwh"),
    ('operator_keys = ["ed25519:5a"]', "operator_keys"),
    ('operator_keys = ["key.pem"]', "64 hex digits"),
    ('operator_keys = ["ed25519:5"]', "expected public keys"),
    (f'operator_keys = ["{KEY}", "{KEY.upper().replace("ED", "ed", 1)}"]', "operator_keys"),
    ("free_vends = true", "expected `free_vend`"), ("bad_taps = 0", "bad_taps: got 0"),
    ("unknown_offline = true\nmin_level = 1", "cards.unknown_offline: got true, and min_level = 1")))
def test_mistakes_are_named_with_what_was_expected(tmp_path, wrong):
    text, named = wrong
    found = problems(tmp_path, cards(text))
    assert len(found) == 1 and named in found[0], found


def test_check_says_what_is_not_as_usual_and_what_may_not_have_been_meant(tmp_path):
    lines = told(tmp_path, cards(
        f'free_vend = true\nmin_level = 2\nstale_days = "never"\noperator_keys = ["{KEY}"]'))
    assert "cards: min_level = 2, usually 0" in lines and 'stale_days = "never", usually 30' in lines[2]
    assert sum(line.startswith("note:") for line in lines) == 3
    assert any("from 1 operator key" in line and not line.endswith("s") for line in lines)
    bare = EXAMPLE.partition("[[reader]]")[0] + "[tariff]" + EXAMPLE.partition("[tariff]")[2]
    assert any("nobody can begin a session" in line for line in told(tmp_path, bare))
    assert not any("nobody" in line for line in told(tmp_path, bare + "\n[cards]\nfree_vend = true\n"))
    alone = EXAMPLE.partition("[cloud]")[0] + f'\n[cards]\noperator_keys = ["{KEY}"]\n'
    assert "30 days after the last list only cards of level 3" in told(tmp_path, alone)[-1]
    for kept in ('stale_keeps = "all"\n', 'stale_days = "never"\n'):
        assert not any("after the last list" in line for line in told(tmp_path, alone + kept))
    assert "no card is good" in told(tmp_path, alone + 'stale_keeps = "none"\n')[-1]
