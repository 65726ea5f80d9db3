"""Provenance has names of its own."""

from __future__ import annotations

from geomerge.provenance import Provenance


def test_items():
    assert Provenance("2020-01-01", "ab", "cd", "0.1").items() == {
        "GEOMERGE_DATE": "2020-01-01",
        "GEOMERGE_PLAN_SHA256": "ab",
        "GEOMERGE_RUN": "cd",
        "GEOMERGE_VERSION": "0.1",
    }
