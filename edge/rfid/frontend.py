"""The one wall around nfcpy: whatever it throws comes out as a DeviceError, and no UID with it.

nfcpy leaks IndexError, AssertionError, termios.error (which is no OSError) and more, and after an
unplug its close() may fail and keep the port open. `connect()` is never used: it holds a card in a loop
of its own, hides an unplugged reader behind a quiet False, and notices a request to end after 1.6 s.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edge.controller.struct import Value
from edge.controller.trouble import BadAnswer, DeviceError, DeviceTimeout, LineDown
from edge.rfid.ats import RATS, parse_ats
from edge.rfid.path import path_problem
from edge.rfid.udp import connect_udp
from edge.rfid.uid import UidError, check_uid

ISO_DEP = 0x20  # SAK bit 6: the card speaks ISO/IEC 14443-4
RATS_WAIT_S = 0.05  # 14443-4, 7.2 gives the card 4.8 ms; the way through a USB reader is longer


class Card(Value):
    """A card in the field. `atqa` low byte first, as over the air."""

    uid: bytes
    sak: int
    atqa: bytes

    def __repr__(self) -> str:
        return f"Card(uid=<{len(self.uid)} bytes>, sak={self.sak:#04x})"


class Frontend:
    """One NFC reader, owned by one thread."""

    def __init__(self, path: str, *, virtual: bool,
                 connect: Callable[[str], Any] | None = None) -> None:
        """`connect` opens an nfcpy ContactlessFrontend by another way than its path.

        Raises ValueError for a path that cannot or must not be used.
        """
        problem = path_problem(path, virtual=virtual)
        if problem is not None:
            raise ValueError(f"reader path {path}: {problem}")
        self._path, self._connect = path, connect or _connect
        self._clf: Any = None  # nfcpy has no types
        self._device: Any = None
        self._target: Any = None

    def open(self) -> None:
        """Opens the reader; raises LineDown. The libraries are loaded here, at first need."""
        self.close()
        try:
            with self._wall("open the card reader"):
                import nfc.clf

                self._target = nfc.clf.RemoteTarget("106A")
                self._clf = self._connect(self._path)
                self._device = self._clf.device
        except (BadAnswer, DeviceTimeout) as error:  # noise from a device: it is not the right one
            raise LineDown(error.what, where=error.where, got=error.got,
                           expected=error.expected) from None

    def sense(self) -> Card | None:
        """Polls once. None: no card. BadAnswer: noise, something is there; LineDown: reader gone."""
        with self._wall("poll for a card"):
            found = self._opened().sense(self._target)
            if found is None:
                return None
            if not found.sdd_res or not found.sel_res:
                return None  # a Type 1 tag (Topaz): no UID of ISO/IEC 14443-3
            try:
                uid = check_uid(bytes(found.sdd_res))
            except UidError as error:
                raise BadAnswer("card number", where=self._path, got=str(error),
                                expected="4, 7 or 10 bytes") from None
            return Card(uid=uid, sak=found.sel_res[0], atqa=bytes(found.sens_res))

    def select(self, card: Card) -> bytes:
        """The ATS of the card that was just sensed, empty when it has none or tore away."""
        if not card.sak & ISO_DEP:
            return b""
        try:
            with self._wall("select the card"):
                ats = bytes(self._opened().exchange(bytearray(RATS), RATS_WAIT_S) or b"")
                parse_ats(ats)
                return ats
        except (BadAnswer, DeviceTimeout):
            return b""

    def close(self) -> None:
        """Gives the device back, whatever state it is in. Never raises."""
        clf, device, self._clf, self._device = self._clf, self._device, None, None
        if clf is None:
            return
        try:
            with self._wall("close the card reader"):
                clf.close()
        except DeviceError:
            clf.device = None
        for handle in _handles(device):
            try:
                with self._wall("close the card reader's port"):
                    handle.close()
            except DeviceError:
                continue

    def _opened(self) -> Any:
        if self._clf is None:
            raise LineDown("card reader", where=self._path, got="not open", expected="an open reader")
        return self._clf

    @contextmanager
    def _wall(self, what: str) -> Iterator[None]:
        try:
            yield
        except DeviceError:
            raise
        except Exception as error:  # noqa: BLE001 the wall around nfcpy, see above
            raise _translated(error, what, self._path) from None


def _connect(path: str) -> Any:
    import nfc.clf

    if path.startswith("udp"):
        return connect_udp(path)
    return nfc.clf.ContactlessFrontend(path)


def _translated(error: Exception, what: str, where: str) -> DeviceError:
    """Noise of the radio stays apart from a reader that is gone. Texts of nfcpy may quote a UID, so
    that only those of the operating system are passed on."""
    import nfc.clf

    name = type(error).__name__
    if isinstance(error, nfc.clf.TimeoutError):
        return DeviceTimeout(what, where=where, got="no answer", expected="an answer of the card")
    noise = (nfc.clf.CommunicationError, IndexError, AssertionError, ValueError, TypeError)
    if isinstance(error, noise):
        return BadAnswer(what, where=where, got=name, expected="a valid frame")
    got = f"{name}: {error.strerror}" if isinstance(error, OSError) else name
    return LineDown(what, where=where, got=got, expected="a reader that answers")


def _handles(device: Any) -> Iterator[Any]:
    """Ports that nfcpy's close() may have left open, innermost first: udp, serial."""
    transport = getattr(getattr(device, "chipset", None), "transport", None)
    for owner, name in ((device, "socket"), (transport, "tty")):
        handle = getattr(owner, name, None)
        if handle is not None:
            yield handle
