"""What the eye needs: enough contrast in both colour schemes, and a small script."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import web

STATIC = Path(web.__file__).parent / "static"
STYLE = (STATIC / "app.css").read_text(encoding="utf-8")
DARK, LIGHT = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)


def channels(colour):
    digits = colour.lstrip("#")
    digits = "".join(each * 2 for each in digits) if len(digits) == 3 else digits
    return [int(digits[place : place + 2], 16) for place in (0, 2, 4)]


def luminance(rgb):
    linear = [v / 3294.6 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [DARK, LIGHT], ids=("dark", "light"))
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *product(["ink", "soft", "accent", "ok", "warn", "alarm", "calm"], ["ground", "surface"]),
        *product(["ok", "warn", "calm"], ["pill"]),
    ],
)
def test_words_can_be_read(ink, ground, scheme):
    """4.5 to 1 for every text colour on every ground it stands on; a pill is 16 % of its tone over the surface."""
    colour, below = channels(scheme[ink]), channels(scheme["surface" if ground == "pill" else ground])
    if ground == "pill":
        below = [0.16 * tone + 0.84 * under for tone, under in zip(colour, below, strict=True)]
    assert contrast(colour, below) >= 4.5


@pytest.mark.parametrize("scheme", [DARK, LIGHT], ids=("dark", "light"))
def test_words_on_filled_grounds_can_be_read(scheme):
    for ink, ground in (("accent-ink", "accent"), ("alarm-ink", "alarm")):
        assert contrast(channels(scheme[ink]), channels(scheme[ground])) >= 4.5


def test_the_script_stays_small():
    assert len((STATIC / "app.js").read_text(encoding="utf-8").splitlines()) <= 100


def test_nothing_is_fetched_from_elsewhere():
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\((?!#)", text), path.name
