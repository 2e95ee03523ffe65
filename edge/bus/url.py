"""Where a line is: the `url` of a `[[bus]]` table.

`rtu:/dev/ttyUSB0?baud=19200&parity=E&stop=1&echo=0` or `tcp:host:port` (also `tcp://host:port`).
Defaults are those of the Modbus over Serial Line specification v1.02, 2.5.1: 19200 baud, even parity.
"""

from urllib.parse import parse_qsl

from edge.controller.struct import Value

BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
_SHAPE = "rtu:/dev/...?baud=19200&parity=E&stop=1 or tcp:host:port"


class LineUrl(Value):
    """One line. `kind` is "rtu" or "tcp"; of the rest only what belongs to it is set."""

    kind: str
    path: str = ""
    baud: int = 19200
    parity: str = "E"  # N, E or O
    stop: int = 1
    echo: bool = False  # the adapter hears what it sends
    host: str = ""
    port: int = 502

    @property
    def char_s(self) -> float:
        """Seconds that one character takes on the wire: start, 8 data, parity, stop bits."""
        if self.kind != "rtu":
            return 0.0
        return (9 + (self.parity != "N") + self.stop) / self.baud

    @property
    def silence_s(self) -> float:
        """t3.5, the silence between frames; fixed above 19200 baud (serial line spec 2.5.1.1)."""
        if self.kind != "rtu":
            return 0.0
        return 3.5 * self.char_s if self.baud <= 19200 else 0.00175

    def __str__(self) -> str:
        if self.kind == "tcp":
            return f"tcp:{self.host}:{self.port}"
        return f"rtu:{self.path}?baud={self.baud}&parity={self.parity}&stop={self.stop}"


def parse_url(url: str) -> LineUrl:
    """The line of a URL. Raises `ValueError` that says what, got and expected."""
    kind, colon, rest = url.partition(":")
    if not colon or kind not in ("rtu", "tcp"):
        raise ValueError(f"bus url: got {url!r}, expected {_SHAPE}")
    return _rtu(url, rest) if kind == "rtu" else _tcp(url, rest)


def _rtu(url: str, rest: str) -> LineUrl:
    path, _, query = rest.partition("?")
    if not path.startswith("/") or path.endswith("/"):
        raise ValueError(f"bus url: got device path {path!r} in {url!r}, expected {_SHAPE}")
    options: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key in options:
            raise ValueError(f"bus url: got option {key!r} twice in {url!r}, expected it once")
        options[key] = value
    unknown = sorted(options.keys() - {"baud", "parity", "stop", "echo"})
    if unknown or (query and not options):
        raise ValueError(f"bus url: got option {(unknown or [query])[0]!r} in {url!r}, "
                         "expected baud, parity, stop, echo")
    return LineUrl(
        kind="rtu", path=path,
        baud=int(_choice(url, options, "baud", "19200", tuple(map(str, BAUDS)))),
        parity=_choice(url, options, "parity", "E", ("N", "E", "O")),
        stop=int(_choice(url, options, "stop", "1", ("1", "2"))),
        echo=_choice(url, options, "echo", "0", ("0", "1")) == "1")


def _choice(url: str, options: dict[str, str], key: str, default: str, allowed: tuple[str, ...]) -> str:
    value = options.get(key, default)
    if value not in allowed:
        raise ValueError(f"bus url: got {key}={value} in {url!r}, expected one of {', '.join(allowed)}")
    return value


def _tcp(url: str, rest: str) -> LineUrl:
    host, colon, port = rest.removeprefix("//").rpartition(":")
    if not colon:
        host, port = port, "502"
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in host or "?" in host:
        raise ValueError(f"bus url: got host {host!r} in {url!r}, expected {_SHAPE}")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"bus url: got port {port!r} in {url!r}, expected 1..65535")
    return LineUrl(kind="tcp", host=host, port=int(port))
