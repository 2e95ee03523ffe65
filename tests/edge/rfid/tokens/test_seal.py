import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.rfid.tokens.seal import SealBroken, seal, unseal


@settings(max_examples=30)
@given(st.binary(min_size=4, max_size=10), st.binary(min_size=32, max_size=32))
def test_a_seal_keeps_its_content_and_differs_each_time(uid, key):
    one, two = seal(uid, key, "ref"), seal(uid, key, "ref")
    assert one != two
    assert unseal(one, key, "ref") == unseal(two, key, "ref") == uid


def test_a_damaged_seal_is_a_named_error():
    for sealed in ("", "AAAA", "no base64!", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="):
        with pytest.raises(SealBroken):
            unseal(sealed, bytes(32), "ref")
