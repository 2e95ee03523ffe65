# Stories of everything that can happen to a board, told to the bench and to the model at once.
# For CPython and MicroPython.
import registers as r
from model import Model

CURRENTS = (0, 59, 60, 100, 160, 160, 160, 320, 800, 65535)
STEPS = (1, 1, 1, 1, 0, -1, 2, 0x7FFF, 0x8000)  # added to the last sequence
TTLS = (5000, 5000, 5000, 1000, 100, 99, 5001)
WAITS_MS = (0, 0, 0, 4, 4, 20, 60, 60, 200, 200, 700, 700, 2000, 6000)
TURNS_MS = (4, 4, 4, 5, 7, 10)  # a loop that is late at times, but never later than it may be

# what happens, with what; one that stands there often happens often
EVENTS = (
    ("load", "ABBCCCCCDE"),
    ("load", "BCC"),
    ("diode", (True, True, True, True, False)),
    ("leak", (False, False, False, True)),
    ("stop_pressed", (False, False, False, True)),
    ("supply_mv", (12000, 12000, 12000, 10600, 9000)),
    ("temperature_dc", (250, 250, 250, 250, 600, 250, 250, 720, -32768)),
    ("pp_ohm", (65535, 65535, 65535, 220, 680, 10)),
    ("welded", (False, False, False, False, False, True)),
    ("coil_dead", (False, False, False, False, True)),
    ("rcd_dead", (False, False, False, False, True)),
    ("relay", (True, False)),
    ("offer", CURRENTS),
    ("offer", (60, 160, 320)),
    ("offer", (160, 320, 633)),
    ("withdraw", (0,)),
    ("grant", CURRENTS),
    ("grant", (160,)),
    ("grant", (320,)),
    ("renew", CURRENTS),
    ("renew", (160,)),
    ("renew", (0, 160)),
    ("renew", (0, 320)),
    ("renew", (0, 320)),
    ("live", (1, 4, 8)),
    ("revoke", (0,)),
    ("acknowledge", (0, 0, 0, 1)),
    ("self_test", (0,)),
    ("show_f", (99, 100, 500)),
    ("wake", (999, 1000, 2500)),
    ("unknown", (0, 10, 65535)),
    ("lower", CURRENTS),
    ("turn_off", (0,)),
    ("heal", (0,)),
    ("charge", (60, 160, 320)),
    ("charge", (60, 160, 320)),
    ("charge", (320, 633)),
)
OF_INPUTS = ("stop_pressed", "supply_mv", "temperature_dc", "pp_ohm")
OF_BENCH = ("load", "diode", "leak", "welded", "coil_dead", "rcd_dead", "relay")


class Story:
    # `bench` as it is after the start. `closings`: how often a grant set PERMIT.

    def __init__(self, bench):
        self.bench = bench
        self.model = Model(bench.core)
        self.closings = 0

    def run(self, ms):
        bench = self.bench
        for _ in range(ms // bench.step_ms):
            bench.step()
            self.model.step(bench.now_ms)

    def until(self, condition, limit_ms):
        # At most so long; whether it came true is for the story to live with.
        while limit_ms > 0 and not condition():
            self.run(self.bench.step_ms)
            limit_ms -= self.bench.step_ms

    def command(self, command, sequence=0, current_da=0, ttl_ms=0):
        answer = self.bench.command(command, sequence, current_da, ttl_ms)
        self.model.commanded(answer, command, sequence, current_da, ttl_ms)
        return answer

    def grant(self, step, current_da, ttl_ms):
        sequence = (self.bench.core.interlock.grant_seq + step) & 0xFFFF
        before = self.bench.permit
        answer = self.command(r.COMMAND_GRANT, sequence, current_da, ttl_ms)
        if answer == 0:
            self.closings += not before
            if self.bench.obeys:
                self.bench.relay = True
        return answer

    def renew(self, step, current_da, ttl_ms):
        sequence = (self.bench.core.interlock.heartbeat_seq + step) & 0xFFFF
        return self.command(r.COMMAND_RENEW, sequence, current_da, ttl_ms)

    def act(self, kind, value, step, ttl_ms):
        # One event; `step` and `ttl_ms` only for those that need them.
        bench = self.bench
        if kind in OF_INPUTS:
            setattr(bench.inputs, kind, value)
        elif kind in OF_BENCH:
            setattr(bench, kind, value)
        elif kind == "grant":
            self.grant(step, value, ttl_ms)
        elif kind == "renew":
            self.renew(step, value, ttl_ms)
        elif kind == "live":
            for _ in range(value):
                self.renew(1, 0, 5000)
                self.run(1000)
        elif kind == "acknowledge":
            self.command(r.COMMAND_ACK, (bench.core.faults.seq + value) & 0xFFFF)
        elif kind == "lower":
            self.model.lowered(bench.core.lower(value), value)
        elif kind == "turn_off":
            bench.core.turn_off()
            self.model.turned_off()
        elif kind == "heal":
            self.heal()
        elif kind == "charge":
            self.charge(value)
        else:
            self._plain_command(kind, value)

    def _plain_command(self, kind, value):
        if kind == "offer":
            self.command(r.COMMAND_OFFER, 0, value)
        elif kind == "withdraw":
            self.command(r.COMMAND_WITHDRAW)
        elif kind == "revoke":
            self.command(r.COMMAND_REVOKE)
        elif kind == "self_test":
            self.command(r.COMMAND_SELF_TEST)
        elif kind == "show_f":
            self.command(r.COMMAND_SHOW_F, 0, 0, value)
        elif kind == "wake":
            self.command(r.COMMAND_WAKE, 0, 0, value)
        else:
            self.command(value)

    def heal(self):
        # Everything is repaired, and what is latched acknowledged.
        bench = self.bench
        bench.diode = True
        bench.leak = bench.welded = bench.coil_dead = bench.rcd_dead = bench.relay = False
        inputs = bench.inputs
        inputs.stop_pressed = False
        inputs.supply_mv = 12000
        inputs.temperature_dc = 250
        inputs.pp_ohm = 65535
        bench.load = "A"
        self.run(1200)
        if bench.faults & r.FAULT_TEMPERATURE:
            self.run(60000)
        if bench.faults & r.FAULT_SELF_TEST:
            self.command(r.COMMAND_SELF_TEST)
            self.run(1500)
        self.command(r.COMMAND_ACK, bench.core.faults.seq)

    def charge(self, current_da):
        # A well-behaved car and controller, so that interesting states are reached often.
        bench = self.bench
        if self.model.blocking():
            self.heal()
        self.until(bench.tested, 2000)
        bench.load = "B"
        self.run(120)
        self.command(r.COMMAND_OFFER, 0, current_da)
        self.run(200)
        bench.load = "C"
        self.run(640)
        self.grant(1, current_da, 5000)
        self.run(40)


class Dice:
    # The same numbers on every machine (a linear congruence modulo 2**30, high bits used).

    def __init__(self, seed):
        self.value = seed

    def below(self, limit):
        self.value = (self.value * 1103515245 + 12345) & 0x3FFFFFFF
        return (self.value >> 12) % limit

    def pick(self, choices):
        return choices[self.below(len(choices))]


def tell(story, seed, events):
    # A random story; returns what happened, for the message of a failure.
    dice = Dice(seed)
    told = []
    try:
        for _ in range(events):
            kind, values = dice.pick(EVENTS)
            value = dice.pick(values)
            step = dice.pick(STEPS)
            ttl_ms = dice.pick(TTLS)
            wait_ms = dice.pick(WAITS_MS)
            story.bench.step_ms = dice.pick(TURNS_MS)
            told.append((kind, value, step, ttl_ms, wait_ms))
            story.act(kind, value, step, ttl_ms)
            story.run(wait_ms)
    except AssertionError as error:
        where = f"seed {seed}, at {story.bench.now_ms} ms, after {told[-4:]}"
        raise AssertionError(f"{where}: {error}") from error
    return told
