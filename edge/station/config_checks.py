"""What one table of a site's file cannot know of the others: ids, pins, addresses, fuses, files.

Every check tolerates fields that were already reported: they are `None`.
"""

import zoneinfo
from pathlib import Path

from edge.rfid.path import path_problem
from edge.rfid.proof.certificate import is_point
from edge.station.config_cards import check_cards
from edge.station.config_read import Findings, Key, Problem, one_of, suggestion, toml_text
from edge.station.config_sections import Site
from edge.station.config_senses import (
    check_curve,
    check_inputs,
    check_rules,
    check_sensors,
    check_virtual_timers,
)
from edge.station.config_wiring import check_fuses, check_wiring

LANGUAGES = ("en", "sv")


def check(site: Site, folder: Path, findings: Findings) -> None:
    """Report everything that does not fit together."""
    for part in (_check_identity, _check_duplicate_ids, _check_references, check_wiring, check_fuses,
                 _check_bus_urls, _check_meter_models, _check_readers, _check_cloud, _check_senses,
                 _check_proofs):
        part(site, findings)
    _check_tariff(site, folder, findings)


def _check_identity(site: Site, findings: Findings) -> None:
    if site.site is None:
        return
    zone = site.site.time_zone
    if zone is not None and not _zone_exists(zone):
        near = suggestion(zone, zoneinfo.available_timezones()) or "Europe/Stockholm"
        findings.add(("site", "time_zone"), toml_text(zone), f'an IANA time zone, as "{near}"')
    languages = site.site.languages or ()
    for i, language in enumerate(languages):
        if language not in LANGUAGES:
            findings.add(("site", "languages", i), toml_text(language), one_of(LANGUAGES))
        elif language in languages[:i]:
            findings.add(("site", "languages", i), f"{toml_text(language)} twice", "each language once")


def _zone_exists(zone: str) -> bool:
    try:
        zoneinfo.ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # unknown; malformed; a folder of zones
        return False
    return True


def _check_duplicate_ids(site: Site, findings: Findings) -> None:
    tables = {
        "circuit": [c.id for c in site.circuits or ()], "bus": [b.id for b in site.buses or ()],
        "meter": [m.id for m in site.meters or ()], "evse": [e.id for e in site.evses or ()],
        "reader": [r.id for r in site.readers or ()], "input": [n.id for n in site.inputs or ()],
        "sensor": [s.id for s in site.sensors or ()]}
    # Of an EVSE, an input and a sensor a fault tells no more than the id, and a limit may be of an EVSE
    # or of a circuit: they share one set of names.
    for names in (("bus",), ("meter",), ("reader",), ("circuit", "evse", "input", "sensor")):
        findings.add_reused((((name, i, "id"), id_, f"an earlier {name}")
                             for name in names for i, id_ in enumerate(tables[name])),
                            "an id of its own")


def _check_references(site: Site, findings: Findings) -> None:
    circuits, buses, meters, evses = (
        {entry.id for entry in entries or () if entry.id is not None}
        for entries in (site.circuits, site.buses, site.meters, site.evses))

    def refer(key: Key, to: str | None, known: set[str], what: str) -> None:
        if to is not None and to not in known:
            findings.add(key, f"{toml_text(to)} (no such {what})", one_of(known, to))

    for i, circuit in enumerate(site.circuits or ()):
        refer(("circuit", i, "parent"), circuit.parent, circuits, "circuit")
        refer(("circuit", i, "meter"), circuit.meter, meters, "meter")
    for i, meter in enumerate(site.meters or ()):
        refer(("meter", i, "bus"), meter.bus, buses, "bus")
    for i, evse in enumerate(site.evses or ()):
        refer(("evse", i, "circuit"), evse.circuit, circuits, "circuit")
        refer(("evse", i, "meter"), evse.meter, meters, "meter")
        if evse.board is not None:
            refer(("evse", i, "board", "bus"), evse.board.bus, buses, "bus")
    for i, reader in enumerate(site.readers or ()):
        for j, evse_id in enumerate(reader.serves or ()):
            refer(("reader", i, "serves", j), evse_id, evses, "EVSE")
    stops = [("input", i, entry.evses) for i, entry in enumerate(site.inputs or ())]
    stops += [("sensor", i, sensor.evses) for i, sensor in enumerate(site.sensors or ())]
    for table, i, ids in stops:
        for j, evse_id in enumerate(ids or ()):
            refer((table, i, "evses", j), evse_id, evses, "EVSE")


def _check_bus_urls(site: Site, findings: Findings) -> None:
    from edge.bus.url import parse_url

    addresses: list[str | None] = []
    for i, bus in enumerate(site.buses or ()):
        addresses.append(bus.url and bus.url.partition("?")[0])
        if bus.url is None:
            continue
        try:
            addresses[i] = parse_url(bus.url).address  # one connection each, however it is written
        except ValueError as error:
            findings.add(("bus", i, "url"), toml_text(bus.url), str(error))
    findings.add_reused(((("bus", i, "url"), addresses[i], f'bus "{bus.id}"')
                         for i, bus in enumerate(site.buses or ())), "a line of its own")


def _check_meter_models(site: Site, findings: Findings) -> None:
    from edge.station.config_meters import check_meter_models

    check_meter_models(site, findings)


def _check_proofs(site: Site, findings: Findings) -> None:
    for name, point in ((site.proofs and site.proofs.authorities) or {}).items():
        if not is_point(bytes.fromhex(point)):
            findings.add(("proofs", "authorities", name), toml_text(point),
                         "a point of brainpoolP256r1 (is a digit wrong?)")


def _check_readers(site: Site, findings: Findings) -> None:
    virtual = site.site is not None and site.site.virtual
    for i, reader in enumerate(site.readers or ()):
        if reader.path is not None and reader.path.startswith("udp") and virtual is False:
            findings.add(("reader", i, "path"), toml_text(reader.path),
                         "a usb: or tty: reader (udp: only where site.virtual = true)")
        elif reader.path is not None and (wrong := path_problem(reader.path, virtual=True)):
            findings.add(("reader", i, "path"), toml_text(reader.path), wrong.removeprefix("expected "))
        serves = reader.serves or ()
        for j, evse_id in enumerate(serves):
            if evse_id in serves[:j]:
                findings.add(("reader", i, "serves", j), f"{toml_text(evse_id)} twice",
                             "each EVSE once")
    findings.add_reused(((("reader", i, "path"), reader.path, f'reader "{reader.id}"')
                         for i, reader in enumerate(site.readers or ())), "a reader of its own")


def _check_senses(site: Site, findings: Findings) -> None:
    check_inputs(site.inputs or (), findings)
    check_sensors(site.sensors or (), findings)
    for i, evse in enumerate(site.evses or ()):
        check_curve(("evse", i, "temperature_curve"), evse.temperature_curve, findings)
    findings.add_reused(((("sensor", i, "file"), sensor.file, f'sensor "{sensor.id}"')
                         for i, sensor in enumerate(site.sensors or ())), "a file of its own")
    if site.rules is not None:
        limit_mb = None if site.paths is None else site.paths.state_limit_mb
        check_rules(site.rules, limit_mb, findings)
    check_cards(site.cards, [evse.groups for evse in site.evses or ()], findings)
    check_virtual_timers(site.virtual_timers, site.site is not None and site.site.virtual, findings)


def _check_cloud(site: Site, findings: Findings) -> None:
    cloud = site.cloud
    if cloud is None or cloud.url is None:
        return
    scheme, _, rest = cloud.url.partition("://")
    if scheme not in ("mqtt", "mqtts") or not rest.strip("/"):
        findings.add(("cloud", "url"), toml_text(cloud.url),
                     "mqtts://host[:port] (or mqtt:// inside a lab)")
    if (cloud.cert is None) != (cloud.key is None):
        missing = "cert" if cloud.cert is None else "key"
        findings.add(("cloud", missing), "nothing", "both `cert` and `key`, or neither")


def _check_tariff(site: Site, folder: Path, findings: Findings) -> None:
    """The tariff's own problems are reported in its own file's name."""
    from edge.billing.tariff_lint import problems

    if site.tariff is None or site.tariff.file is None:
        return
    file = folder / site.tariff.file
    try:
        data = file.read_bytes()
    except OSError as error:
        findings.add(("tariff", "file"), f"{toml_text(site.tariff.file)} ({error.strerror})",
                     "a readable file")
        return
    for problem in problems(data):
        findings.add_elsewhere(("tariff", "file"), Problem(
            file.name, problem.key, problem.got, problem.expected))
