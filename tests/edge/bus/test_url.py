import pytest

from edge.bus.url import LineUrl, parse_url


@pytest.mark.parametrize(("url", "line"), [
    ("rtu:/dev/ttyUSB0", LineUrl(kind="rtu", path="/dev/ttyUSB0", baud=19200, parity="E", stop=1)),
    ("rtu:/dev/x?baud=9600&parity=N&stop=2&echo=1",
     LineUrl(kind="rtu", path="/dev/x", baud=9600, parity="N", stop=2, echo=True)),
    ("tcp:gateway:1502", LineUrl(kind="tcp", host="gateway", port=1502)),
    ("tcp://10.0.0.7", LineUrl(kind="tcp", host="10.0.0.7", port=502)),
    ("tcp:[fe80::1]:502", LineUrl(kind="tcp", host="fe80::1", port=502)),
    ("tcp://[fe80::1]", LineUrl(kind="tcp", host="fe80::1", port=502)),
    ("rtu:/dev/x?rs485=1", LineUrl(kind="rtu", path="/dev/x", rs485=True)),
    ("rtu+tcp://gateway:4196", LineUrl(kind="rtu+tcp", host="gateway", port=4196, baud=9600)),
    ("rtu+tcp:10.0.0.7:23?baud=19200&parity=N&stop=2&echo=1",
     LineUrl(kind="rtu+tcp", host="10.0.0.7", port=23, baud=19200, parity="N", stop=2, echo=True)),
])
def test_a_url_names_its_line(url, line):
    assert parse_url(url) == line


@pytest.mark.parametrize(("url", "said"), [
    ("", "expected rtu:"), ("/dev/ttyUSB0", "expected rtu:"), ("udp:x:1", "udp:x:1"),
    ("rtu:ttyUSB0", "ttyUSB0"), ("rtu:/dev/", "device path"), ("rtu:/dev/x?baud=9601", "baud=9601"),
    ("rtu:/dev/x?baud=fast", "baud=fast"), ("rtu:/dev/x?parity=e", "parity=e"),
    ("rtu:/dev/x?stop=3", "stop=3"), ("rtu:/dev/x?speed=1", "'speed'"), ("rtu:/dev/x?baud", "baud="),
    ("rtu:/dev/x?baud=9600&baud=9600", "twice"), ("rtu:/dev/x?9600", "'9600'"),
    ("tcp::502", "host"), ("tcp:", "host"), ("tcp:h:0", "port '0'"), ("tcp:h:70000", "70000"),
    ("tcp:h:²", "port"), ("tcp://h/x:1", "host"), ("tcp://h:502?baud=9600", "port '502?baud=9600'"),
    ("rtu+tcp://h", "port ''"), ("rtu+tcp://:23", "host"), ("rtu+tcp://h:23?rs485=1", "'rs485'"),
    ("rtu+tcp:/dev/ttyUSB0", "'/dev/ttyUSB0'"), ("rtu+tcp://h:23?baud=1", "baud=1"),
    ("rtu:/dev/x?rs485=yes", "rs485=yes"),
])
def test_a_bad_url_says_what_it_got_and_expected(url, said):
    with pytest.raises(ValueError, match=r"got .*expected") as error:
        parse_url(url)
    assert said in str(error.value)


@pytest.mark.parametrize(("url", "char_us", "silence_us"), [
    ("rtu:/dev/x?baud=9600&parity=N", 1042, 3646), ("rtu:/dev/x", 573, 2005),
    ("rtu:/dev/x?baud=38400&parity=N&stop=2", 286, 1750), ("tcp:h:502", 0, 0),
    ("rtu+tcp:h:502", 1146, 4010), ("rtu+tcp:h:502?baud=115200&parity=N", 87, 1750),
])
def test_wire_times_follow_the_serial_line_specification(url, char_us, silence_us):
    line = parse_url(url)
    assert round(line.char_s * 1e6) == char_us
    assert round(line.silence_s * 1e6) == silence_us


def test_an_address_is_the_same_however_it_is_written():
    urls = ("tcp:Gate:502", "tcp://gate", "tcp:gate", "rtu+tcp://gate:502?baud=19200")
    assert {parse_url(url).address for url in urls} == {"gate:502"}
    assert parse_url("rtu:/dev/x?baud=9600").address == "/dev/x"
    for url in ("rtu:/dev/x?baud=9600&parity=N&stop=2", "tcp:[fe80::1]:503", "rtu+tcp:h:4196"):
        assert parse_url(str(parse_url(url))) == parse_url(url)
