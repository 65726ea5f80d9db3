"""Keys of parcels: single ones, with all below them, and ranges."""

from __future__ import annotations

import pytest

from geomerge.keyranges import matching, tokens

KEYS = ["9/1", "12/1", "12/1/4", "12/10", "40/1", "40/2B", "49/7", "50/1", "AB12"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("12", ["12/1", "12/1/4", "12/10"]),
        ("12/1", ["12/1", "12/1/4"]),
        ("012/01", ["12/1", "12/1/4"]),
        ("40..49", ["40/1", "40/2B", "49/7"]),
        ("12/1..40/1", ["12/1", "12/1/4", "12/10", "40/1"]),
        ("9/1..9/1", ["9/1"]),
        ("49..41", []),
        ("AB", ["AB12"]),
        ("AB12", ["AB12"]),
        ("..", []),
        ("/", []),
    ],
)
def test_keys_and_ranges(wanted, found):
    hits = matching(wanted, [tokens(key) for key in KEYS])
    assert [key for key, hit in zip(KEYS, hits, strict=True) if hit] == found


def test_no_keys():
    assert matching("12", []).tolist() == []
