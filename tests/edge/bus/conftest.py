"""Coroutines in virtual time, for the owner of a line."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from virtual_time import Loop


@pytest.fixture
def virtually() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end in virtual time."""
    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=Loop) as runner:
            return runner.run(coroutine)
    return run
