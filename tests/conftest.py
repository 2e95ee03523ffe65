"""For every test."""

import gc

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    """Thousands of tests stay to the end: nobody need look through them for garbage again and again."""
    del session
    gc.collect()
    gc.freeze()
