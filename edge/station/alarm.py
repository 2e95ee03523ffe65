"""What nobody caught, anywhere in the process, reaches one place: from tasks, callbacks, threads.

Where it is raised decides who hears of it first: a task of the station's its own `spawn`, a callback
the loop's exception handler, a thread `threading.excepthook`, a finaliser `sys.unraisablehook`.
"""

import asyncio
import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)

Told = Callable[[BaseException], None]


@contextlib.contextmanager
def alarms(tell: Told) -> Iterator[None]:
    """While it lasts, `tell` is called on the running loop for whatever was not caught."""
    loop = asyncio.get_running_loop()
    before = threading.excepthook, sys.unraisablehook

    def on_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        tell(context.get("exception") or RuntimeError(context["message"]))

    def elsewhere(error: BaseException) -> None:
        """From a thread, or in the middle of anything: the loop hears of it in its next turn."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it what it kept alive
            loop.call_soon_threadsafe(tell, error)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            elsewhere(_whole(args.exc_value, args.exc_type, args.exc_traceback))

    def in_finaliser(args: Any) -> None:
        elsewhere(_whole(args.exc_value, args.exc_type, args.exc_traceback))

    loop.set_exception_handler(on_loop)
    threading.excepthook, sys.unraisablehook = in_thread, in_finaliser
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before
        loop.set_exception_handler(None)


def _whole(error: BaseException | None, kind: type[BaseException],
           trace: TracebackType | None) -> BaseException:
    """The interpreter may have had no room to make the exception itself."""
    return error if error is not None else kind().with_traceback(trace)


@contextlib.contextmanager
def asked(ask: Callable[[], None]) -> Iterator[None]:
    """While it lasts, SIGTERM and SIGINT call `ask` on the running loop. Afterwards they do nothing:
    who is on his last lines, with every relay off, is not to be killed for it.
    """
    loop, numbers = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, ask)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


class Guard:
    """The first failure of this process, wherever it was, and what its main task does about it.

    While the station starts, the main task is cancelled; while it serves, `asked` wakes it. Before
    either every relay drops: by `make_safe`, which who claims the lines replaces by a better one.
    """

    def __init__(self, main: "asyncio.Task[Any]",
                 make_safe: Callable[[], object] = lambda: None) -> None:
        self._main = main
        self.starting = True
        self.error: BaseException | None = None
        self.asked = asyncio.Event()  # to end, by a person or by a failure
        self.hurry = asyncio.Event()  # asked a second time, or failed
        self.make_safe = make_safe

    def ask(self) -> None:
        """SIGTERM: end in order; when it comes again, at once. Nobody waits for a start to end."""
        if self.asked.is_set():
            self.hurry.set()
        self.asked.set()
        if self.starting:
            self.make_safe()
            self._main.cancel()

    def fail(self, error: BaseException) -> None:
        """Safe first, then the end."""
        self.make_safe()
        if self.error is not None:
            return
        self.error = error
        log.critical("the controller failed, every relay is dropped", exc_info=error)
        self.hurry.set()
        self.asked.set()
        if self.starting:
            self._main.cancel()
