"""Where a line is: the `url` of a `[[bus]]` table.

`rtu:/dev/ttyUSB0?baud=19200&parity=E&stop=1&echo=0&rs485=0` (a serial port),
`tcp://host:port` (Modbus TCP; also `tcp:host:port`), or `rtu+tcp://host:port?baud=9600&parity=E&stop=1`
(RTU frames over a socket: a serial device server; its serial side is what the options describe).
Defaults of a serial port are those of the Modbus over Serial Line specification v1.02, 2.5.1: 19200
baud, even parity. A device server does not tell its baud rate: unless the URL does, the slow one that
most meters come with is reckoned with.
"""

from urllib.parse import parse_qsl

from edge.controller.struct import Value

BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
_SHAPE = "rtu:/dev/...?baud=19200&parity=E&stop=1, tcp://host:port or rtu+tcp://host:port"
_SERVER_BAUD = 9600


class LineUrl(Value):
    """One line. `kind` is "rtu", "tcp" or "rtu+tcp"; of the rest only what belongs to it is set."""

    kind: str
    path: str = ""
    baud: int = 19200
    parity: str = "E"  # N, E or O
    stop: int = 1
    echo: bool = False  # the adapter hears what it sends
    rs485: bool = False  # the kernel switches the driver by RTS
    host: str = ""
    port: int = 502

    @property
    def char_s(self) -> float:
        """Seconds that one character takes on the wire: start, 8 data, parity, stop bits."""
        if self.kind == "tcp":
            return 0.0
        return (9 + (self.parity != "N") + self.stop) / self.baud

    @property
    def silence_s(self) -> float:
        """t3.5, the silence between frames; fixed above 19200 baud (serial line spec 2.5.1.1)."""
        if self.kind == "tcp":
            return 0.0
        return 3.5 * self.char_s if self.baud <= 19200 else 0.00175

    @property
    def address(self) -> str:
        """What can be opened only once, however it is written: a device path, or host and port."""
        if self.kind == "rtu":
            return self.path
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}".lower()

    def __str__(self) -> str:
        if self.kind == "tcp":
            return f"tcp:{self.address}"
        return f"{self.kind}:{self.address}?baud={self.baud}&parity={self.parity}&stop={self.stop}"


def parse_url(url: str) -> LineUrl:
    """The line of a URL. Raises `ValueError` that says what, got and expected."""
    kind, colon, rest = url.partition(":")
    kinds = {"rtu": _rtu, "tcp": _tcp, "rtu+tcp": _rtu_over_tcp}
    if not colon or kind not in kinds:
        raise ValueError(f"bus url: got {url!r}, expected {_SHAPE}")
    return kinds[kind](url, rest)


def _rtu(url: str, rest: str) -> LineUrl:
    path, _, query = rest.partition("?")
    if not path.startswith("/") or path.endswith("/"):
        raise ValueError(f"bus url: got device path {path!r} in {url!r}, expected {_SHAPE}")
    options = _options(url, query, ("baud", "parity", "stop", "echo", "rs485"))
    baud, parity, stop = _serial(url, options, "19200")
    return LineUrl(kind="rtu", path=path, baud=baud, parity=parity, stop=stop,
                   echo=_switch(url, options, "echo"), rs485=_switch(url, options, "rs485"))


def _tcp(url: str, rest: str) -> LineUrl:
    host, port = _host_port(url, rest, default="502")
    return LineUrl(kind="tcp", host=host, port=port)


def _rtu_over_tcp(url: str, rest: str) -> LineUrl:
    where, _, query = rest.partition("?")
    host, port = _host_port(url, where, default="")  # no port is registered for it
    options = _options(url, query, ("baud", "parity", "stop", "echo"))
    baud, parity, stop = _serial(url, options, str(_SERVER_BAUD))
    return LineUrl(kind="rtu+tcp", host=host, port=port, baud=baud, parity=parity, stop=stop,
                   echo=_switch(url, options, "echo"))


def _options(url: str, query: str, known: tuple[str, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key in options:
            raise ValueError(f"bus url: got option {key!r} twice in {url!r}, expected it once")
        options[key] = value
    unknown = sorted(options.keys() - set(known))
    if unknown or (query and not options):
        raise ValueError(f"bus url: got option {(unknown or [query])[0]!r} in {url!r}, "
                         f"expected {', '.join(known)}")
    return options


def _serial(url: str, options: dict[str, str], baud: str) -> tuple[int, str, int]:
    return (int(_choice(url, options, "baud", baud, tuple(map(str, BAUDS)))),
            _choice(url, options, "parity", "E", ("N", "E", "O")),
            int(_choice(url, options, "stop", "1", ("1", "2"))))


def _switch(url: str, options: dict[str, str], key: str) -> bool:
    return _choice(url, options, key, "0", ("0", "1")) == "1"


def _choice(url: str, options: dict[str, str], key: str, default: str, allowed: tuple[str, ...]) -> str:
    value = options.get(key, default)
    if value not in allowed:
        raise ValueError(f"bus url: got {key}={value} in {url!r}, expected one of {', '.join(allowed)}")
    return value


def _host_port(url: str, rest: str, default: str) -> tuple[str, int]:
    host, colon, port = rest.removeprefix("//").rpartition(":")
    if not colon or port.endswith("]"):
        host, port = f"{host}{colon}{port}", default
    host = host.removeprefix("[").removesuffix("]")
    if not host or set("/?@ ") & set(host):
        raise ValueError(f"bus url: got host {host!r} in {url!r}, expected {_SHAPE}")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"bus url: got port {port!r} in {url!r}, expected 1..65535")
    return host, int(port)
