"""Commands to a card that answered RATS: nfcpy's initiator on a guarded line (ISO/IEC 14443-4, 7).

The initiator cuts commands into blocks, joins answers and repeats what the radio lost. Between it and
the radio stands `GuardedLine`, because it

1. takes a wish for more time, S(WTX), only before the first block of an answer, and without a repeat;
2. repeats a command for ever to a card that acknowledges the wrong block for ever;
3. takes any block for a part of a chained answer, and as many of them as the card likes to send;
4. has no end: a card whose frames may take five seconds could hold a reader for half a minute.
"""

from collections.abc import Callable
from typing import Any

from edge.controller.trouble import BadAnswer, DeviceTimeout
from edge.rfid.ats import Ats

FRAME_WAIT_AT_MOST_S = 0.4  # cards say 5 to 80 ms; a phone may say 5 s, and ask for it by S(WTX)
LONGEST_WAIT_S = 0.8  # also after S(WTX): a reader that is silent for two seconds is taken for stuck
MAX_FRAMES = 128  # for one command: 21 out and 20 back in the smallest frames, each repeated twice
REPEATS = 2
_WTX = 0xF2
_WTXM = 0x3F
_LONGEST_WTX = 59
_DELTA_S = 49152 / 13.56e6  # 7.3: what a reader adds to the card's frame waiting time


class GuardedLine:
    """What nfcpy's initiator takes for its frontend: one block out, one block in."""

    def __init__(self, exchange: Callable[[bytes, float], Any], frame_wait_s: float) -> None:
        """`exchange` is nfcpy's and raises its errors, which the initiator knows."""
        self._exchange, self._frame_wait_s = exchange, frame_wait_s
        self._left_s: Callable[[], float] = lambda: 0.0
        self._frames = 0

    def begin(self, left_s: Callable[[], float]) -> None:
        """A new command. `left_s` is asked before each frame how much time there is still."""
        self._left_s, self._frames = left_s, 0

    def exchange(self, block: bytes, timeout_s: float) -> Any:
        """Answers S(WTX) itself, and passes on blocks that may follow the one that was sent.

        Raises BadAnswer, DeviceTimeout, and what nfcpy's `exchange` raises.
        """
        sent, block = block[0], bytes(block)
        while True:
            answer = self._once(block, timeout_s)
            if not answer or answer[0] != _WTX:
                break
            if len(answer) != 2 or not 1 <= answer[1] & _WTXM <= _LONGEST_WTX:
                raise _bad(answer, "S(WTX) with a multiplier of 1 to 59")
            multiplier = answer[1] & _WTXM  # the bits above are a hint about power, and not answered
            block, timeout_s = bytes([_WTX, multiplier]), multiplier * self._frame_wait_s + _DELTA_S
        if answer and not _may_follow(sent, answer[0]):
            raise _bad(answer, "the next block of an answer")
        return answer

    def _once(self, block: bytes, timeout_s: float) -> Any:
        self._frames += 1
        left_s = self._left_s()
        if left_s <= 0 or self._frames > MAX_FRAMES:
            raise DeviceTimeout("talk to the card", where="radio", expected="an answer in time",
                                got=f"none within {self._frames} frames")
        return self._exchange(block, min(timeout_s, left_s, LONGEST_WAIT_S))


class IsoDep:
    """One activated card. After any error its block number is unknown: sense and select it anew."""

    def __init__(self, exchange: Callable[[bytes, float], Any], ats: Ats, reader_frame: int) -> None:
        """`reader_frame`: the longest frame that the reader can send, in bytes with PCB and CRC."""
        from nfc.tag.tt4 import IsoDepInitiator

        wait_s = min(ats.frame_wait_s, FRAME_WAIT_AT_MOST_S)
        self._line = GuardedLine(exchange, wait_s)
        self._initiator = IsoDepInitiator(self._line, min(ats.frame_size, reader_frame), wait_s)
        self._initiator.n_retry_ack = self._initiator.n_retry_nak = REPEATS

    def apdu(self, command: bytes, left_s: Callable[[], float]) -> bytes:
        """One command, one whole answer with its status word.

        Raises BadAnswer and DeviceTimeout, and what nfcpy raises: for the wall in `frontend.py`.
        """
        self._line.begin(left_s)
        answer = bytes(self._initiator.exchange(command))
        if len(answer) < 2:
            raise _bad(answer, "an answer with a status word")
        return answer


def _may_follow(sent: int, got: int) -> bool:
    """7.5.4: after R(ACK) of ours only the next part of an answer; else that, or an R(ACK)."""
    information = got & 0xEE == 0x02  # an I-block without CID and NAD, neither of which we use
    acknowledged = got & 0xFE == 0xA2
    return information or (acknowledged and sent & 0xFE != 0xA2)


def _bad(answer: bytes, expected: str) -> BadAnswer:
    return BadAnswer("block of the card", where="radio", expected=expected,
                     got=f"{len(answer)} bytes, first {bytes(answer[:1]).hex() or 'none'}")
