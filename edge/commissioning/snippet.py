"""What was found on a line, as tables for the site's file. Pure."""

from collections import Counter
from collections.abc import Sequence

from edge.bus.url import LineUrl
from edge.commissioning.scan import Found, Setting

_BUS = "meters"


def snippet(url: LineUrl, found: Sequence[Found]) -> str:
    """A `[[bus]]` at the setting that most of them have, and a `[[meter]]` for each of these.

    The others can only be on the same line once they are set alike; a comment says so.
    """
    settings = Counter(Setting(f.baud, f.parity) for f in found if f.baud and f.parity)
    usual = settings.most_common(1)[0][0] if settings else None
    lines = ["[[bus]]", f'id = "{_BUS}"', f'url = "{_url(url, usual)}"']
    for one in sorted(found, key=lambda one: one.unit):
        own = Setting(one.baud, one.parity) if one.baud and one.parity else None
        if own != usual:
            name = one.models[0] if one.models else "unknown"
            lines += ["", f"# unit {one.unit} ({name}) is at {own}: one line has one setting, so set "
                          f"it to {usual} first"]
        elif not one.models:
            lines += ["", f"# unit {one.unit} answers, but is no model of `forecourt meter models`"]
        else:
            lines += ["", *_meter(one)]
    return "\n".join(lines)


def _meter(one: Found) -> list[str]:
    twins = f"  # or {', '.join(one.models[1:])}: look at its label" if one.models[1:] else ""
    return ["[[meter]]", f'id = "meter-{one.unit}"', f'bus = "{_BUS}"', f"unit = {one.unit}",
            f'model = "{one.models[0]}"{twins}',
            "supply_side = true  # false: behind its contactor"]


def _url(url: LineUrl, setting: Setting | None) -> str:
    if setting is None or url.kind != "rtu":
        return str(url).replace("tcp:", "tcp://", 1)
    return f"rtu:{url.path}?baud={setting.baud}&parity={setting.parity}"
