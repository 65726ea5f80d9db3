"""Colours are told apart by every eye, and text on them can be read."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from geomerge.palette import CHANGES, INK, LINES, SEVERITIES, STRONG

# How people without one kind of cones see linear red, green and blue (Machado, Oliveira and Fernandes 2009).
EYES = {
    "all cones": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}

COLORS = {
    "changes": [one.color for one in CHANGES.values()],
    "lines": [one.color for one in LINES.values()],
    "severities": [one.color for one in SEVERITIES.values()],
    "reasons": list(STRONG),
}


def linear(color: str) -> Any:
    """Return a colour as amounts of light."""
    channels = np.frombuffer(bytes.fromhex(color[1:]), np.uint8) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(color: str, eye: Any) -> Any:
    """Return a colour as an eye sees it, in CIE L*a*b*, where distances are differences people see."""
    seen = np.clip(np.asarray(eye) @ linear(color), 0, 1)
    xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ seen
    f = np.cbrt(np.maximum(xyz / [0.9505, 1.0, 1.089], 1e-6))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def brightness(color: str) -> float:
    """Return the relative luminance of WCAG."""
    return float(linear(color) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("colors", COLORS)
def test_colors_are_told_apart_by_all_eyes(colors: str, eye: str) -> None:
    seen = [lab(color, EYES[eye]) for color in COLORS[colors]]
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)) > 10


@pytest.mark.parametrize("name", CHANGES)
def test_text_on_a_fill_can_be_read(name: str) -> None:
    assert (brightness(CHANGES[name].color) + 0.05) / (brightness(INK) + 0.05) > 4.5


@pytest.mark.parametrize("table", [CHANGES, LINES, SEVERITIES], ids=["changes", "lines", "severities"])
def test_every_entry_stands_under_its_name_and_says_something_of_its_own(table: Any) -> None:
    assert [one.name for one in table.values()] == list(table)
    assert len({one.text for one in table.values()}) == len(table)
