# What a write of the command block does to the core: one function a command. Pure.
# Each answers OK, BAD_VALUE, or REFUSED with `core.refused_bits`. What takes away is never
# refused.
from answers import BAD_VALUE, OK, REFUSED
from interlock import newer
from registers import (
    COMMAND_ACK,
    COMMAND_GRANT,
    COMMAND_OFFER,
    COMMAND_RENEW,
    COMMAND_REVOKE,
    COMMAND_SELF_TEST,
    COMMAND_SHOW_F,
    COMMAND_WAKE,
    COMMAND_WITHDRAW,
    PILOT_A,
    PILOT_B,
    PILOT_D,
    REFUSED_CAR,
    REFUSED_COASTING,
    REFUSED_CONTACTOR_CLOSED,
    REFUSED_FAULT,
    REFUSED_NO_CAR,
    REFUSED_NO_GRANT,
    REFUSED_REQUEST,
    REFUSED_SEQUENCE,
)
from settings import MAX_DA, MIN_DA

TTL_MIN_MS = 100  # our own choice: shorter than any poll, a grant would only flicker
SHOW_F_MIN_MS = 100  # our own choice: long enough to be measured ...
SHOW_F_MAX_MS = 30000  # ... and over before a driver gives up
WAKE_MIN_MS = 1000  # the order
WAKE_MAX_MS = 5000


def execute(core, command, sequence, current_da, ttl_ms):
    # One of COMMAND_*; the caller lets the core settle afterwards.
    if command == COMMAND_OFFER:
        return _offer(core, current_da)
    if command == COMMAND_WITHDRAW:
        core.offer.ask(0)
        return OK
    if command == COMMAND_GRANT:
        return _grant(core, sequence, current_da, ttl_ms)
    if command == COMMAND_RENEW:
        return _renew(core, sequence, current_da, ttl_ms)
    if command == COMMAND_REVOKE:
        core.interlock.clear()
        return OK
    if command == COMMAND_ACK:
        return OK if core.acknowledge(sequence) else _refuse(core, REFUSED_SEQUENCE)
    if command == COMMAND_SELF_TEST:
        return _self_test(core)
    if command == COMMAND_SHOW_F:
        return _show_f(core, ttl_ms)
    if command == COMMAND_WAKE:
        return _wake(core, ttl_ms)
    return BAD_VALUE


def _offer(core, current_da):
    # Accepted, it may still have to wait: for a raise, for a self-test, for the time after X1.
    if not MIN_DA <= current_da <= MAX_DA:
        return BAD_VALUE
    if not PILOT_B <= core.pilot.state <= PILOT_D:
        return _refuse(core, REFUSED_NO_CAR)
    if core.faults.blocking:
        return _refuse(core, REFUSED_FAULT)
    if core.interlock.coasting and current_da > core.offer.told_da:
        return _refuse(core, REFUSED_COASTING)
    core.offer.ask(current_da)
    return OK


def _grant(core, sequence, current_da, ttl_ms):
    if not _valid(core, current_da, ttl_ms):
        return BAD_VALUE
    interlock = core.interlock
    if interlock.permit and sequence == interlock.grant_seq:
        return OK  # the same write once more, because its answer was lost: prolongs nothing
    told = core.offer.told_da > 0
    closed = core.inputs.mirror_closed or core.contactor.closed
    bits = interlock.missing(sequence, core.standing(), told, closed, core.inputs.request)
    if bits:
        return _refuse(core, bits)
    interlock.grant(sequence, current_da, ttl_ms)
    core.offer.lower(current_da)
    return OK


def _renew(core, sequence, current_da, ttl_ms):
    if not _valid(core, current_da or MIN_DA, ttl_ms):  # 0: leave the current as it is
        return BAD_VALUE
    interlock = core.interlock
    if not interlock.permit:
        return _refuse(core, REFUSED_NO_GRANT)
    if sequence == interlock.heartbeat_seq:
        return OK  # the same write once more: prolongs nothing
    if not newer(sequence, interlock.heartbeat_seq):
        return _refuse(core, REFUSED_SEQUENCE)
    interlock.renew(sequence, current_da, ttl_ms)
    if current_da:
        core.offer.lower(current_da)
    return OK


def _self_test(core):
    # Only with the contactor open, and nothing opens for it.
    bits = _energised(core)
    if bits:
        return _refuse(core, bits)
    return OK if core.residual.start() else _refuse(core, REFUSED_CONTACTOR_CLOSED)


def _show_f(core, hold_ms):
    # Without a car only: in F none can be seen to come, so it ends by its time.
    if not SHOW_F_MIN_MS <= hold_ms <= SHOW_F_MAX_MS:
        return BAD_VALUE
    if core.pilot.state != PILOT_A:
        return _refuse(core, REFUSED_CAR)
    core.offer.show_f(hold_ms)
    return OK


def _wake(core, pulse_ms):
    # To a car that rests, with nothing closed that could stay closed: in F nobody can be seen to leave.
    if not WAKE_MIN_MS <= pulse_ms <= WAKE_MAX_MS:
        return BAD_VALUE
    if core.offer.waking:
        return OK  # the same write once more, because its answer was lost: prolongs nothing
    bits = _energised(core)
    state = core.pilot.state
    if not PILOT_B <= state <= PILOT_D:
        bits |= REFUSED_NO_CAR
    elif state != PILOT_B:
        bits |= REFUSED_CAR
    if core.faults.blocking:
        bits |= REFUSED_FAULT
    if bits:
        return _refuse(core, bits)
    core.offer.wake(pulse_ms)
    return OK


def _energised(core):
    # REFUSED_* bits of what feeds the coil, or shows that it is fed.
    bits = 0
    if core.interlock.permit or core.inputs.mirror_closed or core.contactor.closed:
        bits |= REFUSED_CONTACTOR_CLOSED
    if core.inputs.request:
        bits |= REFUSED_REQUEST
    return bits


def _valid(core, current_da, ttl_ms):
    return MIN_DA <= current_da <= MAX_DA and TTL_MIN_MS <= ttl_ms <= core.settings.grant_ttl_ms


def _refuse(core, bits):
    core.refused_bits = bits
    return REFUSED
