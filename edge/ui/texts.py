"""Words of the screens: gettext catalogues whose ids are message keys.

Only the `.po` files are kept; Babel compiles them in memory when a language is first used (about
10 ms), so that no build step can be forgotten. A missing word in one language falls back to English.
"""

import gettext
import io
from functools import cache
from importlib.resources import files

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from edge.controller.faults import FaultCode
from edge.ui.format import locale_of

FALLBACK = "en"
_DOMAIN = "forecourt"


def catalogue_path(language: str) -> str:
    """Where the catalogue of a language lies inside this package."""
    return f"locale/{language}/LC_MESSAGES/{_DOMAIN}.po"


@cache
def languages() -> tuple[str, ...]:
    """The languages with a catalogue, in alphabetical order."""
    folder = files("edge.ui").joinpath("locale")
    return tuple(sorted(entry.name for entry in folder.iterdir()
                        if files("edge.ui").joinpath(catalogue_path(entry.name)).is_file()))


def own_name(language: str) -> str:
    """The name of a language in itself: "Svenska"."""
    name = locale_of(language).get_language_name(language) or language
    return name[:1].upper() + name[1:]


@cache
def _load(language: str) -> gettext.GNUTranslations:
    source = files("edge.ui").joinpath(catalogue_path(language)).read_text("utf-8")
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.StringIO(source), locale=language, abort_invalid=True))
    compiled.seek(0)
    catalogue = gettext.GNUTranslations(compiled)
    if language != FALLBACK:
        catalogue.add_fallback(_load(FALLBACK))
    return catalogue


class Texts:
    """The words of one language. Placeholders are `str.format` fields: "Ring {phone}"."""

    def __init__(self, language: str) -> None:
        self.language = language if language in languages() else FALLBACK
        self._catalogue = _load(self.language)

    def has(self, key: str) -> bool:
        """True if the language (or English) has this key."""
        return self._catalogue.gettext(key) != key

    def text(self, key: str, **values: object) -> str:
        """The words of `key`. Raises KeyError for a key that no catalogue knows."""
        words = self._catalogue.gettext(key)
        if words == key:
            raise KeyError(key)
        return words.format(**values)

    def first(self, *keys: str, **values: object) -> str:
        """The words of the first key that is known: from the narrow text to the general one."""
        known = next((key for key in keys if self.has(key)), keys[-1])
        return self.text(known, **values)

    def fault(self, code: FaultCode, *, danger: bool, phone: str, bay: str) -> tuple[str, str, str]:
        """The three parts that a driver needs: what happened, what to do, whom to call."""
        call = "fault.call.danger" if danger else "fault.call"
        return (self.text(f"fault.{code.value}"), self.text(f"fault.{code.value}.do"),
                self.text(call, phone=phone, code=code.value, bay=bay))

    def service(self, code: FaultCode) -> tuple[str, str, str]:
        """The three parts for a technician: likely cause, what to measure with which result, remedy."""
        key = f"fault.{code.value}"
        return self.text(f"{key}.cause"), self.text(f"{key}.measure"), self.text(f"{key}.remedy")
