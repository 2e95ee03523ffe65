import pytest

from hil_tests.virtual.split_terminal import pass_on, split_keys


@pytest.mark.parametrize(("data", "keys", "rest"), [
    (b"tp", [b"t", b"p"], b""),
    (b"\x1b[<0;12;5Mq", [b"\x1b[<0;12;5M", b"q"], b""),
    (b"q\x1b[<0;1", [b"q"], b"\x1b[<0;1"),
    (b"\x1b", [b"\x1b"], b""),
    (b"\x1bOPw", [b"\x1bOP", b"w"], b""),
    (b"\x1b[A\x1b[15~", [b"\x1b[A", b"\x1b[15~"], b""),
    (b"\x1b[M !!n", [b"\x1b[M !!", b"n"], b""),
    (b"\n\x03", [b"\n", b"\x03"], b""),
    (b"", [], b""),
])
def test_keys_are_whole_and_a_mouse_report_is_never_letters(
        data: bytes, keys: list[bytes], rest: bytes) -> None:
    assert split_keys(data) == (keys, rest)


@pytest.mark.parametrize(("held", "data", "now", "kept"), [
    (b"", b"abc", b"abc", b""),
    (b"", b"abc\x1b", b"abc", b"\x1b"),
    (b"", b"abc\x1b[12;", b"abc", b"\x1b[12;"),
    (b"\x1b[12;", b"4Hx", b"\x1b[12;4Hx", b""),
    (b"", b"a\x1b[?2048$pb\x1b[?2048hc", b"abc", b""),
    (b"\x1b[?20", b"48$pb", b"b", b""),
    (b"", b"\x1b[?2026h", b"\x1b[?2026h", b""),
])
def test_output_passes_in_whole_sequences_without_the_question_for_the_size(
        held: bytes, data: bytes, now: bytes, kept: bytes) -> None:
    assert pass_on(held, data) == (now, kept)
