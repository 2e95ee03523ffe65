"""A whole virtual site on the bench: a rig, a view through the sockets, and the cloud's database."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode, Until
from edge.link.client import LinkClient
from edge.link.errors import LinkError, LinkRefused
from hil_tests.scenarios.trial import Trial
from hil_tests.virtual.rig import VirtualRig
from hil_tests.virtual.site import VirtualSite, command

GENEROUS_S = 40.0


class SiteDesk:
    """What a driver, a technician and the cloud can do and see. Nothing here sleeps for luck."""

    def __init__(self, site: VirtualSite, rig: VirtualRig) -> None:
        self.site, self.rig = site, rig
        self.reader_free, self._connecting = asyncio.Lock(), asyncio.Lock()
        self._cards = dict(site.cards)
        self._client = LinkClient(site.run_dir / "service.sock", last_retry_s=0.2)

    async def close(self) -> None:
        """Let go of the service socket."""
        await self._client.close()

    async def snapshot(self) -> dict[str, Any]:
        """The latest state, as a screen gets it. Waits for a controller that is starting."""
        return dict(json.loads(await self._request("status", {})))

    async def health(self) -> dict[str, Any]:
        """The controller's own figures."""
        return dict(json.loads(await self._request("health", {})))

    async def ask(self, action: str, args: Mapping[str, object]) -> str | None:
        """A request at the service socket; why it was refused, or None."""
        try:
            await self._request(action, args)
        except LinkRefused as refused:
            return str(refused)
        return None

    async def _request(self, action: str, args: Mapping[str, object]) -> bytes:
        deadline = time.monotonic() + GENEROUS_S
        while True:
            try:
                async with self._connecting:  # several drivers look at once
                    await self._client.connect(timeout_s=GENEROUS_S)
                return await self._client.request(action, args)
            except LinkRefused:
                raise
            except LinkError:  # it died between the two: ask the next one
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def rows(self, row_type: str) -> list[dict[str, Any]]:
        """What the cloud's database has of one type of row, in order."""
        found = await asyncio.to_thread(self._raw, "SELECT raw FROM event WHERE type = ?"
                                        " ORDER BY rowid", row_type)
        return [json.loads(raw) for (raw,) in found]

    def _raw(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.site.folder / "cloud.db")) as db:
            return db.execute(query, values).fetchall()

    async def kill_controller(self) -> None:
        """`kill -9`."""
        self.site.kill9("controller")

    async def start_controller(self) -> None:
        """Returns when it is ready."""
        await self.site.start("controller")

    async def trial(self, evse_id: str = "1") -> Trial:
        """This bay for a scenario; each bay's driver has a card of his own."""
        if list(self._cards.values()).index(self._cards[evse_id]) != list(self._cards).index(evse_id):
            uid = f"04D1{int(evse_id):010X}"
            await self.enrol(uid)
            self._cards[evse_id] = uid
        return Trial(rig=self.rig, people=self, evse=evse_id, card=self._cards[evse_id],
                     reader_free=self.reader_free)

    async def rest(self, evse_id: str) -> None:
        """No car and nothing broken at this bay, whatever a test left behind."""
        await self.rig.unplug(evse_id)
        for what in ("contactor", "rcd", "relay", "interlock", "breaker", "estop", "cp"):
            await self.rig.restore(what, evse_id)
        await self.rig.draw(evse_id, 16.0)
        await self.rig.heat(evse_id, 25.0)
        await self.rig.ask("rcd_module", evse=evse_id, how="good")

        async def at_rest() -> bool:
            view = await self.evse(evse_id)
            for fault in view["faults"]:
                if CATALOGUE[FaultCode(fault["code"])].until is Until.TECHNICIAN:
                    await self.ask("fault.clear", {"code": fault["code"], "where": fault["where"]})
            await asyncio.sleep(0.2)
            return view["state"] == "Available" and view["charging_state"] is None
        await self.until(at_rest, f"bay {evse_id} at rest")

    async def evse(self, evse_id: str = "1") -> dict[str, Any]:
        return next(e for e in (await self.snapshot())["evses"] if e["id"] == evse_id)

    async def until(self, reached: Callable[[], Awaitable[bool]], what: str,
                    within_s: float = GENEROUS_S) -> float:
        """Poll a condition; returns the seconds that it took."""
        start = time.monotonic()
        while not await reached():
            assert time.monotonic() - start < within_s, f"{what}: not within {within_s:g} s"
            await asyncio.sleep(0.05)
        return time.monotonic() - start

    async def until_screen(self, screen: str, evse_id: str = "1", within_s: float = GENEROUS_S) -> None:
        async def reached() -> bool:
            return (await self.evse(evse_id))["screen"] == screen
        await self.until(reached, f"screen {screen} of bay {evse_id}", within_s)

    async def until_fault(self, code: str, *, stands: bool = True) -> dict[str, Any]:
        """Wait for a fault to stand (or to have ended) anywhere; returns its view."""
        found: dict[str, Any] = {}

        async def reached() -> bool:
            snapshot = await self.snapshot()
            faults = [*snapshot["faults"], *(f for e in snapshot["evses"] for f in e["faults"])]
            found.update(next((f for f in faults if f["code"] == code), {}))
            return any(f["code"] == code for f in faults) == stands
        await self.until(reached, f"fault {code} {'stands' if stands else 'ended'}")
        return found

    async def start(self, evse_id: str = "1") -> int:
        """A card, a plug, and a car that charges; returns the register before."""
        before = await self.rig.register_wh(evse_id)
        await self.rig.plug(evse_id)
        await self.until_screen("tap_card", evse_id)
        for _ in range(5):  # as a person does who sees that nothing happened
            await self.rig.tap(self.site.cards[evse_id])
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                if (await self.evse(evse_id))["screen"] != "tap_card":
                    await self.until_screen("charging", evse_id)
                    return before
                await asyncio.sleep(0.1)
        raise AssertionError("five taps did not start a session")

    async def energy(self, at_least_wh: int, evse_id: str = "1") -> None:
        async def reached() -> bool:
            return ((await self.evse(evse_id))["energy_wh"] or 0) >= at_least_wh
        await self.until(reached, f"{at_least_wh} Wh")

    async def no_card_waits(self) -> None:
        """A tap too many waits for a plug, and would be the next driver's at any bay."""
        async def reached() -> bool:
            return all(evse["screen"] != "plug_in" for evse in (await self.snapshot())["evses"])
        await self.until(reached, "no card waits", 90.0)  # it is forgotten after 60 s

    async def stop_by_card(self, evse_id: str = "1") -> None:
        """Tap, as often as a person would who sees that nothing happened."""
        for _ in range(5):
            await self.rig.tap(self.site.cards[evse_id])
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                if (await self.evse(evse_id))["screen"] not in ("charging", "paused"):
                    await self.no_card_waits()
                    return
                await asyncio.sleep(0.1)
        raise AssertionError("five taps did not stop the session")

    async def finish(self, evse_id: str = "1") -> int:
        """Stop with the card, unplug; returns the register after."""
        await self.stop_by_card(evse_id)
        await self.until_screen("finished", evse_id)
        after = await self.rig.register_wh(evse_id)
        await self.rig.unplug(evse_id)
        return after

    async def cdrs(self, count: int) -> list[dict[str, Any]]:
        """The CDRs in the cloud's database, once there are so many."""
        found: list[dict[str, Any]] = []

        async def reached() -> bool:
            found[:] = [json.loads(line) for line in await self.site.cdrs()]
            return len(found) >= count
        await self.until(reached, f"{count} CDRs in the database", 90)
        assert len(found) == count, f"{len(found)} CDRs, expected {count}"
        return found

    async def enrol(self, uid: str) -> None:
        """Put one more card on the site's list."""
        process = await asyncio.create_subprocess_exec(
            *command("card", "add", uid, "--state-dir", str(self.site.state_dir)))
        assert await process.wait() == 0

    def reader_pid(self) -> int | None:
        """The process of the controller's card reader, if there is one just now."""
        controller = self.site.children.pid("controller")
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == controller and b"edge.rfid.reader" in (path / "cmdline").read_bytes():
                    return int(path.name)
        return None

    def kill(self, pid: int) -> None:
        """A process of this site, by its id."""
        os.kill(pid, signal.SIGKILL)

    async def transactions(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in await self.site.sessions()]

    async def in_database(self, row_type: str, text: str) -> None:
        """Wait until a row of this type that holds this text is in the cloud's database."""
        async def reached() -> bool:
            return any(text in json.dumps(row) for row in await self.rows(row_type))
        await self.until(reached, f"{row_type} with {text} in the database", 90)

    def tracebacks(self) -> list[str]:
        """Logs of the site's processes that hold a traceback, or the last words of a crash in C."""
        def crashed(text: str) -> bool:
            return "Traceback" in text or "Fatal Python error" in text
        return [log.name for log in Path(self.site.folder).glob("*.log")
                if crashed(log.read_text(errors="replace"))]


@contextlib.asynccontextmanager
async def site_desk(folder: Path, **options: Any) -> AsyncIterator[SiteDesk]:
    """A running site in `folder`; no process of it may have ended in a traceback."""
    async with VirtualSite(folder, **options) as site, site.rig() as rig:
        desk = SiteDesk(site, rig)
        try:
            yield desk
        finally:
            await desk.close()
        assert not desk.tracebacks()
