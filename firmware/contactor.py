# The contactor as the board sees it: two coil commands in series (REQUEST, the Pi's relay; PERMIT, our
# own) and a mirror contact that cannot be open while a main contact is closed (IEC 60947-4-1 Annex F,
# from memory). What disagrees is named: a weld, a stuck channel, a contactor that does not close. Pure.
from registers import (
    CASE_CLOSED,
    CASE_CLOSED_WITHOUT_COIL,
    CASE_CLOSED_WITHOUT_PERMIT,
    CASE_CLOSED_WITHOUT_REQUEST,
    CASE_CLOSING,
    CASE_GRANTED,
    CASE_IDLE,
    CASE_REQUESTED,
    FAULT_INTERLOCK_STUCK,
    FAULT_NOT_CLOSED,
    FAULT_RELAY_STUCK,
    FAULT_WELD,
)

SUSPECT_MS = 250  # default of WELD_SUSPECT_MS; the order: at least twice the drop-out time
WELD_MS = 1000  # OpenEVSE: a stuck relay is one that is closed 1 s after the opening
HELD_MS = 3000  # our own choice: the controller drops its relay 1 s after PERMIT; it has not in three
SHUNT_MS = 200  # our own choice: one pulse, long for a shunt trip, short for its coil
CLOSE_MS = 1000  # our own choice: many times the pull-in time of any contactor
LOST_MS = 100  # our own choice: it fell while charging; an emergency stop ends PERMIT long before
BOUNCE_MS = 20  # the mirror changed once it stood for this long (OpenEVSE samples its relay for 20 ms)
LONG_MS = 60000  # where the stop-watches stand still

# REQUEST, PERMIT, mirror closed; CASE_*, name, what it means, limit in ms (0: may last), what follows.
# The case is 4 * REQUEST + 2 * PERMIT + mirror. The 250 are the setting WELD_SUSPECT_MS.
CASES = (
    (0, 0, 0, CASE_IDLE, "idle",
     "open, nobody asks", 0, "nothing"),
    (0, 0, 1, CASE_CLOSED_WITHOUT_COIL, "closed without coil",
     "drops out, or its main contacts are welded", WELD_MS,
     "suspected after 250 ms; at the limit WELD, and one pulse to the shunt trip"),
    (0, 1, 0, CASE_GRANTED, "granted",
     "the board permits, the Pi's relay is still off, or off already", 0, "nothing"),
    (0, 1, 1, CASE_CLOSED_WITHOUT_REQUEST, "closed without request",
     "the Pi's relay opened first; drops out, or is held past it, or is welded", SUSPECT_MS,
     "RELAY_STUCK if it opens once PERMIT falls; closed even then: WELD"),
    (1, 0, 0, CASE_REQUESTED, "requested",
     "the Pi's relay is on without PERMIT: before the grant, or after the board opened first", 0,
     "nothing; no grant before it is off"),
    (1, 0, 1, CASE_CLOSED_WITHOUT_PERMIT, "closed without permit",
     "the board opened first; drops out, or is held past the interlock, or is welded", SUSPECT_MS,
     "INTERLOCK_STUCK if it opens once REQUEST falls; closed even then: WELD; if REQUEST stays for 3 s: "
     "INTERLOCK_STUCK, and one pulse to the shunt trip"),
    (1, 1, 0, CASE_CLOSING, "closing",
     "the coil is fed; pulls in, or cannot, or fell", CLOSE_MS,
     "NOT_CLOSED; 100 ms after it fell"),
    (1, 1, 1, CASE_CLOSED, "closed",
     "charging", 0, "nothing"),
)

EVENT_CYCLE = 1  # it closed
EVENT_LOAD_BREAK = 2  # it opened while the car still asked
EVENT_WELD = 4  # a weld was latched
EVENT_SHUNT = 8  # a pulse to the shunt trip began

MIRROR = 1
REQUEST = CASE_REQUESTED
PERMIT = CASE_GRANTED
BOTH = REQUEST | PERMIT


class Contactor:
    # One call of `step` a turn. A stop-watch starts at the first sample that shows a thing, so that no
    # limit is judged too early; what is measured (drop-out, pull-in) counts from the sample before.

    def __init__(self, settings):
        # `settings`: has `weld_suspect_ms`.
        self.case = CASE_IDLE  # CASE_*, as read just now
        self.closed = False  # the mirror without its bounce
        self.weld_suspected = False
        self.weld = False  # these four stay until `clear`
        self.interlock_stuck = False
        self.relay_stuck = False
        self.not_closed = False
        self.shunt = False  # drive the shunt trip now
        self.pi_first = False  # at the next normal stop the Pi's relay should open first
        self.drop_out_ms = 0
        self.pull_in_ms = 0
        self.events = 0  # EVENT_* of this step
        self._settings = settings
        self._commands = -1  # REQUEST and PERMIT at the last step; -1: there was none
        self._clean = False  # they came to be as they are straight from both on
        self._command_ms = 0  # since they changed, at most
        self._coil_ms = 0  # since both were last on, at most
        self._wrong_ms = -1  # how long it is closed although not both are on, at least; -1: it is not
        self._overdue = False  # REQUEST alone has kept it closed for too long
        self._held = 0  # commands that were off for too long while it stayed closed
        self._other_ms = -1  # how long the mirror has read other than `closed`; -1: it does not
        self._then_ms = 0  # at the first such sample: the time that is measured,
        self._then_commands = 0  # the commands,
        self._then_clean = False  # whether they came straight from both on,
        self._then_asks = False  # whether the car asked for energy,
        self._then_fed = True  # whether the coil's supply was in order
        self._charged = False  # it was closed with both on
        self._fell = False  # it opened with both on
        self._missing_ms = 0  # how long it is open although both are on, at least
        self._shunt_ms = 0

    def step(self, dt_ms, request, permit, mirror_closed, asks, fed=True):
        # One sample, `dt_ms` after the last one. `permit`: our output since then; `asks`: the car is in
        # C or D; `fed`: no emergency stop and no brown-out, either of which opens it without a command,
        # so that its opening proves no channel.
        commands = (REQUEST if request else 0) | (PERMIT if permit else 0)
        self.events = 0
        self.case = commands | (MIRROR if mirror_closed else 0)
        if self._commands < 0:
            self.closed = mirror_closed  # at boot it counts as if both had just gone off
        self._drive_shunt(dt_ms)
        self._watch_commands(dt_ms, commands)
        self._watch_mirror(dt_ms, commands, mirror_closed, asks, fed)
        self._judge_closed(dt_ms, commands, mirror_closed)
        self._judge_open(dt_ms, commands, mirror_closed)
        self._commands = commands

    def clear(self, bit):
        # After an acknowledgement of FAULT_*; False while its cause still stands.
        if bit == FAULT_NOT_CLOSED:
            self.not_closed = False
            return True
        if self.closed or self.case & MIRROR:
            return False
        if bit == FAULT_WELD:
            self.weld = False
        elif bit == FAULT_INTERLOCK_STUCK:
            self.interlock_stuck = False
        elif bit == FAULT_RELAY_STUCK:
            self.relay_stuck = False
        return True

    def _drive_shunt(self, dt_ms):
        if self.shunt:
            self._shunt_ms -= dt_ms
            self.shunt = self._shunt_ms > 0

    def _watch_commands(self, dt_ms, commands):
        if commands != self._commands:
            self._clean = self._commands == BOTH
            self._command_ms = 0
        self._command_ms = min(self._command_ms + dt_ms, LONG_MS)
        if commands == BOTH:
            self._coil_ms = 0
            self._held = 0  # it charges again: no later opening tells what had held it
        else:
            self._coil_ms = min(self._coil_ms + dt_ms, LONG_MS)

    def _watch_mirror(self, dt_ms, commands, mirror_closed, asks, fed):
        if mirror_closed == self.closed:
            self._other_ms = -1
            return
        if self._other_ms < 0:
            self._other_ms = 0
            # A healthy one drops out when the first command goes; one that was held, at the second.
            self._then_ms = self._command_ms if mirror_closed or self._held else self._coil_ms
            self._then_commands = commands
            self._then_clean = self._clean
            self._then_asks = asks
            self._then_fed = fed
            return
        self._other_ms = min(self._other_ms + dt_ms, LONG_MS)
        if self._other_ms >= BOUNCE_MS:
            self.closed = mirror_closed
            if mirror_closed:
                self._has_closed()
            else:
                self._has_opened(self._then_commands)
            self._other_ms = -1

    def _has_closed(self):
        self.events |= EVENT_CYCLE
        if self._then_commands == BOTH:
            self.pull_in_ms = self._then_ms

    def _has_opened(self, commands):
        self._fell = commands == BOTH and self._command_ms > self._other_ms  # and no blink since
        if self._then_asks:
            self.events |= EVENT_LOAD_BREAK
        if commands != BOTH and (self._charged or self._held):
            self.drop_out_ms = self._then_ms
        # What held it past one command is known by what opened it then: the other, or the supply.
        # It opened late and by itself: slow contacts, and no channel is to blame.
        if self._held & PERMIT and (not commands & REQUEST or not self._then_fed):
            self.interlock_stuck = True
            self.pi_first = False
        elif self._held & REQUEST and (not commands & PERMIT or not self._then_fed):
            self.relay_stuck = True
            self.pi_first = True
        elif self._charged and self._then_clean and self._then_fed:
            if commands == REQUEST:
                self.pi_first = True  # the board's channel is proved, next time the other
            elif commands == PERMIT:
                self.pi_first = False
        self._held = 0
        self._charged = False

    def _judge_closed(self, dt_ms, commands, mirror_closed):
        # A mirror that flickers open for less than its bounce rescues nothing; but nothing is named on
        # a sample that reads open.
        if commands == BOTH or not (self.closed or mirror_closed):
            self._wrong_ms = -1
            self._overdue = False
        elif self._wrong_ms < 0 or commands != self._commands:
            self._wrong_ms = 0
        else:
            self._wrong_ms = min(self._wrong_ms + dt_ms, LONG_MS)
        if commands or self._wrong_ms < self._settings.weld_suspect_ms:
            self.weld_suspected = False
        if not mirror_closed or self._wrong_ms < self._settings.weld_suspect_ms:
            return
        if commands:
            self._held |= BOTH & ~commands
            if commands == REQUEST and self._wrong_ms >= HELD_MS and not self._overdue:
                # Live although we permit nothing, and nobody opens it: whatever holds it, its breaker must.
                self._overdue = self.interlock_stuck = True
                self._fire(EVENT_SHUNT)
            return
        self.weld_suspected = True
        if self._wrong_ms >= WELD_MS:
            self._held = 0  # it was the weld that held it
            if not self.weld:
                self.weld = True
                self._fire(EVENT_WELD | EVENT_SHUNT)

    def _fire(self, events):
        self.shunt = True
        self._shunt_ms = SHUNT_MS
        self.events |= events

    def _judge_open(self, dt_ms, commands, mirror_closed):
        if commands != BOTH:
            self._fell = False
            return
        if self.closed:
            self._charged = True
        if self._commands != BOTH or (self.closed and self._other_ms <= 0):
            self._missing_ms = 0
        else:
            self._missing_ms = min(self._missing_ms + dt_ms, LONG_MS)
        if not mirror_closed and self._missing_ms >= (LOST_MS if self._fell else CLOSE_MS):
            self.not_closed = True
