"""From a site's file to what billing needs of it."""

from edge.billing.cdr import CdrFacts, Connector, Place
from edge.station.config_sections import Site


def cdr_facts(site: Site) -> CdrFacts:
    """What the site's CDRs say of it and of its EVSEs."""
    return CdrFacts(place=place(site), connectors=tuple(
        Connector(evse_uid=evse.id, phases=len(evse.phases)) for evse in site.evses))


def place(site: Site) -> Place:
    """What CDRs say of the site. Without `[site.location]`: "not configured", and ZZZ (no country)."""
    who, where = site.site, site.site.location
    return Place(
        country_code=who.country_code, party_id=who.party_id, location_id=who.id, name=who.name,
        address=where.address if where else "not configured",
        city=where.city if where else "not configured", country=where.country if where else "ZZZ",
        postal_code=where.postal_code if where else None,
        latitude=f"{where.latitude if where else 0:.5f}",
        longitude=f"{where.longitude if where else 0:.5f}")
