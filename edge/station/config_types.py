"""What a value of `site.toml` may be: ids, references, pins; and the words that ask for them."""

from typing import Annotated

from msgspec import Meta

LEAST_OFFER_A = 6  # IEC 61851-1: the pilot cannot offer less, except nothing

Id = Annotated[str, Meta(
    pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z",
    description="a name of 1 to 32 letters, digits, dots or dashes, in quotes")]
Ref = Annotated[str, Meta(min_length=1, description="an id that this file declares, in quotes")]
Text = Annotated[str, Meta(min_length=1, max_length=100, description="a text in quotes")]
File = Annotated[str, Meta(min_length=1, description="a path in quotes")]
Unit = Annotated[int, Meta(ge=1, le=247, description="a Modbus unit id from 1 to 247")]
Gpio = Annotated[int, Meta(ge=2, le=27, description="a BCM GPIO number from 2 to 27")]
Phase = Annotated[str, Meta(pattern=r"^L[123]\Z")]


def amperes(least: int, most: int) -> Meta:
    """Bounds of a current."""
    return Meta(ge=least, le=most, description=(
        f"a number of amperes from {least} to {most}, without quotes and without a unit"))
