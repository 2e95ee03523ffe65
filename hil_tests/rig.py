"""What a rig can do, virtual or real. Scenarios use nothing else, so that they run on any rig."""

from typing import Literal, Protocol

Cut = Literal["power", "network", "bus", "reader"]
Channel = Literal["relay", "interlock"]  # what feeds the coil: the Pi's and the board's, in series


class Rig(Protocol):
    """A site under test, from the outside: hands, cards, cables, scissors and measuring probes.

    `evse` is the id of an EVSE in the site's file. Methods raise `RigError` if the rig cannot.
    """

    async def plug(self, evse: str) -> None:
        """Connect a car (pilot: 2.74 kOhm and a diode). It asks for energy by itself."""

    async def unplug(self, evse: str) -> None:
        """Disconnect the car, under load if it must be."""

    async def set_cp(self, evse: str, ohms: float | None, diode: bool = True) -> None:
        """Put a resistor (None: open) on the pilot in place of the car's, until `unplug`."""

    async def tap(self, card: str, reader: str | None = None) -> None:
        """Hold a card (a name of the rig's, or a UID in hex) to a reader, as a person does."""

    async def draw(self, evse: str, current_a: float, phases: int = 3, *, obeys: bool = True) -> None:
        """What the car takes at most, per phase. Not `obeys`: just that, whatever the pilot says."""

    async def heat(self, evse: str, celsius: float | None) -> None:
        """The contactor's terminals are so warm; None: the sensor there is off its wire."""

    async def weld(self, evse: str) -> None:
        """Weld the main contacts shut."""

    async def stick(self, evse: str, channel: Channel) -> None:
        """Bridge a channel, so that it feeds the coil whatever it is told, until `restore(channel)`."""

    async def rcd_trip(self, evse: str) -> None:
        """A residual current, until `restore("rcd", evse)`."""

    async def cut(self, what: Cut, where: str | None = None) -> None:
        """Cut the cabinet's power, the network, a bus (its id) or a reader (its id)."""

    async def restore(self, what: str, where: str | None = None) -> None:
        """Undo `cut`, `weld` ("contactor"), `rcd_trip` ("rcd"), `stick` (the channel) and what the
        shunt trip did ("breaker"); `where` an id, None: all.
        """

    async def coil_on(self, evse: str) -> bool:
        """Whether the contactor's coil has voltage."""

    async def breaker_on(self, evse: str) -> bool:
        """Whether the breaker in front of the contactor is closed: the shunt trip opens it."""

    async def duty(self, evse: str) -> float:
        """Share of the pilot's positive half: 1.0 is X1 (steady +12 V), 0.0 is F (-12 V)."""

    async def register_wh(self, evse: str) -> int:
        """The import register of the EVSE's meter, as its display shows it."""

    async def now(self) -> float:
        """The rig's monotonic clock, in seconds."""


class RigError(RuntimeError):
    """The rig could not do what a scenario asked."""
