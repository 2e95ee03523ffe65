"""The bar of a long command."""

import io

from edge.commissioning.progress import Bar, span


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_says_how_much_and_how_long():
    out, now_s = Terminal(), [0.0]
    bar = Bar(out, lambda: now_s[0])
    bar.show(0.5, 125, "9600 8N1, unit 3")
    bar.show(0.6, 100, "too soon to be drawn")
    now_s[0] = 0.2
    bar.show(1.0, 0, "unit 4")
    bar.clear()
    bar.clear()
    drawn = out.getvalue().split("\r\x1b[K")
    assert drawn == ["", "[############------------]  50%, 2 min 05 s left: 9600 8N1, unit 3",
                     "[########################] 100%, 0 s left: unit 4", ""]


def test_nobody_watches_a_file():
    out = io.StringIO()
    bar = Bar(out)
    bar.show(0.5, 1, "x")
    bar.clear()
    assert out.getvalue() == ""


def test_spans():
    assert [span(seconds) for seconds in (-1, 0.4, 59.4, 60, 3661)] == [
        "0 s", "0 s", "59 s", "1 min 00 s", "61 min 01 s"]
