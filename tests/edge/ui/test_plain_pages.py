from types import SimpleNamespace

import pytest
from pages_of_screens import LANGUAGES, assert_fits, said

from edge.ui.plain_pages import crash_page, help_page, no_contact_page, starting_page, telephone_code


@pytest.mark.parametrize("language", LANGUAGES)
def test_plain_pages_fit_with_and_without_a_site(language: str, shown: SimpleNamespace) -> None:
    site = shown.snapshot().site
    for page in (starting_page(language), no_contact_page(None, language),
                 no_contact_page(site, language), crash_page(None, language),
                 help_page(site, None, language)):
        if page.touches:
            assert_fits(page)
    assert site.phone in said(crash_page(site, language))
    assert site.phone in said(no_contact_page(site, language))


@pytest.mark.parametrize(("phone", "expected"), [
    ("+46 10 000 00 00", "TEL:+46100000000"), ("", ""), ("ask the owner", ""),
])
def test_the_telephone_code(phone: str, expected: str) -> None:
    assert telephone_code(phone) == expected
