"""Which behaviour of the core this is."""

#: One more whenever the same events give other effects or another state, or the state has another
#: shape. `tests/edge/recorder/test_golden.py` says when; recordings name theirs.
CORE_VERSION = 4
