"""Topic names, also for site ids that a topic could not hold."""

import pytest

from cloud_sync import topics


@pytest.mark.parametrize(("site_id", "level"), [
    ("SE*FCT*E0001", "SE*FCT*E0001"),
    ("a/b+c#d", "a%2Fb%2Bc%23d"),
    ("$SYS", "%24SYS"),
    ("Bålsta 1", "B%C3%A5lsta%201"),
])
def test_a_site_is_one_level_and_comes_back(site_id, level):
    assert topics.up(site_id, "tx") == f"fc/v1/{level}/up/tx"
    assert topics.ack(site_id) == f"fc/v1/{level}/down/ack"
    assert topics.parse_up(topics.up(site_id, "tx")) == (site_id, "tx")
    assert topics.parse_state(topics.state(site_id)) == site_id


@pytest.mark.parametrize("topic", [
    "fc/v1/x/up", "fc/v1/x/up/tx/y", "fc/v2/x/up/tx", "fc/v1/x/down/ack", ""])
def test_other_topics_are_none_of_ours(topic):
    assert topics.parse_up(topic) is None
    assert topics.parse_state(topic) is None
