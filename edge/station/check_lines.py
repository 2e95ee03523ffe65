"""What `forecourt check` says of a line: who is on it, and whether it has the time for all of them."""

from collections.abc import Iterator

from edge.bus.url import parse_url
from edge.meter.pace import TURNAROUND_S, pace_of
from edge.meter.turn_time import FILLED, LineTime, line_time, meter_time
from edge.outlet.registers import FAST_COUNT
from edge.station.config_meters import model_of
from edge.station.config_sections import BusSection, MeterSection, Site


def lines(site: Site) -> Iterator[str]:
    """Each line with its units, its full turn, and what to do where that is too long."""
    for bus in site.buses:
        yield f"  {bus.id}: {bus.url}"
        for meter in site.meters:
            if meter.bus == bus.id:
                side = "supply side" if meter.supply_side else "behind the contactor"
                yield f"    unit {meter.unit}: meter {meter.id}, {meter.model}, {side}"
                yield from _too_small(site, meter)
        for evse in site.evses:
            if evse.board.bus == bus.id:
                yield f"    unit {evse.board.unit}: pilot board of evse {evse.id}"
        yield from _time(site, bus)


def _too_small(site: Site, meter: MeterSection) -> Iterator[str]:
    """Energy that flows faster than a meter can count is refused, and without it nobody charges."""
    most_a = model_of(meter).max_current_a
    above = [(f"circuit {circuit.id}", circuit.fuse_a) for circuit in site.circuits
             if circuit.meter == meter.id and circuit.fuse_a > most_a]
    above += [(f"evse {evse.id}", evse.max_a) for evse in site.evses
              if evse.meter == meter.id and evse.max_a > most_a]
    for what, flows_a in above:
        yield (f"      advice: {meter.model} counts up to {most_a:g} A and {what} has {flows_a:g} A; "
               "if this one has transformers, say for how much by max_current_a")


def time_of(site: Site, bus: BusSection) -> LineTime:
    """Of the devices of one line, each as quick as most are."""
    pace = pace_of(parse_url(bus.url))
    meters = ((meter_time(model_of(m), pace), m.period_s, m.energy_period_s)
              for m in site.meters if m.bus == bus.id)
    boards = sum(evse.board.bus == bus.id for evse in site.evses)
    return line_time(meters, boards, FAST_COUNT, pace)


def _time(site: Site, bus: BusSection) -> Iterator[str]:
    meters = [meter for meter in site.meters if meter.bus == bus.id]
    boards = sum(evse.board.bus == bus.id for evse in site.evses)
    if not meters and not boards:
        return
    pace, found = pace_of(parse_url(bus.url)), time_of(site, bus)
    turn = f"    a full turn of {_all(meters, boards)}: "
    if pace.is_network:
        yield f"{turn}{found.requests} requests; how long they take depends on the network"
        return
    yield (f"{turn}{found.full_s:.2f} s "
           f"({found.requests} requests, {TURNAROUND_S * 1000:.0f} ms until each is answered)")
    if not meters:
        return
    yield f"    turns in the mean, with energy and voltages in some of them only: {found.usual_s:.2f} s"
    late = [meter for meter in meters if not found.meets(meter.period_s)]
    if late:
        yield (f"    too slow: every {min(meter.period_s for meter in late):g} s cannot be met for "
               f"meter {', '.join(meter.id for meter in late)} ({1 - FILLED:.0%} is kept for commands)")
        yield from _advice(site, meters, boards)
    else:
        yield f"    time enough for every meter, each {_periods(meters)}"


def _advice(site: Site, meters: list[MeterSection], boards: int) -> Iterator[str]:
    guards = {circuit.meter: circuit for circuit in site.circuits if circuit.meter is not None}
    first = [guards[meter.id] for meter in meters if meter.id in guards]
    first.sort(key=lambda circuit: circuit.parent is not None)  # the grid connection before all
    if first and (len(meters) > 1 or boards):
        yield (f"    advice: give meter {first[0].meter}, which guards circuit {first[0].id}, "
               "a line of its own")
        return
    yield "    advice: a higher baud rate, fewer units on this line, or a longer period_s"


def _all(meters: list[MeterSection], boards: int) -> str:
    parts = [f"{count} {what}{'' if count == 1 else 's'}"
             for count, what in ((len(meters), "meter"), (boards, "board")) if count]
    return " and ".join(parts)


def _periods(meters: list[MeterSection]) -> str:
    periods = sorted({meter.period_s for meter in meters})
    return f"{' or '.join(f'{period_s:g}' for period_s in periods)} s"
