"""Copper and pins: addresses used twice, fuses that their children exceed, failsafe currents.

The sums of failsafe currents are a promise of the site: with every controller dead, the boards
fall back to `failsafe_a`, and no fuse may mind.
"""

from edge.station.config_read import Findings, Key
from edge.station.config_sections import CircuitSection, EvseSection, Site
from edge.station.config_types import LEAST_OFFER_A

LEAST_STATE_F_MS = 300  # IEC 61851-1 Table A.5 as EVerest cites it: a car may miss less


def check_wiring(site: Site, findings: Findings) -> None:
    """Pins, bus addresses, billing meters and phases that two things claim."""
    _check_pins(site, findings)
    _check_addresses(site, findings)
    findings.add_reused(((("evse", i, "meter"), evse.meter, f'EVSE "{evse.id}"')
                         for i, evse in enumerate(site.evses or ())), "a billing meter of its own")
    for i, evse in enumerate(site.evses or ()):
        phases = evse.phases or ()
        if len(set(phases)) < len(phases):
            findings.add(("evse", i, "phases"), f"{list(phases)}", "each phase once")
        elif len(phases) == 2:
            findings.add(("evse", i, "phases"), f"{list(phases)}", "one phase or three")
        _check_state_f(i, evse, findings)


def _check_pins(site: Site, findings: Findings) -> None:
    pins: list[tuple[Key, object, str]] = []
    for i, evse in enumerate(site.evses or ()):
        if evse.contactor is not None:
            for name in ("coil_gpio", "mirror_gpio"):
                pin = getattr(evse.contactor, name)
                pins.append((("evse", i, "contactor", name), pin, f'evse "{evse.id}"'))
    for i, entry in enumerate(site.inputs or ()):
        pins.append((("input", i, "gpio"), entry.gpio, f'input "{entry.id}"'))
    findings.add_reused(pins, "a pin of its own")


def _check_addresses(site: Site, findings: Findings) -> None:
    """Two devices with one unit id on one bus answer at the same time, and both are lost."""
    claims: list[tuple[Key, str | None, int | None, str]] = []
    for i, meter in enumerate(site.meters or ()):
        claims.append((("meter", i, "unit"), meter.bus, meter.unit, f'meter "{meter.id}"'))
    for i, evse in enumerate(site.evses or ()):
        if evse.board is not None:
            claims.append((("evse", i, "board", "unit"), evse.board.bus, evse.board.unit,
                           f'the board of evse "{evse.id}"'))
    owners: dict[tuple[str, int], str] = {}
    for key, bus, unit, owner in claims:
        if bus is None or unit is None:
            continue
        if (bus, unit) in owners:
            findings.add(key, f'{unit} (already used by {owners[bus, unit]} on bus "{bus}")',
                         "a unit id of its own")
        else:
            owners[bus, unit] = owner


def check_fuses(site: Site, findings: Findings) -> None:
    """The tree of circuits, and that nothing below a fuse may take more than it."""
    circuits = {c.id: c for c in site.circuits or () if c.id is not None}
    in_a_loop: set[str] = set()
    for i, circuit in enumerate(site.circuits or ()):
        loop = _loop(circuit, circuits)
        if loop and circuit.id not in in_a_loop:
            findings.add(("circuit", i, "parent"), f'"{circuit.parent}" (a loop: {" > ".join(loop)})',
                         "a circuit nearer to the grid")
        in_a_loop.update(loop)
        if loop:
            continue
        parent = circuits.get(circuit.parent) if circuit.parent is not None else None
        if parent is None or circuit.fuse_a is None or parent.fuse_a is None:
            continue
        if circuit.fuse_a > parent.fuse_a:
            findings.add(("circuit", i, "fuse_a"), f"{circuit.fuse_a:g}",
                         f'at most {parent.fuse_a:g}, the fuse of its parent "{parent.id}"')
    for i, evse in enumerate(site.evses or ()):
        _check_evse_currents(i, evse, circuits, findings)
    _check_failsafe_sums(site, circuits, findings)


def _check_state_f(i: int, evse: EvseSection, findings: Findings) -> None:
    time_ms = evse.board.fault_f_ms if evse.board is not None else None
    if time_ms is not None and 0 < time_ms < LEAST_STATE_F_MS:
        findings.add(("evse", i, "board", "fault_f_ms"), f"{time_ms}",
                     f"0 (never) or at least {LEAST_STATE_F_MS}")


def _check_evse_currents(i: int, evse: EvseSection, circuits: "dict[str, CircuitSection]",
                         findings: Findings) -> None:
    circuit = circuits.get(evse.circuit) if evse.circuit is not None else None
    fuse_a = circuit.fuse_a if circuit is not None else None
    if evse.max_a is not None and fuse_a is not None and evse.max_a > fuse_a:
        findings.add(("evse", i, "max_a"), f"{evse.max_a:g}",
                     f'at most {fuse_a:g}, the fuse of circuit "{evse.circuit}"')
    if evse.failsafe_a is None:
        return
    if 0 < evse.failsafe_a < LEAST_OFFER_A:
        findings.add(("evse", i, "failsafe_a"), f"{evse.failsafe_a:g}",
                     "0 (stop charging) or at least 6 (the least that a pilot can offer)")
    elif evse.max_a is not None and evse.failsafe_a > evse.max_a:
        findings.add(("evse", i, "failsafe_a"), f"{evse.failsafe_a:g}",
                     f"at most max_a, which is {evse.max_a:g}")


def _check_failsafe_sums(site: Site, circuits: "dict[str, CircuitSection]",
                         findings: Findings) -> None:
    sums_a: dict[tuple[str, str], float] = {}
    for evse in site.evses or ():
        for circuit_id in _path_to_grid(evse.circuit, circuits):
            for phase in set(evse.phases or ()):
                key = (circuit_id, phase)
                sums_a[key] = sums_a.get(key, 0.0) + (evse.failsafe_a or 0.0)
    for i, circuit in enumerate(site.circuits or ()):
        over = {phase: sum_a for (circuit_id, phase), sum_a in sorted(sums_a.items())
                if circuit_id == circuit.id and circuit.fuse_a is not None and sum_a > circuit.fuse_a}
        if over:
            sums = ", ".join(f"{sum_a:g} on {phase}" for phase, sum_a in over.items())
            findings.add(("circuit", i, "fuse_a"),
                         f"{circuit.fuse_a:g} (failsafe_a of the EVSEs below adds up to {sums})",
                         "failsafe currents that the fuse can carry all at once")


def _path_to_grid(circuit_id: str | None, circuits: "dict[str, CircuitSection]") -> list[str]:
    """The circuit and its ancestors; a loop is walked once."""
    path: list[str] = []
    while circuit_id is not None and circuit_id in circuits and circuit_id not in path:
        path.append(circuit_id)
        circuit_id = circuits[circuit_id].parent
    return path


def _loop(circuit: CircuitSection, circuits: "dict[str, CircuitSection]") -> list[str]:
    """The way from a circuit back to itself; empty where there is none."""
    path = _path_to_grid(circuit.parent, circuits)
    return [circuit.id, *path[: path.index(circuit.id) + 1]] if circuit.id in path else []
