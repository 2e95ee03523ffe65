"""Pages that need no EVSE: help, no contact, and what stands there when the screen itself failed."""

from edge.controller.snapshot import EvseView, SiteView
from edge.ui.screen_model import Line, ScreenModel, Style, Tone, Touch
from edge.ui.texts import FALLBACK, Texts, languages, own_name
from edge.ui.wording import SEPARATOR, wrapped

HELP_COLUMNS = 20  # the QR code of version 1 takes 29 of the 50 columns
_BLANK = (Line(text=""),)


def offered(site: SiteView | None) -> tuple[str, ...]:
    """The languages of the site that have a catalogue, in its order; never empty."""
    known = tuple(tag for tag in (site.languages if site else languages()) if tag in languages())
    return known or (FALLBACK,)


def next_language(site: SiteView | None, language: str) -> str:
    """The language that a tap on the language button gives."""
    tags = offered(site)
    return tags[(tags.index(language) + 1) % len(tags)] if language in tags else tags[0]


def language_touch(site: SiteView | None, language: str) -> Touch:
    """The first target of every page: the next language by its own name, never a flag."""
    return Touch(action="language", label=own_name(next_language(site, language)))


def call_lines(texts: Texts, site: SiteView | None) -> tuple[Line, ...]:
    """Whom to call."""
    if site is None or not site.phone:
        return wrapped(texts.text("body.call_label"), Style.PRICE)
    return wrapped(texts.text("body.call", phone=site.phone), Style.PRICE)


def no_contact_page(site: SiteView | None, language: str) -> ScreenModel:
    """The controller does not answer. `site`: as last heard of, if ever."""
    texts = Texts(language)
    return ScreenModel(
        page="no_contact", tone=Tone.ACTION, symbol="!", title=texts.text("title.no_contact"),
        sub=site.name if site else "", touches=(language_touch(site, texts.language),),
        lines=(*_BLANK, *wrapped(texts.text("body.no_contact"), Style.STRONG), *_BLANK,
               *wrapped(texts.text("body.no_contact.2")), *_BLANK, *call_lines(texts, site)))


def starting_page(language: str) -> ScreenModel:
    """Before the first contact."""
    texts = Texts(language)
    return ScreenModel(
        page="starting", tone=Tone.BUSY, symbol="…", title=texts.text("title.starting"),
        lines=(*_BLANK, *wrapped(texts.text("body.starting"), Style.STRONG)),
        touches=(language_touch(None, texts.language),))


def crash_page(site: SiteView | None, language: str) -> ScreenModel:
    """What people see while a failed screen starts again: never a traceback."""
    texts = Texts(language)
    return ScreenModel(
        page="crash", tone=Tone.TROUBLE, symbol="!", title=texts.text("title.crash"),
        lines=(*_BLANK, *wrapped(texts.text("body.crash"), Style.STRONG), *_BLANK,
               *wrapped(texts.text("body.crash.2")), *_BLANK, *call_lines(texts, site)))


def telephone_code(phone: str) -> str:
    """A telephone link as text for a QR code, in its alphanumeric set; "" without a number.

    Up to 25 upper-case characters make the smallest code (version 1), which is as high as the
    design grid. RFC 3966 schemes are case-insensitive, and calling needs no network of ours.
    """
    digits = "".join(c for c in phone if c.isdigit() or c == "+")
    return f"TEL:{digits}" if digits else ""


def help_page(site: SiteView, evse: EvseView | None, language: str) -> ScreenModel:
    """Number, where you are and what to say; works without any network."""
    texts = Texts(language)
    say = [site.name, site.id, *([evse.label] if evse else [])]
    if evse and evse.faults:
        say.append(SEPARATOR.join(dict.fromkeys(f.code.value for f in evse.faults)))
    lines = [*_BLANK, *wrapped(texts.text("help.what"), columns=HELP_COLUMNS),
             *wrapped(site.phone, Style.PRICE, HELP_COLUMNS), *_BLANK,
             *wrapped(texts.text("help.say"), columns=HELP_COLUMNS)]
    for part in say:
        lines += wrapped(part, Style.STRONG, HELP_COLUMNS)
    return ScreenModel(
        page="help", tone=Tone.CALM, symbol="?", title=texts.text("title.help"), sub="",
        lines=tuple(lines[:9]), qr=telephone_code(site.phone),
        touches=(language_touch(site, texts.language),
                 Touch(action="back", label=texts.text("button.back"))))
