"""The meter models that ship: one TOML file each in `models/`."""

from collections.abc import Iterable
from decimal import Decimal
from importlib import resources

from edge.meter.decode import exponent_of
from edge.meter.model import Billing, MeterModel
from edge.meter.model_file import BadModel, parse
from edge.meter.soundness import BILLED, problems

FINEST_BILLED_WH = 10  # a bill may rest on steps of this, and on finer ones


def slugs() -> tuple[str, ...]:
    """Every model's slug, sorted."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir()
                        if entry.name.endswith(".toml")))


def load(slug: str) -> MeterModel:
    """The model. Raises `ValueError` (what, got, expected) for one that is unknown or unsound."""
    if slug not in slugs():
        raise ValueError(f"meter model: got {slug!r}, expected one of {', '.join(slugs())}")
    return checked(text(slug), f"{slug}.toml")


def models() -> tuple[MeterModel, ...]:
    """Every model, by slug."""
    return tuple(load(slug) for slug in slugs())


def text(slug: str) -> str:
    """A model's file as it ships, with its comments."""
    return _folder().joinpath(f"{slug}.toml").read_text(encoding="utf-8")


def checked(contents: str, file: str) -> MeterModel:
    """A model from the contents of a file, if it is sound. Raises `BadModel`."""
    model = parse(contents, file)
    found = problems(model)
    if model.slug != file.removesuffix(".toml"):
        found.insert(0, f"slug: got {model.slug!r}, expected the file's name")
    if found:
        raise BadModel(file, "the model", "; ".join(found), "a sound description")
    return model


def why_not_billable(model: MeterModel, exponent: int | None = None) -> str | None:
    """Why no bill may rest on this model; `None`: it may.

    `exponent` is the word in the billing register's scale register, once a device has told it: a device
    that counts too coarsely may not bill, though its model may.
    """
    if model.generator:
        return f"{model.name} counts what flows out as positive: it is no meter of a load"
    if model.suspect:
        return f"{model.name}: {model.suspect}"
    if model.billing is None:
        return f"{model.name} has no register of imported energy that may be billed"
    if model.billing.quantity not in BILLED:
        return (f"{model.name}: got {model.billing.quantity} as billing register, "
                "expected imported energy (a sum may hold export too)")
    step_wh = billing_step_wh(model, model.billing, exponent)
    if step_wh > FINEST_BILLED_WH:
        return (f"{model.name}: got a register in steps of {step_wh.normalize():f} Wh, "
                f"expected {FINEST_BILLED_WH} Wh or finer")
    return None


def would_bill(model: MeterModel, phases: int) -> tuple[MeterModel, ...]:
    """Who may bill in this model's place, on so many phases, best first.

    Products of the same maker, or where it has none, those of any whose billing register is confirmed.
    """
    able = [each for each in models() if each.sunspec is None and each.phases >= phases
            and why_not_billable(each) is None]
    kin = [each for each in able if each.maker == model.maker]
    return tuple(sorted(kin or [each for each in able if _billing_confirmed(each)], key=_merit))


def twins(slug: str, known: Iterable[MeterModel] | None = None) -> tuple[str, ...]:
    """Other models, of all or of `known`, that this one's registers and identity do not tell from it.

    Where both have a quantity it is at the same place; both have the same phases, fast tier and billed
    register; and no identity register says another thing of each.
    """
    others = models() if known is None else tuple(known)
    model = next((each for each in others if each.slug == slug), None) or load(slug)
    return tuple(other.slug for other in others if other.slug != slug and _alike(model, other))


def _alike(model: MeterModel, other: MeterModel) -> bool:
    if (model.phases, model.fast, model.sunspec) != (other.phases, other.fast, other.sunspec):
        return False
    if (model.billing and model.billing.quantity) != (other.billing and other.billing.quantity):
        return False
    if _told_apart(model, other):
        return False
    shared = [(mine, theirs) for mine in model.registers
              if (theirs := other.register(mine.quantity)) is not None]
    return all((mine.function, mine.address, mine.type, mine.word_order, mine.scale)
               == (theirs.function, theirs.address, theirs.type, theirs.word_order, theirs.scale)
               for mine, theirs in shared)


def _told_apart(model: MeterModel, other: MeterModel) -> bool:
    mine, theirs = model.identity, other.identity
    if mine is None or theirs is None:
        return False
    same_place = (mine.function, mine.address, mine.count) == (
        theirs.function, theirs.address, theirs.count)
    return same_place and not set(mine.values) & set(theirs.values)


def billing_step_wh(model: MeterModel, billing: Billing, exponent: int | None = None) -> Decimal:
    """The step of the billing register; `exponent` as in `why_not_billable`."""
    register, power = model.register(billing.quantity), exponent_of(exponent)
    moves = register is not None and register.scale_register is not None and power is not None
    return billing.resolution_wh.scaleb(power) if moves and power else billing.resolution_wh


def _billing_confirmed(model: MeterModel) -> bool:
    register = model.register(model.billing.quantity) if model.billing else None
    return register is not None and register.confirmed


def _merit(model: MeterModel) -> tuple[bool, float, str]:
    """The first has a billing register that two sources agree on, and the finest."""
    step_wh = float(model.billing.resolution_wh) if model.billing else 0.0
    return not _billing_confirmed(model), step_wh, model.slug


def _folder() -> resources.abc.Traversable:
    return resources.files("edge.meter") / "models"
