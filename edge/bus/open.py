"""From a URL to a line with its owner."""

from edge.bus.link import Link
from edge.bus.owner import LineOwner
from edge.bus.rtu import RtuMaster
from edge.bus.tcp import TcpMaster
from edge.bus.url import parse_url


def open_bus(url: str) -> LineOwner:
    """The owner of the line at `url`, not started yet. Raises `ValueError` for a URL that is none."""
    line = parse_url(url)
    link: Link = TcpMaster(line) if line.kind == "tcp" else RtuMaster(line)
    return LineOwner(link)
