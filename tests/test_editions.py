"""Editions are checked before they are compared, and put in the order of their codes."""

from __future__ import annotations

import pandas as pd
import pytest
import shapely

from geomerge.diff.editions import read_editions
from geomerge.errors import InputError
from geomerge.findings import Notes


def read(before, after, **given):
    return read_editions(before, after, **{"code": "code", "name": None, "notes": Notes(), **given})


def test_units_come_in_the_order_of_their_codes(drawn):
    table = drawn("ABC", name=["x", None, "z"])
    edition, _ = read(table.iloc[[2, 0, 1]], table, name="name")
    assert edition.codes == ("A", "B", "C")
    assert edition.names[::2] == ("x", "z")
    assert pd.isna(edition.names[1])
    assert list(edition.table.index) == [0, 1, 2]
    assert read(table, table)[0].names == ()


def test_heights_do_not_count(drawn):
    table = drawn("AB")
    high = table.set_geometry(shapely.force_3d(table.geometry.to_numpy(), z=7.0), crs=table.crs)
    edition, _ = read(high, table)
    assert not shapely.has_z(edition.shapes).any()
    assert shapely.has_z(high.geometry.to_numpy()).all()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"code": ["A", None]}, "is empty in 1 rows"),
        ({"code": [1, 2]}, "holds numbers"),
        ({"code": ["A", "A"]}, "several rows with the code A"),
        ({"geometry": [shapely.Point(1, 1), shapely.box(0, 0, 1, 1)]}, "1 rows without a polygon"),
        ({"geometry": [shapely.Polygon(), None]}, "2 rows without a polygon"),
    ],
)
def test_faults_say_in_which_edition(drawn, change, fault):
    with pytest.raises(InputError, match=fault) as raised:
        read(drawn("AB"), drawn("AB").assign(**change))
    assert all(text.startswith("after") for text in raised.value.faults)
