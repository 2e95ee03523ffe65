"""Whatever happens in whatever order: the promises of the latch hold after every step."""

from hypothesis import given, settings
from hypothesis import strategies as st

CURRENTS = st.sampled_from([0, 59, 60, 100, 160, 320, 800, 65535])
SEQUENCES = st.sampled_from([-1, 0, 1, 2, 0x7FFF, 0x8000])  # added to the last one
ACTIONS = st.one_of(
    st.tuples(st.just("load"), st.sampled_from("ABBCCCCDE")),
    st.tuples(st.just("diode"), st.booleans()),
    st.tuples(st.just("rcd_tripped"), st.booleans()),
    st.tuples(st.just("stop_pressed"), st.booleans()),
    st.tuples(st.just("supply_mv"), st.sampled_from([9000, 10600, 12000])),
    st.tuples(st.just("welded"), st.booleans()),
    st.tuples(st.just("offer"), CURRENTS),
    st.tuples(st.just("withdraw"), st.none()),
    st.tuples(st.just("grant"), st.tuples(SEQUENCES, CURRENTS)),
    st.tuples(st.just("renew"), st.tuples(SEQUENCES, CURRENTS)),
    st.tuples(st.just("revoke"), st.none()),
    st.tuples(st.just("ack"), st.integers(0, 3)),
    st.tuples(st.just("lower"), CURRENTS),
    st.tuples(st.just("charge"), st.none()),
)


class Watcher:
    """Knows the rules and nothing of how they are kept."""

    def __init__(self, bench):
        self.bench = bench
        self.granted = False  # a grant was accepted since PERMIT was last off
        self.used = set()
        self.beat_ms = 0  # of the last accepted grant or renewal
        self.x1_since_ms = None
        self.raised_ms = -10**9
        self.told_da = 0

    def act(self, kind, value):
        bench = self.bench
        if kind in ("load", "diode", "welded"):
            setattr(bench, kind, value)
        elif kind in ("rcd_tripped", "stop_pressed", "supply_mv"):
            setattr(bench.inputs, kind, value)
        elif kind in ("grant", "renew"):
            self._command_with_sequence(kind, *value)
        elif kind == "lower":
            bench.core.lower(value)
        elif kind == "charge":
            self._charge()
        else:
            code = {"offer": bench.r.COMMAND_OFFER, "withdraw": bench.r.COMMAND_WITHDRAW,
                    "revoke": bench.r.COMMAND_REVOKE, "ack": bench.r.COMMAND_ACK}[kind]
            bench.command(code, value if kind == "ack" else 0, value if kind == "offer" else 0)
        self.look()

    def _command_with_sequence(self, kind, step, current_da):
        bench = self.bench
        last = bench.core.interlock.grant_seq if kind == "grant" else bench.core.interlock.heartbeat_seq
        sequence = (last + step) & 0xFFFF
        before = bench.permit
        answer = getattr(bench, kind)(current_da, 5000, sequence)
        if answer == 0 and step != 0:
            self.beat_ms = bench.now_ms
        if kind == "grant" and answer == 0 and not before:
            assert sequence not in self.used or step not in (0, -1)
            self.used.add(sequence)
            self.granted = True

    def _charge(self):
        """A well-behaved car and controller, so that interesting states are reached often."""
        bench = self.bench
        for load, ms in (("B", 120), ("C", 720)):
            bench.load = load
            bench.offer(160)
            self.run(ms)
        self._command_with_sequence("grant", 1, 160)

    def run(self, ms):
        for _ in range(ms // self.bench.step_ms):
            self.bench.step()
            self.look()

    def look(self):
        bench, core = self.bench, self.bench.core
        if bench.permit:
            assert self.granted, "PERMIT without a fresh grant"
            assert bench.state == "C"
            assert core.pilot.diode_ok
            assert bench.faults & ~bench.r.FAULT_HEARTBEAT == 0
            assert bench.now_ms - self.beat_ms <= 5000 + 1000 * core.hold_s + 6000 + 8
            if bench.duty == 10000:
                self.x1_since_ms = bench.now_ms if self.x1_since_ms is None else self.x1_since_ms
                assert bench.now_ms - self.x1_since_ms <= 6008
            else:
                self.x1_since_ms = None
            if bench.now_ms - self.beat_ms > 5008:
                assert bench.told_da <= min(core.failsafe_da, core.interlock.grant_da)
        else:
            self.granted, self.x1_since_ms = False, None
        told = bench.told_da
        if told > self.told_da and self.told_da > 0:
            assert bench.now_ms - self.raised_ms >= 5000
        if told != self.told_da:
            self.raised_ms = bench.now_ms
        assert told == 0 or bench.state in "BCD"
        self.told_da = told


@settings(derandomize=True, deadline=None, max_examples=200, database=None)
@given(plan=st.lists(st.tuples(ACTIONS, st.sampled_from([0, 4, 20, 60, 200, 700, 2000])), max_size=25),
       failsafe_da=st.sampled_from([0, 60, 320]), hold_s=st.sampled_from([0, 1, 2]))
def test_the_promises_hold(make_bench, plan, failsafe_da, hold_s):
    bench = make_bench()
    bench.core.set_failsafe_da(failsafe_da)
    bench.core.set_hold_s(hold_s)
    watcher = Watcher(bench)
    watcher.act("charge", None)
    for (kind, value), ms in plan:
        watcher.act(kind, value)
        watcher.run(ms)


def test_the_watcher_sees_a_broken_latch(bench):
    watcher = Watcher(bench)
    watcher.act("charge", None)
    bench.command(bench.r.COMMAND_REVOKE)
    watcher.look()
    bench.core.interlock.permit = True
    try:
        watcher.run(8)
    except AssertionError as error:
        assert "fresh grant" in str(error)
    else:
        raise AssertionError("a latch that closed by itself was not noticed")
