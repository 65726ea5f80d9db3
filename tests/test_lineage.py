"""Lineage: sources, shares, index, change, dates."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geomerge.errors import InputError
from geomerge.lineage import changes, last_changes, lineage, new_index
from geomerge.steps import steps


def table(*rows):
    """Return pieces from (old, new, kind, width)."""
    old, new, kind, widths = zip(*rows, strict=True)
    ends = np.cumsum(widths)
    shapes = [shapely.box(end - width, 0, end, 1) for end, width in zip(ends, widths, strict=True)]
    return gpd.GeoDataFrame({"old_code": old, "new_code": new, "kind": kind}, geometry=shapes)


PIECES = table(
    ("A", "A", "part", 6),
    ("A", "B", "part", 2),
    ("A", "N", "part", 2),
    ("A", None, "correction", 5),
    ("B", "B", "whole", 3),
    ("C", "M", "whole", 1),
    ("D", "M", "whole", 4),
    ("E", None, "whole", 1),
    ("F", "F", "whole", 1),
    ("G", "H", "whole", 1),
    ("F", "H", "correction", 0.5),
    (None, "Z", "created", 1),
)
CODES = list("ABCDEFG")


def test_sources_and_shares():
    found = lineage(PIECES, CODES)
    assert found.codes == ("A", "B", "N", "M", "F", "H", "Z")
    shares = [[(source.code, round(source.share, 9)) for source in sources] for sources in found.sources]
    assert shares[:4] == [[("A", 0.6)], [("B", 1), ("A", 0.2)], [("A", 0.2)], [("D", 1), ("C", 1)]]
    assert shares[4:] == [[("F", 1)], [("G", 1)], []]
    assert found.predecessors == ["A", "A B", "A", "C D", "F", "G", ""]
    assert found.untouched == [False, False, False, False, True, True, False]
    assert [group.tolist() for group in found.groups][1] == [1, 4]


def test_families_share_old_units():
    found = lineage(PIECES, CODES)
    families = [sorted(found.codes[position] for position in family) for family in found.families]
    assert sorted(families) == [["A", "B", "N"], ["F"], ["H"], ["M"], ["Z"]]


def test_changes():
    found = lineage(PIECES, CODES)
    assert changes(found, [False] * 7) == [
        "adjusted",
        "adjusted",
        "split",
        "merged",
        "corrected",
        "renumbered",
        "created",
    ]
    plain = lineage(table(("A", "A", "whole", 1), ("B", "B", "whole", 1)), ["A", "B"])
    assert changes(plain, [True, False]) == ["renamed", "unchanged"]


def test_pieces_of_other_units():
    with pytest.raises(InputError, match="name G, which are not among the units"):
        lineage(PIECES, CODES[:-1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pd.RangeIndex(7), [0, 1, 7, 3, 5, 6, 8]),
        (pd.Index([10, 20, 30, 40, 50, 60, 70], name="fid"), [10, 20, 71, 40, 60, 70, 72]),
        (pd.Index(list("abcdefg")), ["a", "b", "N", "d", "f", "g", "Z"]),
        (pd.Index([0] * 7), [0, 0, 1, 0, 0, 0, 2]),
    ],
    ids=["range", "numbers", "text", "repeated"],
)
def test_the_index_is_that_of_the_largest_predecessor(old, new):
    index = new_index(lineage(PIECES, CODES), old)
    assert list(index) == new
    assert index.name == old.name


def test_the_unit_that_keeps_the_code_keeps_the_label():
    found = lineage(table(("A", "N", "part", 9), ("A", "A", "part", 1)), ["A"])
    assert dict(zip(found.codes, new_index(found, pd.RangeIndex(1)), strict=True)) == {"N": 1, "A": 0}


def test_dates_of_the_last_change(drawn):
    plan = drawn.plan(
        {"transfer": "A", "to": "B", "area": "s"},
        {"renumber": "C", "to": "X"},
        {"rename": "D", "name": "Dd"},
        {"correct": "E", "edition": "e"},
        {"merge": ["X", "F"], "into": "Y", "date": "2021-01-01"},
        {
            "split": "G",
            "into": [{"code": "G", "remainder": True}, {"code": "H", "area": "s"}],
            "date": "2022-01-01",
        },
    )
    before = dict.fromkeys("ABCDEFG", "") | {"D": "1964-01-01", "A": "1964-01-01"}
    assert last_changes(steps(plan, "ABCDEFG"), before) == {
        "A": "2020-01-01",
        "B": "2020-01-01",
        "D": "1964-01-01",
        "E": "",
        "Y": "2021-01-01",
        "G": "2022-01-01",
        "H": "2022-01-01",
    }
