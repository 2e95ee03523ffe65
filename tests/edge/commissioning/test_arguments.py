import argparse

import pytest

from edge.commissioning.arguments import model, seconds, whole


def test_numbers_out_of_bounds_are_refused_and_the_bounds_told():
    assert (seconds(0.1, 60)("0.1"), whole(1, 247)("247")) == (0.1, 247)
    for parsed, wrong, told in (
            (seconds(0.1, 60), ("0", "-1", "61", "nan", "inf", "x", ""), "0.1 to 60"),
            (whole(1, 247), ("0", "248", "-1", "1.5", "x", ""), "1..247")):
        for text in wrong:
            with pytest.raises(argparse.ArgumentTypeError) as refused:
                parsed(text)
            assert repr(text) in str(refused.value) and told in str(refused.value)


def test_a_misspelt_model_is_answered_with_those_that_are_spelt_alike():
    assert model("abb-b23").slug == "abb-b23"
    for slug, near in (("sdm630", "eastron-sdm630"), ("eastron-sdm63O", "eastron-sdm630"),
                       ("Siemens-PAC", "siemens-pac2200"), ("abb-b24", "abb-b23")):
        with pytest.raises(ValueError, match=near) as refused:
            model(slug)
        assert repr(slug) in str(refused.value) and len(str(refused.value)) < 200
    for slug in ("", "xyzzy"):
        with pytest.raises(ValueError, match=r"meter models`$"):
            model(slug)
