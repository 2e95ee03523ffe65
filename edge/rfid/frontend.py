"""The one wall around nfcpy: whatever it throws comes out as a DeviceError, and no UID with it.

nfcpy leaks IndexError, AssertionError, termios.error (which is no OSError) and more, and after an
unplug its close() may fail and keep the port open. `connect()` is never used: it holds a card in a loop
of its own, hides an unplugged reader behind a quiet False, and notices a request to end after 1.6 s.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edge.controller.struct import Value
from edge.controller.trouble import BadAnswer, DeviceError, DeviceRefused, DeviceTimeout, LineDown
from edge.rfid.acr122 import tame_acr122
from edge.rfid.ats import parse_ats, rats
from edge.rfid.isodep import IsoDep
from edge.rfid.kind import ISO_DEP
from edge.rfid.path import path_problem
from edge.rfid.pn532 import connect_pn532
from edge.rfid.udp import connect_udp
from edge.rfid.uid import UidError, check_uid

RATS_WAIT_S = 0.05  # 14443-4, 7.2 gives the card 4.8 ms; the way through a USB reader is longer
RAW_WAIT_S = 0.05  # a Type 2 card answers within 10 ms
_CRC_BYTES = 2  # which the chip adds and takes off


class Card(Value):
    """A card in the field. `atqa` low byte first, as over the air."""

    uid: bytes
    sak: int
    atqa: bytes

    def __repr__(self) -> str:
        return f"Card(uid=<{len(self.uid)} bytes>, sak={self.sak:#04x})"


class Frontend:
    """One NFC reader, owned by one thread."""

    def __init__(self, path: str, *, virtual: bool, connect: Callable[[str], Any] | None = None,
                 mono_s: Callable[[], float] = time.monotonic,
                 sleep: Callable[[float], None] = time.sleep) -> None:
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
        self._mono_s, self._sleep = mono_s, sleep
        self._card: IsoDep | None = None  # selected, and in step with us
        self._quiet_until_s = 0.0
        self.chip = ""  # what the reader says that it is, once it was open

    def open(self) -> None:
        """Opens the reader; raises LineDown. The libraries are loaded here, at first need."""
        self.close()
        try:
            with self._wall("open the card reader"):
                import nfc.clf
                import nfc.tag.tt4  # here, that the first tap need not wait for it

                self._target = nfc.clf.RemoteTarget("106A")
                self._clf = self._connect(self._path)
                self._device = self._clf.device
                tame_acr122(self._device)
                self.chip = _named(self._device)
        except (BadAnswer, DeviceTimeout) as error:  # noise from a device: it is not the right one
            raise LineDown(error.what, where=error.where, got=error.got,
                           expected=error.expected) from None

    def sense(self) -> Card | None:
        """Polls once. None: no card. BadAnswer: noise, something is there; LineDown: reader gone.

        A card that was selected before has no power for a moment, and forgets it.
        """
        self._card = None
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
        """The ATS of the card that was just sensed, empty when it has none or tore away.

        The card stays selected, with the field on, until the next `sense`.
        """
        if not card.sak & ISO_DEP:
            return b""
        try:
            with self._wall("select the card"):
                clf = self._opened()
                request = bytearray(rats(clf.max_recv_data_size + _CRC_BYTES))
                ats = bytes(clf.exchange(request, RATS_WAIT_S) or b"")
                said = parse_ats(ats)
                self._quiet_until_s = self._mono_s() + said.guard_s
                self._card = IsoDep(clf.exchange, said, clf.max_send_data_size + _CRC_BYTES)
                return ats
        except (BadAnswer, DeviceTimeout):
            return b""

    def apdu(self, command: bytes, left_s: Callable[[], float]) -> bytes:
        """One command to the selected card, and its whole answer with the status word.

        `left_s` says before each frame how long there is still. Raises BadAnswer and DeviceTimeout,
        after which the card has to be sensed and selected anew, and LineDown.
        """
        card, self._card = self._card, None
        if card is None:
            raise BadAnswer("talk to the card", where=self._path, got="no selected card",
                            expected="one that answered RATS and every command since")
        with self._wall("talk to the card"):
            self._keep_quiet(left_s())
            answer = card.apdu(command, left_s)
        self._card = card
        return answer

    def raw(self, frame: bytes) -> bytes:
        """One frame to a card without ISO-DEP that was just sensed (NFC Forum Type 2), and its answer.

        Without CRC, which the chip adds and checks. Raises DeviceRefused for a NAK, after which the
        card has to be sensed anew, BadAnswer, DeviceTimeout and LineDown.
        """
        with self._wall("ask the card"):
            answer = bytes(self._opened().exchange(bytearray(frame), RAW_WAIT_S))
        if len(answer) == 1:  # four bits: ACK comes only after a write, which nobody does here
            raise DeviceRefused("ask the card", where=self._path, got=f"NAK {answer[0]:x}",
                                expected="an answer")
        return answer

    def _keep_quiet(self, left_s: float) -> None:
        """Gives a card the time that it wants after its ATS (SFGT: 14443-4, 5.2.5)."""
        quiet_s = self._quiet_until_s - self._mono_s()
        if quiet_s > left_s:
            raise DeviceTimeout("talk to the card", where=self._path, expected="an answer in time",
                                got=f"a card that wants {quiet_s:.2f} s of quiet first")
        if quiet_s > 0:
            self._sleep(quiet_s)

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
    if path.endswith(":pn532"):
        return connect_pn532(path)
    return nfc.clf.ContactlessFrontend(path)


def _translated(error: Exception, what: str, where: str) -> DeviceError:
    """Noise of the radio stays apart from a reader that is gone. Texts of nfcpy may quote a UID, so
    that only those of the operating system are passed on."""
    import nfc.clf
    import nfc.tag

    name = type(error).__name__
    if isinstance(error, nfc.tag.TagCommandError):
        silent = error.errno == nfc.tag.TIMEOUT_ERROR
        kind = DeviceTimeout if silent else BadAnswer
        return kind(what, where=where, got="no answer" if silent else "blocks out of order",
                    expected="an answer of the card")
    if isinstance(error, nfc.clf.TimeoutError):
        return DeviceTimeout(what, where=where, got="no answer", expected="an answer of the card")
    noise = (nfc.clf.CommunicationError, IndexError, AssertionError, ValueError, TypeError)
    if isinstance(error, noise):
        return BadAnswer(what, where=where, got=name, expected="a valid frame")
    got = f"{name}: {error.strerror}" if isinstance(error, OSError) else name
    return LineDown(what, where=where, got=got, expected="a reader that answers")


def _named(device: Any) -> str:
    """Maker, product and chip, as far as they are known."""
    names = (getattr(device, name, "") for name in ("vendor_name", "product_name", "chipset_name"))
    return " ".join(name for name in names if name)


def _handles(device: Any) -> Iterator[Any]:
    """Ports that nfcpy's close() may have left open, innermost first: udp, serial."""
    transport = getattr(getattr(device, "chipset", None), "transport", None)
    for owner, name in ((device, "socket"), (transport, "tty")):
        handle = getattr(owner, name, None)
        if handle is not None:
            yield handle
