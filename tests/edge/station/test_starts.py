"""When a controller counts as one that fails always: pure, and its file."""

from itertools import pairwise
from pathlib import Path

import pytest

from edge.station.starts import (
    LIMIT,
    LONGEST_PAUSE_S,
    MISSING_AT_ONCE,
    MISSING_PAUSE_S,
    WINDOW_S,
    End,
    Starts,
    StartsFile,
    begun,
    ended,
    words_of,
)

HERE = "this start of the computer"


def lived(starts: Starts, *runs: tuple[float, float, End | None], computer: str = HERE) -> Starts:
    """Runs (begin, end, how); None: killed without a word."""
    for begin_s, end_s, how in runs:
        starts = begun(starts, computer, begin_s)
        starts = starts if how is None else ended(starts, how, end_s, "ValueError")
    return starts


@pytest.mark.parametrize("how", [End.FAILED, None])
def test_the_start_after_three_failures_within_ten_minutes_is_a_safe_stop(how):
    runs = [(10.0 * n, 10.0 * n + 5, how) for n in range(LIMIT)]
    for n in range(LIMIT):
        assert not begun(lived(Starts(), *runs[:n]), HERE, 100.0).stopped, f"after {n}"
    assert begun(lived(Starts(), *runs), HERE, 100.0).stopped


def test_failures_that_lie_further_apart_never_stop_a_site():
    starts = Starts()
    for n in range(20):
        starts = lived(starts, (n * WINDOW_S / 2, n * WINDOW_S / 2 + 1, End.FAILED))
        assert not begun(starts, HERE, n * WINDOW_S / 2 + 2).stopped, n


def test_ten_minutes_that_went_well_make_the_next_failure_the_first():
    starts = lived(Starts(), (0, 1, End.FAILED), (2, 3, End.FAILED), (4, 4 + WINDOW_S, None))
    assert not begun(starts, HERE, 5 + WINDOW_S).stopped
    assert len(begun(starts, HERE, 5 + WINDOW_S).failed_s) == 1


def test_an_orderly_end_forgets_every_failure():
    starts = lived(Starts(), (0, 1, End.FAILED), (2, 3, End.FAILED), (4, 5, End.ORDERLY), (6, 7, None))
    assert not begun(starts, HERE, 8.0).stopped


def test_what_is_not_there_is_no_failure_however_often():
    starts = lived(Starts(), *((n, n + 0.5, End.MISSING) for n in range(50)))
    assert not begun(starts, HERE, 51.0).stopped


def test_what_is_not_there_is_tried_at_once_first_and_seldom_then():
    tries = [lived(Starts(), *((n, n + 0.5, End.MISSING) for n in range(count))).pause_s
             for count in range(MISSING_AT_ONCE + 3)]
    assert tries == [0.0] * (MISSING_AT_ONCE + 1) + [MISSING_PAUSE_S] * 2


@pytest.mark.parametrize("how", [End.FAILED, None])
def test_a_computer_that_started_anew_counts_from_nothing_and_leaves_a_safe_stop(how):
    stopped = begun(lived(Starts(), *((n, n, End.FAILED) for n in range(LIMIT))), HERE, 9.0)
    assert stopped.stopped
    assert not begun(stopped, "another", 1.0).stopped
    two = lived(Starts(), (0, 1, how), (2, 3, how))
    assert begun(two, "another", 1.0).failed_s == ()


def test_a_safe_stop_that_is_killed_or_fails_stays_one_and_waits_longer_each_time():
    starts = begun(lived(Starts(), *((n, n, End.FAILED) for n in range(LIMIT))), HERE, 9.0)
    pauses = [starts.pause_s]
    for n in range(12):
        starts = lived(starts, (WINDOW_S * n, WINDOW_S * n + 1, None if n % 2 else End.FAILED))
        assert starts.stopped
        pauses.append(starts.pause_s)
    assert pauses[0] == 0.0 and pauses[-1] == LONGEST_PAUSE_S
    assert all(a <= b for a, b in pairwise(pauses))


def test_a_pause_is_over_before_systemd_takes_the_start_for_hung_however_often_it_was_killed():
    unit = Path(__file__).parents[3] / "deploy/systemd/forecourt.service"
    timeout_s = float(unit.read_text(encoding="utf-8").split("TimeoutStartSec=")[1].split()[0])
    pause_s = Starts(stopped=True, stops=10**6).pause_s
    assert pause_s == LONGEST_PAUSE_S <= timeout_s / 2


def test_who_clears_or_ends_a_safe_stop_leaves_it():
    starts = begun(lived(Starts(), *((n, n, End.FAILED) for n in range(LIMIT))), HERE, 9.0)
    assert not begun(ended(starts, End.ORDERLY, 10.0), HERE, 11.0).stopped


def test_the_reason_names_no_data():
    with pytest.raises(ValueError) as raised:
        int("04A3C6CAE26180x")
    assert words_of(raised.value).startswith("ValueError in test_starts.py:")


class TestFile:
    """What outlives the process."""

    now_s = 0.0

    def file(self, folder: Path, computer: str | None = HERE) -> StartsFile:
        self.now_s += 1
        return StartsFile(folder / "starts.json", computer, lambda: self.now_s)

    def test_each_start_knows_how_the_one_before_ended(self, tmp_path):
        for _ in range(LIMIT):
            file = self.file(tmp_path)
            assert not file.begin().stopped
            file.end(End.FAILED, "ValueError in core.py:12")
        stopped = self.file(tmp_path)
        assert stopped.begin().stopped and stopped.now.last == "ValueError in core.py:12"
        assert stopped.lately() == LIMIT

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"failed_s": "x"}'])
    def test_a_file_that_cannot_be_read_counts_as_nothing(self, tmp_path, content):
        (tmp_path / "starts.json").write_bytes(content)
        file = self.file(tmp_path)
        assert not file.begin().stopped
        file.end(End.FAILED)
        again = self.file(tmp_path)
        again.begin()
        assert len(again.now.failed_s) == 1, "and it is whole again"

    def test_of_several_words_about_one_end_the_last_counts_once(self, tmp_path):
        for words in ((End.ORDERLY, End.FAILED), (End.FAILED, End.FAILED), (End.MISSING, End.FAILED)):
            file = self.file(tmp_path)
            file.begin()
            before = file.lately()
            for how in words:
                file.end(how)
            assert file.lately() == before + 1, words
        file.end(End.ORDERLY)
        assert file.lately() == 0

    def test_a_folder_that_cannot_be_written_stops_nobody(self, tmp_path):
        file = StartsFile(tmp_path / "missing" / "starts.json", HERE, lambda: 1.0)
        file.begin()
        file.end(End.FAILED)
        assert file.lately() == 1

    def test_a_start_that_serves_has_all_that_was_missing(self, tmp_path):
        for _ in range(MISSING_AT_ONCE + 2):
            file = self.file(tmp_path)
            file.begin()
            file.end(End.MISSING)
        serves = self.file(tmp_path)
        serves.begin()
        serves.serves()
        serves.end(End.MISSING)
        assert serves.now.pause_s == 0.0
