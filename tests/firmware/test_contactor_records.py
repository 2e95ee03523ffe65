# The contactor against a model that looks at the whole past at once. Runs in MicroPython too.
from contactor import (
    BOUNCE_MS,
    CLOSE_MS,
    EVENT_SHUNT,
    EVENT_WELD,
    HELD_MS,
    LOST_MS,
    WELD_MS,
    Contactor,
)
from settings import Settings

# --- every sequence, against a model that looks at the whole past at once

class Judge:
    # What a record of samples proves. It keeps no state between two samples: each question is asked of
    # the record. Rows: (time, commands, mirror, fed), commands 2 REQUEST + 1 PERMIT.

    def __init__(self, rows, suspect_ms):
        self.rows = rows
        self.suspect_ms = suspect_ms
        self.settled = []
        self.openings = []  # (first sample that read open, sample at which it counted)
        for k in range(len(rows)):
            self._settle(k)

    def _settle(self, k):
        rows = self.rows
        start = self.run_start(k)
        last = self.settled[k - 1] if k else rows[0][2]
        now = rows[k][2] if rows[k][0] - rows[start][0] >= BOUNCE_MS else last
        self.settled.append(now)
        if last and not now:
            self.openings.append((start, k))

    def run_start(self, k):
        while k and self.rows[k - 1][2] == self.rows[k][2]:
            k -= 1
        return k

    def stood_ms(self, k):
        # How long these commands have stood with a mirror that is not surely open; -1: they do not.
        if not (self.settled[k] or self.rows[k][2]):
            return -1
        rows = self.rows
        i = k
        while i and rows[i - 1][1] == rows[k][1] and (self.settled[i - 1] or rows[i - 1][2]):
            i -= 1
        return rows[k][0] - rows[i][0]

    def wrong(self, k, commands, limit_ms):
        row = self.rows[k]
        return row[1] == commands and row[2] and self.stood_ms(k) >= limit_ms

    def weld(self):
        return any(self.wrong(k, 0, WELD_MS) for k in range(len(self.rows)))

    def overdue(self):
        # Samples at which REQUEST alone had kept it closed for too long, the first of each stretch.
        late = [k for k in range(len(self.rows)) if self.wrong(k, 2, HELD_MS)]
        return [k for k in late if not any(i in late for i in self.before(k))]

    def before(self, k):
        # Rows of the same stretch of "closed though not both are on".
        rows = self.rows
        while k and rows[k - 1][1] != 3 and (self.settled[k - 1] or rows[k - 1][2]):
            k -= 1
            yield k

    def suspected(self):
        # The last sample may read open, if one before it in the same stretch did not.
        k = len(self.rows) - 1
        while k >= 0 and self.rows[k][1] == 0 and (self.settled[k] or self.rows[k][2]):
            if self.wrong(k, 0, self.suspect_ms):
                return True
            k -= 1
        return False

    def held_by(self, opening, commands):
        # Whether it had stayed closed for too long under this one command, and no later thing says why.
        first, counted = opening
        for k in range(counted, -1, -1):
            if self.rows[k][1] == 3 or self.wrong(k, 0, WELD_MS):
                return False
            if any(k == other and other < counted for _, other in self.openings):
                return False
            if k <= first and self.wrong(k, commands, self.suspect_ms):
                return True
        return False

    def stuck(self):
        # (interlock, relay, whose turn it is)
        interlock = len(self.overdue()) > 0
        relay = pi_first = False
        for opening in self.openings:
            _, commands, _, fed = self.rows[opening[0]]
            if self.held_by(opening, 2) and (commands < 2 or not fed):
                interlock = True
                pi_first = False
            elif self.held_by(opening, 1) and (commands in (0, 2) or not fed):
                relay = True
                pi_first = True
            elif fed and self.proves(opening, commands):
                pi_first = commands == 2
        return interlock, relay, pi_first

    def proves(self, opening, commands):
        # The commands at its first open sample, at once after both on, and before that it was closed
        # with both on. What they are when it counts, a bounce later, does not matter.
        first, counted = opening
        if commands not in (1, 2):
            return False
        i = first
        while i and self.rows[i - 1][1] == commands:
            i -= 1
        if not i or self.rows[i - 1][1] != 3:
            return False
        return self.charged_before(counted)

    def charged_before(self, counted):
        for k in range(counted - 1, -1, -1):
            if self.rows[k][1] == 3 and self.settled[k]:
                return True
            if any(k == other for _, other in self.openings):
                return False
        return False

    def not_closed(self):
        return any(self.lacks(k) for k in range(len(self.rows)))

    def lacks(self, k):
        rows = self.rows
        if rows[k][1] != 3 or rows[k][2]:
            return False
        began = k
        while began and rows[began - 1][1] == 3:
            began -= 1
        since = began
        limit_ms = CLOSE_MS
        if self.settled[k]:
            since = max(began, self.run_start(k))
        else:
            for first, counted in self.openings:
                if began <= first and counted <= k:
                    since = first
                    limit_ms = LOST_MS
                elif counted <= k:
                    since = max(began, first)
        return rows[k][0] - rows[since][0] >= limit_ms


def verdict(contactor):
    return (contactor.weld, contactor.weld_suspected, contactor.interlock_stuck, contactor.relay_stuck,
            contactor.pi_first, contactor.not_closed)


def judged(rows, suspect_ms):
    judge = Judge(rows, suspect_ms)
    interlock, relay, pi_first = judge.stuck()
    return (judge.weld(), judge.suspected(), interlock, relay, pi_first, judge.not_closed())


def test_every_sequence_of_four_cases_is_judged_as_its_whole_record_says():
    # Each case twice, 260 ms apart: longer than the suspicion, a quarter of the latch.
    settings = Settings()
    for number in range(8 ** 4):
        contactor = Contactor(settings)
        rows = []
        rest = number
        for _ in range(4):
            case = rest & 7
            rest >>= 3
            for _ in range(2):
                contactor.step(260, case >> 2 == 1, case >> 1 & 1 == 1, case & 1 == 1, False)
                rows.append((260 * len(rows), case >> 1, case & 1, True))
        assert verdict(contactor) == judged(rows, 250), ("last case first, octal", oct(number))


def test_random_records_are_judged_as_the_whole_record_says():
    # A generator of its own, so that every Python draws the same: x = x * 1103515245 + 12345 mod 2**28
    random = 20240607
    settings = Settings()
    seen = [0] * 7
    for _ in range(400):
        contactor = Contactor(settings)
        rows = []
        now_ms = case = 0
        fed = True
        welds = shunts = 0
        for _ in range(24):
            random = (random % 65536 * 20077 + 12345 + random // 65536) & 0xFFFFFFF
            draw = random >> 4
            if draw & 3:
                case = draw >> 2 & 7 if draw & 4 else case ^ (1 << (draw >> 5) % 3)
            fed = draw >> 8 & 7 != 0
            dt_ms = (4, 4, 8, 60, 130, 260, 520, 1600)[draw >> 11 & 7]
            now_ms += dt_ms
            contactor.step(dt_ms, case >> 2 == 1, case >> 1 & 1 == 1, case & 1 == 1, draw & 1 == 1, fed)
            rows.append((now_ms, case >> 1, case & 1, fed))
            welds += contactor.events & EVENT_WELD == EVENT_WELD
            shunts += contactor.events & EVENT_SHUNT == EVENT_SHUNT
            expected = judged(rows, 250)
            assert verdict(contactor) == expected, rows
            assert not contactor.shunt or expected[0] or expected[2], rows
        overdue = len(Judge(rows, 250).overdue())
        assert welds == int(verdict(contactor)[0]), rows
        assert shunts == welds + overdue, rows
        for place, said in enumerate(verdict(contactor)):
            seen[place] += said
        seen[-1] += overdue > 0
    assert min(seen) > 5, seen  # the draw reaches every verdict
