import re
from functools import cache
from importlib.resources import files
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from looped import looped

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode, Severity, Stops, Until
from edge.controller.snapshot import Screen
from edge.ui.screen_model import TEXT_COLUMNS
from edge.ui.texts import Texts, catalogue_path, languages, own_name

_KEY_IN_CODE = re.compile(r"""(?:text|first)\(\s*(f?)["']([a-zA-Z_.{}]+)["']""")


def read(language: str) -> Catalog:
    with files("edge.ui").joinpath(catalogue_path(language)).open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


@cache
def words(language: str) -> dict[str, str]:
    return {str(m.id): str(m.string) for m in read(language) if m.id}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_swedish_and_english_are_there_by_their_own_names() -> None:
    assert {"sv", "en"} <= set(languages())
    assert (own_name("sv"), own_name("en")) == ("Svenska", "English")


def test_every_key_has_words_in_every_language_with_the_same_fields() -> None:
    english = words("en")
    for language in languages():
        other = words(language)
        assert other.keys() == english.keys()
        for key, text in other.items():
            assert text.strip(), key
            assert fields(text) == fields(english[key]), key


def test_no_key_is_translated_twice() -> None:
    for language in languages():
        source = files("edge.ui").joinpath(catalogue_path(language)).read_text("utf-8")
        keys = re.findall(r'^msgid "(.+)"$', source, re.M)
        assert len(keys) == len(set(keys))


def test_every_key_that_the_code_names_exists() -> None:
    known, found = words("en"), 0
    for module in files("edge.ui").iterdir():
        if not module.name.endswith(".py"):
            continue
        for formatted, key in _KEY_IN_CODE.findall(module.read_text("utf-8")):
            if not formatted:
                assert key in known, f"{module.name}: {key}"
                found += 1
    assert found > 40


def test_every_key_is_used_by_the_code() -> None:
    source = "".join(m.read_text("utf-8") for m in files("edge.ui").iterdir()
                     if m.name.endswith(".py"))
    prefixes = {"fault", "title", "bays", "price", "because", "paused", "notice", "body", "receipt",
                "severity", "stops", "until", "refused"}
    unused = [key for key in words("en") if key not in source and key.split(".")[0] not in prefixes]
    assert unused == []


@pytest.mark.parametrize("language", ["sv", "en"])
@looped("code", FaultCode)
def test_every_fault_says_what_happened_what_to_do_and_whom_to_call(
        code: FaultCode, language: str) -> None:
    texts = Texts(language)
    danger = CATALOGUE[code].severity is Severity.DANGER
    what, do, call = texts.fault(code, danger=danger, phone="+46 10 000 00 00", bay="Bay 1")
    assert 0 < len(what) <= TEXT_COLUMNS
    assert 0 < len(do) <= 2 * TEXT_COLUMNS
    assert "+46 10 000 00 00" in call
    assert code.value in call
    assert "Bay 1" in call


PARTS = ("", ".do", ".cause", ".measure", ".remedy")
QUANTITY = re.compile(r"\d\s?(?:(?:V|mV|ohm|kohm|Mohm|A|MB|°C)\b|%)|`[a-z]+ ?[^`]*`")


@looped("code", FaultCode)
def test_every_fault_has_words_of_its_own_for_driver_and_technician(code: FaultCode) -> None:
    for part in PARTS:  # not by way of Texts, which would fall back to English
        has_words(code, part)


def has_words(code: FaultCode, part: str) -> None:
    texts = {language: words(language).get(f"fault.{code}{part}", "") for language in ("sv", "en")}
    for language, text in texts.items():
        assert text.strip(), f"{code}{part} says nothing in {language}"
        assert text == text.strip()
        assert text[0].isupper() or text[0] in "0123456789`"
        assert text.endswith("."), f"{code}{part} in {language} is no sentence"
        assert "{" not in text
    assert texts["sv"] != texts["en"], "copied and not translated?"


@pytest.mark.parametrize("language", ["sv", "en"])
@looped("code", FaultCode)
def test_what_to_measure_names_a_result(code: FaultCode, language: str) -> None:
    cause, measure, remedy = Texts(language).service(code)
    assert QUANTITY.search(measure), measure
    assert len({cause, measure, remedy}) == 3
    assert max(map(len, (cause, measure, remedy))) <= 200, "six rows of a screen at the most"


@looped("code", FaultCode)
def test_both_languages_measure_the_same(code: FaultCode) -> None:
    figures = [re.findall(r"[+-]?\d+(?:\.\d+)?", Texts(language).service(code)[1].replace(",", "."))
               for language in ("sv", "en")]
    assert sorted(figures[0]) == sorted(figures[1])


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_severity_consequence_and_end_has_words(language: str) -> None:
    for kind in (*Severity, *Stops, *Until):
        assert f"{type(kind).__name__.lower()}.{kind}" in words(language)


@looped("screen", Screen)
def test_every_screen_has_a_title_and_a_state(screen: Screen) -> None:
    for language in languages():
        assert Texts(language).has(f"title.{screen.value}")
        assert Texts(language).has(f"bays.{screen.value}")


def test_an_unknown_language_falls_back_to_english() -> None:
    assert Texts("xx").text("button.help") == Texts("en").text("button.help")


def test_an_unknown_key_is_an_error_and_not_a_word_on_the_screen() -> None:
    with pytest.raises(KeyError):
        Texts("sv").text("no.such.key")
    assert Texts("sv").first("no.such.key", "button.help") == "? Hjälp"
