"""`forecourt faults clear`: say that you looked and mended. A fault ends only if its cause is gone."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from edge.controller.faults import FaultCode
from edge.controller.snapshot import FaultView, Snapshot
from edge.link.errors import LinkRefused
from edge.ui.faults_text import fault_code, labelled, since_words, standing
from edge.ui.service_link import Controller, add_options, with_controller
from edge.ui.texts import Texts

#: The board needs a poll or two to let go of what it latched, and an acknowledgement is good for 3 s.
LOOKS, PAUSE_S = 25, 0.2
#: So many looks in a row it has to be gone: what comes back with the next poll has not ended.
GONE_LOOKS = 5

Ask = Callable[[str], str]
Pause = Callable[[float], Awaitable[None]]


def main(argv: list[str]) -> int:
    """Exit status 0: it ended; 1: it stands, was not there, or nobody could be asked; 2: arguments."""
    args = _parser().parse_args(argv)

    async def job(link: Controller, texts: Texts, snapshot: Snapshot) -> int:
        ask = _input if sys.stdin.isatty() else None
        return await Clearing(link, texts, ask, asyncio.sleep).run(snapshot, args.code, args.where)
    return asyncio.run(with_controller(args.run_dir, args.language, job))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt faults clear", description=__doc__)
    parser.add_argument("code", type=fault_code, metavar="CODE", help="a code, as F201")
    parser.add_argument("--where", help="EVSE, meter, reader, input, sensor or circuit "
                                        "(asked for if the fault stands in several places)")
    add_options(parser)
    return parser


def _input(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        return ""


class Clearing:
    """Finds which fault is meant, asks the controller, and looks what came of it.

    `ask`: puts a question to a person; None where nobody sits there.
    """

    def __init__(self, link: Controller, texts: Texts, ask: Ask | None, pause: Pause) -> None:
        self._link, self._texts, self._ask, self._pause = link, texts, ask, pause

    async def run(self, snapshot: Snapshot, code: FaultCode, where: str | None) -> int:
        """The exit status; says what it is about."""
        of_code = [f for f in standing(snapshot) if f.code is code]
        meant = [f for f in of_code if where is None or f.where == where]
        if not meant:
            self._absent(snapshot, code, where)
            return 1
        fault = meant[0] if len(meant) == 1 else await self._which(snapshot, meant)
        if fault is None:
            return 2
        try:
            await self._link.ask("fault.clear", code=fault.code.value, where=fault.where)
        except LinkRefused:
            latest = await self._link.look()
            if _find(latest, fault) is not None:
                raise
            self._absent(latest, code, fault.where)  # it ended by itself in the meantime
            return 1
        return await self._outcome(fault)

    async def _outcome(self, fault: FaultView) -> int:
        gone = looks = 0
        while looks < LOOKS or gone:
            if looks:
                await self._pause(PAUSE_S)
            found = _find(await self._link.look(), fault)
            looks, gone = looks + 1, gone + 1 if found is None else 0
            if gone == GONE_LOOKS:
                print(self._texts.text("clear.ended", code=fault.code, where=fault.where))
                return 0
            fault = found or fault
        detail = f" ({fault.detail})" if fault.detail else ""
        print(self._texts.text("clear.stands", code=fault.code, where=fault.where, detail=detail))
        return 1

    def _absent(self, snapshot: Snapshot, code: FaultCode, where: str | None) -> None:
        print(self._texts.text("clear.absent", code=code) if where is None
              else self._texts.text("clear.absent_at", code=code, where=where))
        others = ", ".join(f"{f.code} {f.where}" for f in standing(snapshot))
        print(self._texts.text("clear.others", others=others) if others
              else self._texts.text("service.none"))

    async def _which(self, snapshot: Snapshot, faults: list[FaultView]) -> FaultView | None:
        """The one that a person chose; None: nobody did."""
        print(self._texts.text("clear.several", code=faults[0].code))
        for number, fault in enumerate(faults, 1):
            print("\n".join(labelled(f"{number:>3}", since_words(self._texts, fault, snapshot), 5)))
        if self._ask is not None:
            answer = await asyncio.to_thread(
                self._ask, self._texts.text("clear.which", last=len(faults)))
            if answer.strip().isdecimal() and 1 <= int(answer) <= len(faults):
                return faults[int(answer) - 1]
        print(self._texts.text("clear.say_where"), file=sys.stderr)
        return None


def _find(snapshot: Snapshot, fault: FaultView) -> FaultView | None:
    return next((f for f in standing(snapshot) if (f.code, f.where) == (fault.code, fault.where)), None)
