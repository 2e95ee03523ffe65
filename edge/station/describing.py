"""What of the site's file the screens and sync are told."""

from edge.controller.snapshot import SiteView
from edge.link.journal_protocol import CloudDescription, SiteDescription
from edge.station.config_sections import Site


def description(site: Site, epoch: str) -> SiteDescription:
    """What sync is told of the site."""
    cloud = site.cloud
    return SiteDescription(
        site_id=site.site.id, epoch=epoch, cloud=None if cloud is None else CloudDescription(
            url=cloud.url, ca=cloud.ca, cert=cloud.cert, key=cloud.key))


def site_view(site: Site, currency: str) -> SiteView:
    """What a screen is told of the site itself."""
    return SiteView(
        id=site.site.id, name=site.site.name, time_zone=site.site.time_zone, currency=currency,
        languages=site.site.languages, phone=site.site.support.phone,
        email=site.site.support.email or "", virtual=site.site.virtual)
