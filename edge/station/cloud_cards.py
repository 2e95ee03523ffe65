"""The cloud's part in cards: questions out, its word in, reservations in. All over `sync.sock`.

A card's number is unsealed for the moment in which it is asked about, and kept while that lasts. What
comes in with numbers in clear is turned into references before the core, and so a recording, sees it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from edge.controller.effects import AskCloud, RememberCard
from edge.controller.events import CardAnswered, Event
from edge.controller.idtoken import ISO14443, IdToken, TokenRecord, TokenStatus
from edge.controller.request import Request
from edge.controller.trouble import DeviceError
from edge.link.card_protocol import (
    QUESTIONS,
    CardAnswer,
    CardQuestion,
    CardQuestions,
    IdTokenInfo,
    ReservationSet,
    WireIdToken,
)
from edge.link.messages import Reply, accepted, arguments, refused
from edge.rfid.uid import UidError, canonical, parse_uid

_STATUS = {"Accepted": TokenStatus.ACCEPTED, "Expired": TokenStatus.EXPIRED,
           "Unknown": None, "Invalid": None}  # None: nobody knows it; every other one is refused
_GROUP_LENGTH = 64

log = logging.getLogger(__name__)


class CardFacts(Protocol):
    """The store, as the cloud's part needs it. May raise DeviceError; `unseal` a ValueError, too."""

    async def unseal(self, sealed: str, ref: str) -> bytes: ...

    async def ref(self, token_type: str, value: bytes) -> str: ...

    async def remember(self, record: TokenRecord, until_utc: str | None) -> None: ...


class CloudCards:
    """Belongs to one loop. `answers`: whether somebody is connected who said that he can be asked.

    `evses`: our ids by OCPP's numbers.
    """

    def __init__(self, *, store: CardFacts, evses: Mapping[int, str], answers: Callable[[], bool],
                 push: Callable[[str, object], None], hand_in: Callable[[Event], None],
                 spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        self._store, self._evses, self._answers = store, evses, answers
        self._numbers = {evse_id: number for number, evse_id in evses.items()}
        self._push, self._hand_in, self._spawn = push, hand_in, spawn
        self._open: dict[str, tuple[CardQuestion, IdToken]] = {}

    def ask(self, effect: AskCloud) -> None:
        """Returns at once; `CardAnswered` follows, with the answer or with why there is none."""
        self._spawn(self._ask(effect))

    def remember(self, effect: RememberCard) -> None:
        """Into the cache, or out of it. What cannot be remembered is asked again."""
        self._spawn(self._remember(effect))

    async def answer(self, request: Request) -> Reply:
        """`card.answer`. Raises `msgspec.ValidationError`."""
        answer = arguments(request, CardAnswer)
        question = self._open.pop(answer.question_id, None)
        if question is None:
            return refused(request, f"card.answer: nobody waits for question {answer.question_id!r}")
        self._tell()
        info = answer.id_token_info
        if info is None:
            self._give(answer.question_id, error=answer.error or "no word")
        else:
            record = await self._record(question[1], info)
            self._hand_in(CardAnswered(question_id=answer.question_id, record=record,
                                       until_utc=_utc(info.cache_expiry_date_time)))
        return accepted(request)

    async def reservation(self, request: Request) -> Request:
        """`reservation.set` as the core may see it. Raises `msgspec.ValidationError`, DeviceError."""
        wanted = arguments(request, ReservationSet)
        args = {"id": wanted.id, "evse_id": wanted.evse_id, "until_utc": wanted.until_utc,
                "token_ref": await self._ref(wanted.id_token),
                "group_ref": await self._group(wanted.group_id_token)}
        raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in args.items()}
        return msgspec.structs.replace(request, args=raw)

    async def _ask(self, effect: AskCloud) -> None:
        if not self._answers():
            self._give(effect.question_id, error="nobody is connected who could be asked")
            return
        try:
            uid = await self._store.unseal(effect.token.sealed, effect.token.ref)
        except (DeviceError, ValueError) as error:
            log.error("token %s: cannot be asked about: %s", effect.token.ref[:8], error)
            self._give(effect.question_id, error="its number cannot be read")
            return
        self._open[effect.question_id] = (CardQuestion(
            question_id=effect.question_id, id_token=canonical(uid), type=effect.token.type,
            level=int(effect.token.level), reader_id=effect.reader_id, within_s=effect.within_s,
            evses=tuple(self._numbers[e] for e in effect.evse_ids if e in self._numbers)), effect.token)
        self._tell()
        await asyncio.sleep(effect.within_s)
        if self._open.pop(effect.question_id, None) is not None:
            self._tell()

    async def _remember(self, effect: RememberCard) -> None:
        try:
            await self._store.remember(effect.record, effect.until_utc)
        except DeviceError as error:
            log.error("token %s: not remembered: %s", effect.record.token.ref[:8], error)

    async def _record(self, token: IdToken, info: IdTokenInfo) -> TokenRecord | None:
        status = _STATUS.get(info.status, TokenStatus.BLOCKED)
        if status is None:
            return None
        evse_ids = tuple(self._evses[n] for n in info.evse_id if n in self._evses)
        if info.evse_id and not evse_ids:
            status = TokenStatus.BLOCKED  # it may charge at EVSEs of which we have none
        return TokenRecord(token=token, status=status, evse_ids=evse_ids, language=info.language1,
                           group_ref=await self._group(info.group_id_token))

    async def _ref(self, token: WireIdToken | None) -> str | None:
        """As the store knows it. The text of any other type counts in lower case (OCPP 2.0.1)."""
        if token is None:
            return None
        if token.type != ISO14443:
            return await self._store.ref(token.type, token.id_token.lower().encode())
        try:
            return await self._store.ref(token.type, parse_uid(token.id_token))
        except UidError as error:
            raise msgspec.ValidationError(f"{error} - at `$.id_token`") from None

    async def _group(self, token: WireIdToken | None) -> str | None:
        """A group's name, as lists have it; some clouds name a group by the number of a card."""
        if token is None or not token.id_token:
            return None
        if token.type == ISO14443:
            return await self._ref(token)
        return token.id_token[:_GROUP_LENGTH]

    def _give(self, question_id: str, *, error: str) -> None:
        self._hand_in(CardAnswered(question_id=question_id, record=None, error=error))

    def _tell(self) -> None:
        self._push(QUESTIONS, CardQuestions(questions=tuple(q for q, _ in self._open.values())))


def _utc(text: str | None) -> str | None:
    """As our rows write it; None for what is no moment."""
    try:
        when = datetime.fromisoformat(text or "")
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):  # also of the year 0, by its offset
        return None
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
