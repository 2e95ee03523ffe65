"""The names of the MQTT topics, in one place.

    fc/v1/{site}/up/{tx|ev|tm}    journal rows, as CloudEvents
    fc/v1/{site}/down/ack         the ingest's acknowledgement of rows
    fc/v1/{site}/state            retained: online (birth) or offline (will)

A site id is percent-encoded, so that none can hold `/`, `+`, `#` or NUL, which mean something in a
topic or a filter (MQTT 5, 4.7). `*`, as in `SE*FCT*E0001`, means nothing there and stays readable.
"""

from urllib.parse import quote, unquote

ROOT = "fc/v1"
ALL_UP = f"{ROOT}/+/up/+"
ALL_STATES = f"{ROOT}/+/state"


def quote_site(site_id: str) -> str:
    """A site id as one level of a topic."""
    return quote(site_id, safe="*")


def unquote_site(level: str) -> str:
    """The site id of one level of a topic."""
    return unquote(level)


def up(site_id: str, stream: str) -> str:
    """Where a site's rows of `stream` go."""
    return f"{ROOT}/{quote_site(site_id)}/up/{stream}"


def ack(site_id: str) -> str:
    """Where the acknowledgements for a site go."""
    return f"{ROOT}/{quote_site(site_id)}/down/ack"


def state(site_id: str) -> str:
    """Where a site says whether it is online; retained."""
    return f"{ROOT}/{quote_site(site_id)}/state"


def parse_up(topic: str) -> tuple[str, str] | None:
    """(site id, stream) of a topic that rows come on; `None`: it is no such topic."""
    match topic.split("/"):
        case ["fc", "v1", site, "up", stream]:
            return unquote_site(site), stream
    return None


def parse_state(topic: str) -> str | None:
    """The site id of a state topic; `None`: it is no such topic."""
    match topic.split("/"):
        case ["fc", "v1", site, "state"]:
            return unquote_site(site)
    return None
