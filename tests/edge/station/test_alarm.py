"""Whatever nobody caught, wherever it was raised: the guard hears of it, and relays drop first."""

import asyncio
import gc
import os
import signal
import sys
import threading

import pytest

from edge.station.alarm import Guard, alarms


class Boom(Exception):
    """What no code expects."""


class Holds:
    """A finaliser that fails."""

    def __del__(self) -> None:
        raise Boom


def in_thread() -> None:
    def work() -> None:
        raise Boom
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def in_callback() -> None:
    def back() -> None:
        raise Boom
    asyncio.get_running_loop().call_soon(back)


def in_lost_task() -> None:
    async def work() -> None:
        raise Boom
    task = asyncio.get_running_loop().create_task(work())
    task.add_done_callback(lambda _: gc.collect())
    del task


def in_finaliser() -> None:
    holds = Holds()
    del holds


def in_signal_handler() -> None:
    def back() -> None:
        raise Boom
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR2, back)
    os.kill(os.getpid(), signal.SIGUSR2)


@pytest.mark.parametrize("raised", [in_thread, in_callback, in_lost_task, in_finaliser,
                                    in_signal_handler])
def test_it_is_told_wherever_it_was(raised):
    hooks = threading.excepthook, sys.unraisablehook

    async def main() -> BaseException:
        told: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        with alarms(lambda error: None if told.done() else told.set_result(error)):
            raised()
            async with asyncio.timeout(10):
                return await told
    assert isinstance(asyncio.run(main()), Boom)
    assert (threading.excepthook, sys.unraisablehook) == hooks


def guarded(scenario):
    """Run `scenario(guard, log)` as the main task; what was logged, and the guard."""
    log: list[str] = []

    async def main() -> Guard:
        task = asyncio.current_task()
        assert task is not None
        guard = Guard(task)
        guard.make_safe = lambda: log.append("safe")
        try:
            await scenario(guard, log)
        except asyncio.CancelledError:
            log.append("cancelled")
        return guard
    return log, asyncio.run(main())


def test_a_failure_while_it_starts_is_safe_first_and_ends_the_start():
    async def scenario(guard, log):
        asyncio.get_running_loop().call_soon(guard.fail, Boom())
        await asyncio.sleep(60)
    log, guard = guarded(scenario)
    assert log == ["safe", "cancelled"] and isinstance(guard.error, Boom)


def test_who_is_asked_to_end_while_it_starts_is_safe_first():
    async def scenario(guard, log):
        asyncio.get_running_loop().call_soon(guard.ask)
        await asyncio.sleep(60)
    log, guard = guarded(scenario)
    assert log == ["safe", "cancelled"] and guard.error is None


def test_a_failure_while_it_serves_is_safe_first_and_asks_for_the_end_in_a_hurry():
    async def scenario(guard, log):
        guard.starting = False
        guard.fail(Boom())
        await guard.asked.wait()
        log.append("asked")
        assert guard.hurry.is_set()
    assert guarded(scenario)[0] == ["safe", "asked"]


def test_of_several_failures_the_first_counts_and_each_makes_safe():
    async def scenario(guard, log):
        guard.starting = False
        guard.fail(Boom())
        guard.fail(ValueError())
    log, guard = guarded(scenario)
    assert log == ["safe", "safe"] and isinstance(guard.error, Boom)


def test_the_second_wish_to_end_is_in_a_hurry_and_the_first_is_not():
    async def scenario(guard, log):
        guard.starting = False
        guard.ask()
        assert guard.asked.is_set() and not guard.hurry.is_set()
        guard.ask()
        assert guard.hurry.is_set()
    log, guard = guarded(scenario)
    assert log == [] and guard.error is None
