"""The demo's console: the driver's screen, unchanged and in its own process, over a row of keys.

Keys play the driver and the bad luck: they act on the virtual cabinet, never on the controller. All
other keys and the mouse go to the screen.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from hil_tests.rig import Rig, RigError
from hil_tests.virtual.split_terminal import SplitTerminal

_NOTE_S = 3.0
_QUIT = (b"q", b"\x03")
UNKNOWN_CARD = "0BADCAFE"


class Console:
    """`cards`: which card the driver of each bay carries (a name of the rig's, or a UID in hex).
    `others`: what he may find in his pocket instead, one after the other.

    `command` starts the driver's screen; by default `forecourt ui` of this environment.
    """

    def __init__(self, run_dir: Path, rig: Rig, *, cards: Mapping[str, str],
                 others: Sequence[str] = (), command: Sequence[str] | None = None,
                 reader: str | None = None) -> None:
        self._rig, self._cards, self._reader = rig, dict(cards), reader
        self._others = tuple(others)
        self._bays = tuple(cards)
        self._bay = self._bays[0]
        self._cut = False
        self._welded: set[str] = set()
        self._note = ""
        self._forget: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        forecourt = str(Path(sys.executable).with_name("forecourt"))
        self._command = command or (forecourt, "ui", "--run-dir", str(run_dir),
                                    "--log", str(run_dir / "ui.log"))
        self._terminal: SplitTerminal | None = None

    async def run(self) -> None:
        """Until [q] or ctrl+c. Needs a terminal on stdin and stdout."""
        # Kitty's protocol would turn our letters into escape sequences; a size in the environment
        # would be believed before that of the pseudo-terminal.
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        env["TEXTUAL_DISABLE_KITTY_KEY"] = "1"
        self._terminal = SplitTerminal(self._command, env=env, on_key=self.key)
        self._show()
        try:
            await self._terminal.run()
        finally:
            if self._forget is not None:
                self._forget.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def key(self, key: bytes) -> bool:
        """Take a key if it is ours. Actions run beside the screen; their outcome shows in the row."""
        if key in _QUIT:
            if self._terminal is not None:
                self._terminal.quit()
            return True
        name = key.decode("ascii", "replace")
        if name in self._bays:
            self._bay = name
            self._show()
            return True
        action = self._actions().get(name)
        if action is None:
            return False
        words, do = action
        task = asyncio.get_running_loop().create_task(self._act(words, do))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def row(self) -> str:
        """The text of the key row: what just happened, else the keys."""
        if self._note:
            return f" bay {self._bay} | {self._note}"
        net = "net on" if self._cut else "net off"
        weld = "repair" if self._bay in self._welded else "weld"
        bays = f"{self._bays[0]}-{self._bays[-1]}" if len(self._bays) > 1 else self._bay
        other = " k:card" if self._others else ""
        return (f" {self._bay} {self._cards[self._bay]} | t:tap{other} p:plug u:unplug n:{net}"
                f" w:{weld} {bays}:bay q:quit")

    def _actions(self) -> dict[str, tuple[str, Callable[[], Awaitable[str | None]]]]:
        rig, bay = self._rig, self._bay
        return {
            "t": (f"card {self._cards[bay]} tapped", lambda: rig.tap(self._cards[bay], self._reader)),
            "k": ("another card", self._change_card),
            "x": ("unknown card tapped", lambda: rig.tap(UNKNOWN_CARD, self._reader)),
            "p": ("plugged in", lambda: rig.plug(bay)),
            "u": ("unplugged", lambda: rig.unplug(bay)),
            "n": ("network back" if self._cut else "network cut", self._toggle_network),
            "w": ("contactor repaired" if bay in self._welded else "contactor welded",
                  lambda: self._toggle_weld(bay)),
        }

    async def _change_card(self) -> str | None:
        """Takes the next of the other cards; says which it is."""
        if not self._others:
            return None
        now = self._cards[self._bay]
        at = self._others.index(now) + 1 if now in self._others else 0
        self._cards[self._bay] = self._others[at % len(self._others)]
        return f"now with the card {self._cards[self._bay]}"

    async def _toggle_network(self) -> None:
        if self._cut:
            await self._rig.restore("network")
        else:
            await self._rig.cut("network")
        self._cut = not self._cut

    async def _toggle_weld(self, bay: str) -> None:
        if bay in self._welded:
            await self._rig.restore("contactor", bay)
            self._welded.discard(bay)
        else:
            await self._rig.weld(bay)
            self._welded.add(bay)

    async def _act(self, words: str, do: Callable[[], Awaitable[str | None]]) -> None:
        try:
            words = await do() or words
        except (RigError, OSError) as error:
            words = f"not done: {error}"
        self._note = words
        self._show()
        if self._forget is not None:
            self._forget.cancel()
        self._forget = asyncio.get_running_loop().call_later(_NOTE_S, self._clear_note)

    def _clear_note(self) -> None:
        self._note = ""
        self._show()

    def _show(self) -> None:
        if self._terminal is not None:
            self._terminal.show_row(self.row())
