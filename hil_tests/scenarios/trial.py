"""One bay under trial: a rig's hands, and what a driver, a technician and the cloud can see of it.

Scenarios get a `Trial` and use nothing else, so that they run on any rig of any site.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hil_tests.rig import Rig
from hil_tests.scenarios import waiting

View = dict[str, Any]
GENEROUS_S = 40.0
LOOK_S = 0.1
_TAP_AGAIN_S = 3.0
_TAPS = 5
_BUSY = frozenset({"charging", "paused", "waiting_for_car", "checking"})


class People(Protocol):
    """What people see and ask, through the sockets and at the cloud."""

    async def snapshot(self) -> View:
        """The latest state, as a screen gets it. Waits for a controller that is starting."""

    async def ask(self, action: str, args: Mapping[str, object]) -> str | None:
        """A request of a technician; why it was refused, or None."""

    async def rows(self, row_type: str) -> list[View]:
        """What the cloud has of one type of row, in order."""

    async def kill_controller(self) -> None:
        """Without a warning."""

    async def start_controller(self) -> None:
        """Returns when it is ready."""


@dataclass(frozen=True)
class Trial:
    """`card` is what the driver of bay `evse` carries. One `reader` serves several bays: who plugs in
    and taps holds `reader_free`, as drivers do who let each other finish.
    """

    rig: Rig
    people: People
    evse: str
    card: str
    reader_free: asyncio.Lock

    async def view(self) -> View:
        """This bay, as its screen gets it."""
        evses = (await self.people.snapshot())["evses"]
        return next(view for view in evses if view["id"] == self.evse)

    async def until(self, what: str, reached: Callable[[View], bool],
                    within_s: float = GENEROUS_S) -> View:
        """Wait until this bay's view is so; returns the view. Raises `DidNotHappen`."""
        seen: View = {}

        async def so() -> bool:
            seen.clear()
            seen.update(await self.view())
            await asyncio.sleep(LOOK_S)
            return reached(seen)
        try:
            await waiting.until(self.rig, f"bay {self.evse}: {what}", so, within_s)
        except waiting.DidNotHappen as late:
            raise waiting.DidNotHappen(f"{late}; last seen: {seen}") from None
        return seen

    async def until_screen(self, *screens: str, within_s: float = GENEROUS_S) -> View:
        """Wait for one of these screens."""
        return await self.until(f"screen {' or '.join(screens)}", lambda v: v["screen"] in screens,
                                within_s)

    async def until_fault(self, code: str, *, stands: bool = True,
                          within_s: float = GENEROUS_S) -> View:
        """Wait for a fault of this bay or of the site to stand or to have ended; its view."""
        found: View = {}

        async def so() -> bool:
            faults = {fault["code"]: fault for fault in await self.faults()}
            found.update(faults.get(code, {}))
            await asyncio.sleep(LOOK_S)
            return (code in faults) is stands
        what = f"fault {code} {'stands' if stands else 'has ended'}"
        await waiting.until(self.rig, f"bay {self.evse}: {what}", so, within_s)
        return found

    async def faults(self) -> list[View]:
        """Those of this bay, then those of the site."""
        snapshot = await self.people.snapshot()
        mine = next(view for view in snapshot["evses"] if view["id"] == self.evse)
        return [*mine["faults"], *snapshot["faults"]]

    async def coil(self, on: bool, within_s: float = 20.0) -> float:
        """Wait for the contactor's coil; the seconds it took."""
        return await waiting.coil(self.rig, self.evse, on, within_s)

    async def pwm(self, on: bool, within_s: float = 20.0) -> float:
        """Wait for an offer of current, or for its end."""
        return await waiting.pwm(self.rig, self.evse, on, within_s)

    async def stays(self, what: str, so: Callable[[], Awaitable[bool]], for_s: float) -> None:
        """Something that must hold for so long. Raises `DidNotHappen`."""
        end_s = await self.rig.now() + for_s
        while await self.rig.now() < end_s:
            if not await so():
                raise waiting.DidNotHappen(f"bay {self.evse}: {what}: not for {for_s:g} s")
            await asyncio.sleep(LOOK_S)

    async def stays_open(self, for_s: float) -> None:
        """No coil for so long."""
        async def is_open() -> bool:
            return not await self.rig.coil_on(self.evse)
        await self.stays("the contactor stays open", is_open, for_s)

    async def begin(self, card: str | None = None) -> int:
        """Plug in, and tap until a session has begun; the register before."""
        before_wh = await self.rig.register_wh(self.evse)
        async with self.reader_free:
            await self.rig.plug(self.evse)
            await self.until_screen("tap_card")
            await self.tap_until(card or self.card, lambda v: v["screen"] != "tap_card")
            await self.card_forgotten()
        return before_wh

    async def start(self, card: str | None = None) -> int:
        """`begin`, and wait until it charges; the register before."""
        before_wh = await self.begin(card)
        await self.until_screen("charging")
        return before_wh

    async def tap_until(self, card: str, reached: Callable[[View], bool]) -> None:
        """Tap as often as a person would who sees that nothing happened."""
        for _ in range(_TAPS):
            await self.rig.tap(card)
            end_s = await self.rig.now() + _TAP_AGAIN_S
            while await self.rig.now() < end_s:
                if reached(await self.view()):
                    return
                await asyncio.sleep(LOOK_S)
        raise waiting.DidNotHappen(f"bay {self.evse}: {_TAPS} taps of {card} did nothing")

    async def tap_for_this(self) -> None:
        """Tap where several cars wait, and say which one is meant if the screen asks."""
        await self.rig.tap(self.card)

        async def so() -> bool:
            await asyncio.sleep(LOOK_S)
            for choice in (await self.people.snapshot())["choices"]:
                await self.people.ask("card.choose", {"choice_id": choice["id"], "evse_id": self.evse})
            return str((await self.view())["screen"]) != "tap_card"
        await waiting.until(self.rig, f"bay {self.evse}: the card is for it", so, GENEROUS_S)

    async def card_forgotten(self) -> None:
        """Wait until no card waits for a plug: it would be the next driver's at any bay."""
        async def so() -> bool:
            await asyncio.sleep(LOOK_S)
            return all(v["screen"] != "plug_in" for v in (await self.people.snapshot())["evses"])
        await waiting.until(self.rig, "no card waits", so, GENEROUS_S)

    async def energy(self, more_wh: int) -> None:
        """Wait until so much more has flowed, by the meter."""
        await waiting.metered(self.rig, self.evse, await self.rig.register_wh(self.evse), more_wh)

    async def stop_by_card(self) -> None:
        """Tap until the session ends."""
        async with self.reader_free:
            await self.tap_until(self.card, lambda v: v["screen"] not in _BUSY)
            await self.card_forgotten()

    async def finish(self) -> View:
        """Stop with the card; the receipt. The car stays."""
        await self.stop_by_card()
        return await self.receipt()

    async def receipt(self) -> View:
        """Wait for the receipt of the session that has just ended."""
        view = await self.until(
            "a priced receipt", lambda v: (v["receipt"] or {}).get("total_incl_vat") is not None)
        receipt: View = view["receipt"]
        return receipt

    async def leave(self) -> None:
        """Unplug, and wait until the bay is free or shows its fault."""
        await self.rig.unplug(self.evse)
        await self.until("no car", lambda v: v["state"] in ("Available", "Faulted", "Unavailable")
                         and v["charging_state"] is None)

    async def ask(self, action: str, **args: object) -> None:
        """A technician's request, which must not be refused."""
        refusal = await self.people.ask(action, args)
        assert refusal is None, f"{action} {args}: {refusal}"

    async def clear(self, code: str, where: str | None = None) -> None:
        """A technician who looks again until the fault has ended."""
        async def ended() -> bool:
            if not any(fault["code"] == code for fault in await self.faults()):
                return True
            await self.people.ask("fault.clear", {"code": code, "where": where or self.evse})
            await asyncio.sleep(0.5)
            return False
        await waiting.until(self.rig, f"{code} cleared", ended, GENEROUS_S)

    async def told(self, transaction_id: str) -> list[View]:
        """Every event of one transaction that the cloud has, once its end is there."""
        found: list[View] = []

        async def ended() -> bool:
            rows = await self.people.rows("tx.event.v1")
            found[:] = [row for row in rows
                        if row["transactionInfo"]["transactionId"] == transaction_id]
            await asyncio.sleep(LOOK_S)
            return any(row["eventType"] == "Ended" for row in found)
        await waiting.until(self.rig, f"the end of {transaction_id} in the cloud", ended, 60.0)
        return found
