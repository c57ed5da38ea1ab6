"""Cleaning of titles, brands, categories and prices."""

import pytest

from dataset_converters.amazon.text import (
    clean_brand,
    clean_text,
    clean_title,
    leaf_category,
    price_bucket,
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Tom &amp; Jerry&#39;s", "Tom & Jerry's"),
        ("A &amp;amp; B", "A & B"),
        ("two\tlines\nhere  now", "two lines here now"),
        ("<b>Bold</b> move<br />on", "Bold move on"),
        ('<span id="productTitle">Real title</span>', "Real title"),
        ('<span class="a-size-medium a-color-secondary"', None),
        ("<script>var x = 1;</script>", None),
        ("Lamp <script>var x = 1;", "Lamp"),
        ("var aPageStart = (new Date()).getTime();", None),
        (".pa_css { color: red; margin: 0 }", None),
        ("null", "null"),
        ("5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
        ("I <3 You", "I <3 You"),
        ("naïve 日本語", "naïve 日本語"),
        ("---", None),
        ("", None),
        (None, None),
        (17, None),
    ],
)
def test_clean_text(raw: object, clean: str | None) -> None:
    assert clean_text(raw) == clean


def test_the_text_of_a_page_is_not_a_title() -> None:
    assert clean_title("word " * 50) is not None
    assert clean_title("word " * 80_000) is None


def test_brand() -> None:
    assert clean_brand("by\n    Acme") == "Acme"
    assert clean_brand("Visit Amazon's Bob Marley") == "Bob Marley"
    assert clean_brand("x" * 200) is None
    assert clean_brand("") is None


@pytest.mark.parametrize(
    ("row", "leaf"),
    [
        ({"categories": [["CDs & Vinyl", "New Age", "Celtic"], ["Pop"]]}, "Celtic"),
        ({"category": ["Gift Cards", "Gift Cards", "No expiration, no fees."]}, "Gift Cards"),
        ({"category": ["Arts &amp; Crafts", "Yarn"]}, "Yarn"),
        ({"category": [], "main_cat": "Grocery"}, "Grocery"),
        ({"categories": [], "main_category": "All Beauty"}, "All Beauty"),
        ({"categories": [[]]}, None),
        ({}, None),
    ],
)
def test_leaf_category(row: dict, leaf: str | None) -> None:
    assert leaf_category(row) == leaf


@pytest.mark.parametrize(
    ("price", "bucket"),
    [
        (9.49, "5-10"),
        (10, "10-20"),
        ("$25.00", "20-50"),
        ("$1,025.00", "200+"),
        ("$12.50 - $99.00", "10-20"),
        ("199.99", "100-200"),
        (0, None),
        ("", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (".a-box { padding: 4px }", None),
    ],
)
def test_price_bucket(price: object, bucket: str | None) -> None:
    assert price_bucket(price) == bucket
