# Device identification as the Modbus Application Protocol V1.1b3, 6.21, lays it out.
import identity
from answers import BAD_VALUE, NO_SUCH_FUNCTION, NO_SUCH_REGISTER
from version import MAJOR, MINOR

MAX_PDU = 253


def ask(code, first=0, mei_type=14):
    # (conformity, more follows, next object, {number: text}), or the exception as a number.
    reply = bytearray(256)
    end = identity.answer(mei_type, code, first, reply)
    if end < 0:
        return -end
    assert end - 1 <= MAX_PDU
    assert (reply[2], reply[3]) == (14, code)
    objects = {}
    at = 8
    for _ in range(reply[7]):
        size = reply[at + 1]
        objects[reply[at]] = bytes(reply[at + 2 : at + 2 + size])
        at += 2 + size
    assert at == end
    return reply[4], reply[5], reply[6], objects


def test_the_streams_hold_what_their_category_has():
    for code, count in ((1, 3), (2, 7), (3, 7)):  # nothing is extended: answered with the regular ones
        conformity, more, following, objects = ask(code)
        assert (conformity, more, following) == (0x82, 0, 0)
        assert sorted(objects) == list(range(count)), code
        assert objects[0] == b"Forecourt"
        assert objects[2] == f"{MAJOR}.{MINOR}".encode()


def test_a_stream_may_begin_later():
    for code, first, numbers in (
        (1, 1, [1, 2]), (1, 2, [2]), (2, 4, [4, 5, 6]), (2, 6, [6]),
        # unknown: from 0
        (1, 3, [0, 1, 2]), (2, 7, [0, 1, 2, 3, 4, 5, 6]), (2, 255, [0, 1, 2, 3, 4, 5, 6]),
    ):
        assert sorted(ask(code, first)[3]) == numbers, (code, first)


def test_each_object_comes_alone_as_well():
    everything = ask(2)[3]
    for number in range(7):
        assert ask(4, number)[3] == {number: everything[number]}


def test_what_is_not_there_is_refused():
    for code, first, mei_type, exception in (
        (4, 7, 14, NO_SUCH_REGISTER), (4, 255, 14, NO_SUCH_REGISTER), (0, 0, 14, BAD_VALUE),
        (5, 0, 14, BAD_VALUE), (255, 0, 14, BAD_VALUE), (1, 0, 13, NO_SUCH_FUNCTION),
    ):
        assert ask(code, first, mei_type) == exception, (code, first, mei_type)


def test_the_size_of_an_answer_is_known_once_its_objects_are_there():
    reply = bytearray(256)
    end = identity.answer(14, 2, 0, reply)
    whole = bytes(3) + bytes(reply[:end])  # it need not begin at 0
    sizes = [identity.size_of_answer(whole[: 3 + have], 3, have) for have in range(end + 1)]
    assert sizes[end] == end + 2  # and the checksum
    last_header = end - len(identity.OBJECTS[6])
    assert sizes[:last_header] == [0] * last_header
