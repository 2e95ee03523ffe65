import re
from types import SimpleNamespace

import pytest

from edge.ui.command import crash_text, main
from edge.ui.plain_pages import crash_page


def test_without_a_terminal_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "needs a terminal" in capsys.readouterr().err


def test_an_unknown_language_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--language", "xx"])
    assert "en" in capsys.readouterr().err


def test_the_crash_page_is_words_with_the_number_and_no_trace(shown: SimpleNamespace) -> None:
    text = crash_text(crash_page(shown.snapshot().site, "sv"))
    assert "+46 10 000 00 00" in text
    assert "startar om" in text
    assert re.search(r"Traceback|Error|\.py", text) is None
