"""What a meter of a model answers to: its map, from the product's data files, read here by own code.

The files lie beside this package, in a checkout and in an installed clone. What a device does that the
files do not say (Eastron answers whole values only; a PAC refuses to begin or end inside one) is said
here, from its maker's document.
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from hil_tests.virtual.encoding import Spot

FOLDER = Path(__file__).parents[2] / "edge" / "meter" / "models"
_EVEN_MAKERS = frozenset({"Eastron"})  # "SDM630 Modbus Protocol", 1.2: even addresses and counts
_WHOLE_SLUGS = frozenset({"siemens-pac2200"})  # PAC manuals: an error inside a measured variable
_ALIKE_SLUGS = frozenset({"siemens-pac2200"})  # functions 3 and 4 read the same


class Identity(NamedTuple):
    """Registers that tell the product; `alone`: only when nothing else is asked for."""

    function: int
    address: int
    length: int
    words: tuple[tuple[int, ...], ...]  # of each product that this map is of
    alone: bool


class MeterMap(NamedTuple):
    """One model. `whole`: no block may begin or end inside a value; `even`: nor at an odd address;
    `alike`: functions 3 and 4 read the same.
    """

    slug: str
    name: str
    maker: str
    phases: int
    baud: int
    max_block: int
    barriers: tuple[int, ...]
    spots: tuple[Spot, ...]
    billed: str | None
    sunspec: int | None
    identity: Identity | None
    even: bool
    whole: bool
    alike: bool

    def spot(self, quantity: str) -> Spot:
        """The register of a quantity. `KeyError` (what, got, expected)."""
        for spot in self.spots:
            if spot.quantity == quantity:
                return spot
        raise KeyError(f"{self.slug}: got quantity {quantity!r}, expected one of "
                       f"{', '.join(spot.quantity for spot in self.spots)}")


def slugs() -> tuple[str, ...]:
    """All models, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load(slug: str) -> MeterMap:
    """Raises `ValueError` for a slug that there is no file of."""
    path = FOLDER / f"{slug}.toml"
    if slug not in slugs():
        raise ValueError(f"model: got {slug!r}, expected one of {', '.join(slugs())}")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    defaults, sentinels = table.get("defaults", {}), table.get("sentinels", {})
    identity = table.get("identity")
    return MeterMap(
        slug=slug, name=table["name"], maker=table["maker"], phases=table["phases"],
        baud=table["serial"]["baud"], max_block=table["max_block"],
        barriers=tuple(table.get("barriers", ())), billed=table.get("billing", {}).get("quantity"),
        spots=tuple(_spot({**defaults, **row}, sentinels) for row in table["registers"]),
        sunspec=table.get("sunspec"), identity=_identity(identity) if identity else None,
        even=table["maker"] in _EVEN_MAKERS, whole=slug in _WHOLE_SLUGS,
        alike=slug in _ALIKE_SLUGS)


def _spot(row: Mapping[str, Any], sentinels: Mapping[str, str]) -> Spot:
    return Spot(
        quantity=row["quantity"], function=row.get("function", 3), address=row["address"],
        type=row["type"], little=row.get("word_order", "big") == "little",
        scale=Decimal(str(row.get("scale", 1))), unit=row["unit"],
        sentinel=_words(row.get("sentinel", sentinels.get(row["type"], ""))),
        scale_register=row.get("scale_register"), optional=row.get("optional", False))


def _identity(table: Mapping[str, Any]) -> Identity:
    return Identity(function=table["function"], address=table["address"], length=table["count"],
                    words=tuple(_words(value) for value in table["values"]),
                    alone=table.get("alone", False))


def _words(digits: str) -> tuple[int, ...]:
    return tuple(int(digits[at:at + 4], 16) for at in range(0, len(digits), 4))
