# Read device identification: FC 43, MEI type 14 (Modbus Application Protocol V1.1b3, 6.21). Pure.
# Basic (0 to 2) and regular (3 to 6) objects, as a stream or one by one; each stream fits in one answer.
from answers import BAD_VALUE, NO_SUCH_FUNCTION, NO_SUCH_REGISTER
from version import MAJOR, MINOR

FUNCTION = 43
MEI_TYPE = 14
CONFORMITY = 0x82  # regular; streams and single objects
BASIC = 1
REGULAR = 2
EXTENDED = 3  # asked for more than we have: answered with what we have
ONE = 4
BASIC_COUNT = 3

OBJECTS = (
    b"Forecourt",  # VendorName
    b"FCT-PB",  # ProductCode
    b"%d.%d" % (MAJOR, MINOR),  # MajorMinorRevision
    b"",  # VendorUrl: there is none yet
    b"Pilot board",  # ProductName
    b"RP2040, one outlet",  # ModelName
    b"Charging outlet",  # UserApplicationName
)


def answer(mei_type, code, first, reply):
    # The answer's data into reply[2:], behind unit and function; returns where it ends, or a negative
    # Modbus exception. `code`: BASIC to ONE; `first`: object to begin with.
    if mei_type != MEI_TYPE:
        return -NO_SUCH_FUNCTION
    if not BASIC <= code <= ONE:
        return -BAD_VALUE
    count = BASIC_COUNT if code == BASIC else len(OBJECTS)
    end = count
    if code == ONE:
        if first >= count:
            return -NO_SUCH_REGISTER
        end = first + 1
    elif first >= count:
        first = 0  # "as if the client asked for object 0"
    reply[2] = MEI_TYPE
    reply[3] = code
    reply[4] = CONFORMITY
    reply[5] = 0  # nothing follows
    reply[6] = 0
    reply[7] = end - first
    at = 8
    for number in range(first, end):
        at = _put(reply, at, number, OBJECTS[number])
    return at


def _put(reply, at, number, text):
    size = len(text)
    reply[at] = number
    reply[at + 1] = size
    for i in range(size):
        reply[at + 2 + i] = text[i]
    return at + 2 + size


def size_of_answer(buffer, start, have):
    # Size of somebody's answer that begins with its unit at `start`, checksum included; 0: not all there.
    at = start + 8
    end = start + have
    if at > end:
        return 0
    for _ in range(buffer[start + 7]):
        if at + 2 > end:
            return 0
        at += 2 + buffer[at + 1]
    return at + 2 - start
