"""What lowers currents below what fuses and outlets carry, as `share.py` takes it: cables,
temperatures, and circuits whose own meters showed too much. Pure; keeps nothing.
"""

from edge.controller.share import NO_BUDGETS, Budgets, Cap, Fuse, tightest
from edge.controller.state import Outlet, Site


def cap_key(name: str, evse_id: str) -> str:
    """Of `Site.caps`: `name` is what a screen is told ("temperature:<where>")."""
    return f"{name}@{evse_id}"


def budget_key(circuit_id: str, phase: str) -> str:
    """Of `Site.overloads`."""
    return f"{circuit_id}@{phase}"


def cap_of(site: Site, outlet: Outlet) -> Cap | None:
    """The least of an EVSE's own caps, and its name; None: it has none."""
    board = outlet.board
    rated_a = None if board is None else board.proximity_a
    cable = None if rated_a is None else (float(rated_a), "cable")
    if not site.caps:
        return cable  # as it nearly always is
    heat = [(held.current_a, name) for key, held in site.caps.items()
            for name, _, evse_id in (key.rpartition("@"),) if evse_id == outlet.evse_id]
    return tightest(cable, *heat)


def budgets_of(site: Site) -> Budgets:
    """What circuits that were overloaded leave for the EVSEs below them."""
    if not site.overloads:
        return NO_BUDGETS
    found: dict[Fuse, Cap] = {}
    for key, held in site.overloads.items():
        circuit_id, _, phase = key.rpartition("@")
        found[circuit_id, phase] = (held.current_a, f"circuit:{circuit_id}")
    return found
