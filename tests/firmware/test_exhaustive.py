# The latch against every combination of its conditions, and each condition taken away under power.
import registers as r
from bench import Bench

GRANT_BITS = (
    # (what is varied, its values, which of them allow a closing, the bit that names the others)
    ("state", (r.PILOT_B, r.PILOT_C, r.PILOT_D, r.PILOT_E), None, r.REFUSED_NOT_C),
    ("ventilation", (False, True), None, 0),
    ("dark", (False, True), (False,), r.REFUSED_DARK),
    ("diode", (True, False), (True,), r.REFUSED_DIODE),
    ("fault", (0, r.FAULT_HEARTBEAT | r.FAULT_MEMORY, r.FAULT_RCD),
     (0, r.FAULT_HEARTBEAT | r.FAULT_MEMORY), r.REFUSED_FAULT),
    ("test_ok", (True, False), (True,), r.REFUSED_SELF_TEST),
    ("test_runs", (False, True), (False,), r.REFUSED_SELF_TEST),
    ("mirror", (False, True), (False,), r.REFUSED_MIRROR),
    ("request", (False, True), (False,), r.REFUSED_REQUEST),
    ("pwm", (True, False), (True,), r.REFUSED_NO_PWM),
    ("newer", (True, False), (True,), r.REFUSED_SEQUENCE),
)
# what must hold at every moment; the Pi's relay need not be off any more
STANDING = ("state", "ventilation", "dark", "diode", "fault", "test_ok", "test_runs", "request")
COMMANDS = (0, r.COMMAND_OFFER, r.COMMAND_WITHDRAW, r.COMMAND_GRANT, r.COMMAND_RENEW, r.COMMAND_REVOKE,
            r.COMMAND_ACK, r.COMMAND_SELF_TEST, r.COMMAND_SHOW_F, r.COMMAND_WAKE, 10, 0xFFFF)


class Situation:
    # A core in which each condition can be set by hand; `case` is a dict by the names above.

    def __init__(self):
        self.core = Bench().ask().core

    def put(self, case, permit):
        core = self.core
        core.interlock.clear()
        core.interlock.grant_seq = core.interlock.heartbeat_seq = 100
        if permit:
            core.interlock.grant(100, 160, 5000)
        core.pilot.state = case["state"]
        core.settings.ventilation = case["ventilation"]
        core.pilot.dark = case["dark"]
        core.pilot.diode_ok = case["diode"]
        core.faults.bits = case["fault"]
        core.residual.ok = case["test_ok"]
        core.residual.running = case["test_runs"]
        core.inputs.mirror_closed = case["mirror"]
        core.inputs.request = case["request"]
        core.offer.asked_da = core.offer.told_da = 160 if case["pwm"] else 0
        core.outputs.permit = permit
        core.refused_bits = 0


def combinations(names):
    # Every combination of the conditions with these names; the others as they should be.
    case = {name: values[1 if name == "state" else 0] for name, values, _, _ in GRANT_BITS}
    varied = [(name, values) for name, values, _, _ in GRANT_BITS if name in names]
    index = [0] * len(varied)
    while True:
        for i in range(len(varied)):
            case[varied[i][0]] = varied[i][1][index[i]]
        yield case
        at = 0
        while at < len(index):
            index[at] += 1
            if index[at] < len(varied[at][1]):
                break
            index[at] = 0
            at += 1
        if at == len(index):
            return


def missing(case):
    # The bits that a grant must be refused with.
    bits = 0
    for name, _, good, bit in GRANT_BITS:
        if good is not None and case[name] not in good:
            bits |= bit
    if case["state"] != r.PILOT_C and not (case["state"] == r.PILOT_D and case["ventilation"]):
        bits |= r.REFUSED_NOT_C
    return bits


def test_a_grant_closes_only_when_every_condition_holds():
    situation = Situation()
    core = situation.core
    closed = seen = 0
    for case in combinations([name for name, _, _, _ in GRANT_BITS]):
        situation.put(case, False)
        answer = core.command(r.COMMAND_GRANT, 101 if case["newer"] else 100, 160, 5000)
        bits = missing(case)
        assert core.outputs.permit == (bits == 0), case
        assert answer == (4 if bits else 0), case
        assert core.refused_bits == bits, (case, core.refused_bits, bits)
        closed += core.outputs.permit
        seen += 1
    # C with ventilation and without, D with; without a fault and with a harmless one
    assert (seen, closed) == (4 * 2 * 2 * 2 * 3 * 2**6, 6)


def test_no_other_command_ever_closes():
    situation = Situation()
    core = situation.core
    for case in combinations(("state", "ventilation", "diode", "fault", "test_ok", "mirror", "pwm")):
        for command in COMMANDS:
            if command != r.COMMAND_GRANT:
                situation.put(case, False)
                core.command(command, 101, 160, 500)
                assert not core.outputs.permit, (command, case)
        situation.put(case, False)
        core.lower(60)
        core.turn_off()
        core.heard()
        assert not core.outputs.permit, case


def test_permit_stays_only_while_every_standing_condition_holds():
    situation = Situation()
    core = situation.core
    for case in combinations(STANDING):
        for command in (r.COMMAND_RENEW, r.COMMAND_OFFER, r.COMMAND_WAKE, 10):
            situation.put(case, True)
            core.command(command, 101, 160, 5000)
            assert core.outputs.permit == (missing(case) & ~r.REFUSED_REQUEST == 0), (command, case)


def test_every_blocking_fault_alone_refuses_and_opens():
    situation = Situation()
    core = situation.core
    (case,) = combinations(())
    names = [name for name in dir(r) if name.startswith("FAULT_") and name not in NO_FAULT]
    assert len(names) == 15
    for name in names:
        harmless = name in ("FAULT_HEARTBEAT", "FAULT_MEMORY")
        case["fault"] = getattr(r, name)
        situation.put(case, False)
        core.command(r.COMMAND_GRANT, 101, 160, 5000)
        assert core.outputs.permit == harmless, name
        situation.put(case, True)
        core.command(r.COMMAND_RENEW, 101, 160, 5000)
        assert core.outputs.permit == harmless, name


NO_FAULT = ("FAULT_BITS", "FAULT_SEQ", "FAULT_F_MS")


# --- each condition taken away under power: its name, how, PERMIT off within so many ms and not sooner
# than so many, and where the limit comes from

def _load(load):
    def remove(bench):
        bench.load = load
    return remove


def _put(name, value):
    def remove(bench):
        setattr(bench.inputs if hasattr(bench.inputs, name) else bench, name, value)
    return remove


def _command(command):
    def remove(bench):
        bench.command(command)
    return remove


def _turn_off(bench):
    bench.core.turn_off()


def _nothing(bench):
    pass


TURN_MS = 4
REMOVALS = (
    ("C to B", _load("B"), 0, 60, "the order: 60 ms from the CP edge, of the 100 of sequence 8.1"),
    ("unplugged", _load("A"), 0, 60, "sequence 8.2, as 8.1"),
    ("D unventilated", _load("D"), 0, 100, "75 ms as Tinkerforge, six turns"),
    ("CP shorted", _load("E"), 75, 500, "the order: confirmed 75 ms, open within 500"),
    ("CP held low", _load("F"), 75, 500, "as E"),
    ("diode gone", _put("diode", False), 0, 125, "100 periods as Tinkerforge, and some turns"),
    ("residual current", _put("leak", True), 0, TURN_MS, "the order: 10 ms from the trip; one turn"),
    ("emergency stop", _put("stop_pressed", True), 0, TURN_MS, "one turn"),
    ("supply low", _put("supply_mv", 10400), 0, TURN_MS, "one turn"),
    ("supply high", _put("supply_mv", 14000), 0, TURN_MS, "one turn"),
    ("cable unknown", _put("pp_ohm", 10), 0, 250, "100 ms of settling, 100 of fault, some turns"),
    ("terminals hot", _put("temperature_dc", 720), 0, TURN_MS, "OpenEVSE: 71 C"),
    ("terminals cold", _put("temperature_dc", -360), 0, TURN_MS, "our own choice"),
    ("no sensor", _put("temperature_dc", -32768), 0, TURN_MS, "as out of range"),
    ("mirror open", _put("mirror_shows", False), 100, 150, "100 ms, 20 of bounce, some turns"),
    ("revoked", _command(r.COMMAND_REVOKE), 0, 0, "at once"),
    ("turned off by another tool", _turn_off, 0, 0, "at once"),
    ("X1 and the car draws on", _command(r.COMMAND_WITHDRAW), 5980, 6000, "sequence 10.2: 6 s"),
    ("no heartbeat", _nothing, 10880, 10904, "5 s from the grant 100 ms ago, then X1, then 6 s"),
)


def test_each_condition_taken_away_opens_in_time_and_nothing_closes_by_itself():
    for name, remove, least_ms, limit_ms, source in REMOVALS:
        bench = Bench().charge()
        remove(bench)
        began = bench.now_ms
        while bench.permit:
            assert bench.now_ms - began <= limit_ms, f"{name}: not within {limit_ms} ms ({source})"
            bench.step()
        assert bench.now_ms - began >= least_ms, f"{name}: after {bench.now_ms - began} ms ({source})"
        bench.run(bench.drop_out_ms)
        assert not bench.closed, name
        _restore(bench)
        for _ in range(5):
            bench.run(1000)
            bench.command(r.COMMAND_OFFER, 0, 160)
            assert bench.renew() != 0, name
            assert bench.grant(sequence=bench.sequence) != 0, name  # the old one once more
            assert not bench.permit, name


def _restore(bench):
    bench.load = "C"
    bench.diode = True
    bench.leak = False
    bench.mirror_shows = None
    bench.inputs.stop_pressed = False
    bench.inputs.supply_mv = 12000
    bench.inputs.temperature_dc = 250
    bench.inputs.pp_ohm = 65535


def test_after_each_of_them_the_next_plug_charges_again():
    for name, remove, _, limit_ms, _ in REMOVALS:
        bench = Bench().charge()
        remove(bench)
        bench.run(limit_ms + TURN_MS)
        assert not bench.permit, name
        _restore(bench)
        bench.load = "A"
        bench.run(1500)
        if name in ("terminals hot", "terminals cold", "no sensor"):
            bench.run(60000)
        if bench.faults & ~r.FAULT_HEARTBEAT:
            assert name == "residual current", (name, bench.faults)
            assert bench.acknowledge() == 0
        bench.charge()
        assert bench.faults & ~r.FAULT_HEARTBEAT == 0, name


def test_a_longer_hold_is_kept_to_its_end_and_not_longer():
    bench = Bench()
    bench.core.settings.failsafe_da = 60
    bench.charge()
    bench.until(lambda: bench.faults & r.FAULT_HEARTBEAT, 4912)
    assert (bench.told_da, bench.permit) == (60, True)
    assert bench.until(lambda: bench.duty == 10000, 60008) >= 59990
    assert bench.until(lambda: not bench.permit, 6008) >= 5980
