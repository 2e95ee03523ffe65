"""A card that nobody here vouches for: unknown, blocked, or known too long ago (decision 0032).

The cloud is asked where it can be, for a few seconds; the screen says so. Without its word the site's
policy about unknown cards decides, and that knows of no card that is refused by name. Whether a card is
unknown or blocked shows nowhere.
"""

import msgspec

from edge.controller.authorisation import bad_taps, telling, unknown
from edge.controller.authorisation.allowed import judge
from edge.controller.authorisation.at_outlet import take_back, waits
from edge.controller.authorisation.placing import place
from edge.controller.authorisation.refusal import Refused, Why
from edge.controller.effects import AskCloud, RememberCard
from edge.controller.events import CardAnswered, CardPresented
from edge.controller.idtoken import Level, Source, TokenRecord, TokenStatus
from edge.controller.state import Question
from edge.controller.turn import NS, Turn

ASKING = "card_asking"
_AGED = (Why.EXPIRED, Why.OFFLINE)  # what the cloud may know better by now


def vouched(turn: Turn, tap: CardPresented) -> TokenRecord | None:
    """The record by which this card may be judged here; None: somebody should be asked."""
    record = tap.record
    if record is None or record.status is not TokenStatus.ACCEPTED:
        return None
    if turn.site.answers_cards and tap.source is not Source.OWN:
        said = [judge(turn, record, tap.level, e, tap.source) for e in tap.evse_ids]
        if said and all(one is not None and one.why in _AGED for one in said):
            return None
    return record


def ask(turn: Turn, tap: CardPresented) -> None:
    """Ask the cloud, or do without. A card that is shown again meanwhile is not asked about again."""
    policy, asked = turn.plan.cards, _about(turn, tap)
    if asked is not None:
        _put(turn, msgspec.structs.replace(
            asked, reader_id=tap.reader_id, evse_ids=tap.evse_ids, level=min(asked.level, tap.level),
            token=min(asked.token, tap.token, key=lambda token: token.level)))  # a copy may be with it
        telling.say(turn, telling.idle(turn, tap.evse_ids), ASKING, policy.online_s)
        return
    if tap.record is not None and tap.record.status is not TokenStatus.ACCEPTED:
        take_back(turn, tap.token)
    if not bad_taps.any_left(turn, tap.reader_id):
        bad_taps.too_many(turn, tap, "nobody here vouches for it")
        return
    if not turn.site.answers_cards:
        _decide(turn, tap)
        return
    question = Question(
        id=turn.at.fresh_id, reader_id=tap.reader_id, evse_ids=tap.evse_ids, token=tap.token,
        level=tap.level, until_ns=turn.now_ns + int(policy.online_s * NS), record=tap.record,
        source=tap.source, plugged=tuple(e for e in tap.evse_ids if waits(turn.outlets[e])))
    _put(turn, question)
    turn.emit(AskCloud(question_id=question.id, reader_id=tap.reader_id, evse_ids=tap.evse_ids,
                       token=tap.token, within_s=policy.online_s))
    telling.say(turn, telling.idle(turn, tap.evse_ids), ASKING, policy.online_s)


def answered(turn: Turn, event: CardAnswered) -> None:
    """The cloud's word. One that comes too late is only remembered: its driver may have left."""
    question = turn.site.questions.get(event.question_id)
    record, error = event.record, event.error
    if question is None:
        if record is not None and not error:
            turn.emit(RememberCard(record=_as_proven(record, record.token.level),
                                   until_utc=event.until_utc))
        return
    _drop(turn, question)
    if record is not None and record.token.ref != question.token.ref:
        record, error = None, "an answer about another card"
    if error:
        _decide(turn, _tap(question), error)
        return
    token, ours = question.token, question.record
    record = record or TokenRecord(token=token, status=TokenStatus.UNKNOWN)
    record = _as_proven(msgspec.structs.replace(record, token=msgspec.structs.replace(
        token, contract_id=record.token.contract_id or token.contract_id)), question.level)
    turn.emit(RememberCard(record=record, until_utc=event.until_utc))
    if record.status is not TokenStatus.ACCEPTED:
        _refuse(turn, _tap(question), f"the cloud says {record.status}")
    elif question.source is Source.OWN and ours is not None:  # who said no here knows why
        _refuse(turn, _tap(question), f"entered here as {ours.status}")
    else:
        if question.source is Source.LIST and ours is not None:
            record = _within(record, ours)
        place(turn, msgspec.structs.replace(
            _tap(question), record=record, source=Source.CLOUD), record)


def _as_proven(record: TokenRecord, level: Level) -> TokenRecord:
    """The cloud's word about a card that has proven itself is none about a bare number that is copied
    from it. (What else a card can prove it proves by its record here.)
    """
    if level < Level.CERTIFICATE:
        return record
    return msgspec.structs.replace(record, min_level=max(record.min_level, level))


def _within(record: TokenRecord, ours: TokenRecord) -> TokenRecord:
    """The cloud's yes, within what the list says of the card: an answer has no word for most of it.

    Whether the card is good, until when, and for which group are the cloud's to say.
    """
    limits = [wh for wh in (record.limit_wh, ours.limit_wh) if wh is not None]
    everywhere = not record.evse_ids and not record.evse_groups
    return msgspec.structs.replace(
        ours, token=record.token, status=record.status, expires_utc=record.expires_utc,
        group_ref=record.group_ref or ours.group_ref, language=record.language or ours.language,
        evse_ids=ours.evse_ids if everywhere else record.evse_ids,
        evse_groups=ours.evse_groups if everywhere else record.evse_groups,
        min_level=max(record.min_level, ours.min_level), limit_wh=min(limits, default=None))


def settle(turn: Turn, tap: CardPresented) -> None:
    """Somebody here vouches for this card by now: a word that is still to come is only remembered."""
    asked = _about(turn, tap)
    if asked is not None:
        _forget(turn, asked)


def withdraw(turn: Turn, evse_id: str) -> bool:
    """Somebody takes back what is asked for this EVSE; whether there was anything."""
    found = [q for q in turn.site.questions.values() if evse_id in q.evse_ids]
    for question in found:
        _forget(turn, question)
    return bool(found)


def follow(turn: Turn) -> None:
    """Do without an answer that is late; forget who has left."""
    for question in list(turn.site.questions.values()):
        if question.plugged and not any(waits(turn.outlets[e]) for e in question.plugged):
            _forget(turn, question)
        elif turn.reached(question.until_ns):
            _drop(turn, question)
            _decide(turn, _tap(question), "no answer in time")


def _decide(turn: Turn, tap: CardPresented, why_alone: str = "nobody could be asked") -> None:
    """Without the cloud: what is known stands, and what is not is the policy's."""
    record, policy = tap.record, turn.plan.cards
    if record is not None and record.status is TokenStatus.ACCEPTED:
        place(turn, tap, record)  # which says that it has expired, or is too old
        return
    if record is not None:
        log = f"its status is {record.status}; {why_alone}"
    elif not policy.unknown_offline:
        log = f"nobody knows it; {why_alone}"
    elif not unknown.is_left(turn, tap.token):
        log = f"nobody knows it, and so many were let in lately; {why_alone}"
    else:
        record = TokenRecord(token=tap.token, limit_wh=policy.unknown_limit_wh)
        place(turn, msgspec.structs.replace(tap, record=record, source=Source.POLICY), record)
        return
    _refuse(turn, tap, log)


def _refuse(turn: Turn, tap: CardPresented, log: str) -> None:
    """Nobody vouches for it, or no longer: it waits for nothing either."""
    take_back(turn, tap.token)
    bad_taps.refuse(turn, tap, Refused(why=Why.REFUSED, log=log))


def _about(turn: Turn, tap: CardPresented) -> Question | None:
    return next((q for q in turn.site.questions.values() if q.token.ref == tap.token.ref), None)


def _tap(question: Question) -> CardPresented:
    return CardPresented(reader_id=question.reader_id, evse_ids=question.evse_ids, token=question.token,
                         level=question.level, record=question.record, source=question.source)


def _put(turn: Turn, question: Question) -> None:
    turn.change(questions={**turn.site.questions, question.id: question})


def _drop(turn: Turn, question: Question) -> None:
    turn.change(questions={key: one for key, one in turn.site.questions.items() if key != question.id})


def _forget(turn: Turn, question: Question) -> None:
    _drop(turn, question)
    asking = [e for e in question.evse_ids if turn.outlets[e].message == ASKING]
    telling.say(turn, asking, None)
