"""The meter models that ship: one TOML file each in `models/`."""

import tomllib
from importlib import resources
from typing import Any

import msgspec

from edge.meter.model import MeterModel

_FINEST_BILLED_WH = 10


def slugs() -> tuple[str, ...]:
    """Every model's slug, sorted."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir()
                        if entry.name.endswith(".toml")))


def load(slug: str) -> MeterModel:
    """The model. Raises `ValueError` (what, got, expected) for a slug that we do not know."""
    if slug not in slugs():
        raise ValueError(f"meter model: got {slug!r}, expected one of {', '.join(slugs())}")
    return decode(_folder().joinpath(f"{slug}.toml").read_text(encoding="utf-8"))


def decode(text: str) -> MeterModel:
    """A model from its TOML. Rows take what they lack from `defaults`, and `sentinels` by type."""
    table: dict[str, Any] = tomllib.loads(text)
    defaults = table.pop("defaults", {})
    sentinels = table.pop("sentinels", {})
    rows = [defaults | row for row in table["registers"]]
    table["registers"] = [{"sentinel": sentinels.get(row.get("type"), "")} | row for row in rows]
    return msgspec.convert(table, MeterModel)


def why_not_billable(model: MeterModel) -> str | None:
    """Why no bill may rest on this model; `None`: it may."""
    if model.billing is None:
        return f"{model.name} has no register of imported energy that may be billed"
    if not model.billing.quantity.startswith("energy_import"):
        return (f"{model.name}: got {model.billing.quantity} as billing register, "
                "expected imported energy (a sum may hold export too)")
    if model.billing.resolution_wh > _FINEST_BILLED_WH:
        return (f"{model.name}: got a register in steps of {model.billing.resolution_wh} Wh, "
                f"expected {_FINEST_BILLED_WH} Wh or finer")
    return None


def _folder() -> resources.abc.Traversable:
    return resources.files("edge.meter") / "models"
