"""Many values in one test: hundreds of tests of one line each cost more than what they look at."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def looped(name: str, values: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As `parametrize` of one argument. The first value that fails is named."""
    listed = tuple(values)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(test)

        @functools.wraps(test)
        def run(**others: Any) -> None:
            for value in listed:
                try:
                    test(**{name: value}, **others)
                except BaseException as error:
                    error.add_note(f"{name} = {value!r}")
                    raise

        left = [p for p in signature.parameters.values() if p.name != name]
        run.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return run

    return decorate
