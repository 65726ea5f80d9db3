"""Tables read off the results."""

from __future__ import annotations

from typing import Any

import pytest

from geomerge.results import LEDGER, REVIEW, Results, counts, described, fates, ledger, review
from geomerge.run import run


@pytest.fixture
def results(small_job: Any) -> Results:
    small_job.plan["events"].append(
        {
            "split": "0103",
            "into": [
                {"code": "0113", "name": "E", "line": "line.gpkg", "side": "left"},
                {"code": "0123", "name": "F", "remainder": True},
            ],
        }
    )
    small_job.parcels.loc[3, "code"] = "0199"
    small_job.write()
    import geopandas as gpd
    import shapely

    line = shapely.LineString([(2500, -100), (2500, 1100)])
    gpd.GeoDataFrame(geometry=[line], crs="EPSG:25833").to_file(small_job.folder / "line.gpkg")
    return run(small_job.path, dry_run=True).results


def test_fates_of_the_old_units(results: Results) -> None:
    table = fates(results, "code", "name")
    assert table[["code", "change", "successors"]].values.tolist() == [
        ["0101", "merged", "0110"],
        ["0102", "merged", "0110"],
        ["0103", "split", "0113 0123"],
        ["0104", "unchanged", "0104"],
    ]


def test_the_new_units(results: Results) -> None:
    table = described(results, "code", "name").set_index("code")
    assert table["change"].to_dict() == {
        "0110": "merged",
        "0113": "split",
        "0123": "split",
        "0104": "unchanged",
    }
    assert table["predecessors"].to_dict() == {
        "0110": "0101 0102",
        "0113": "0103",
        "0123": "0103",
        "0104": "0104",
    }
    assert table["valid_from"].to_dict() == {
        "0110": "2020-01-01",
        "0113": "2020-01-01",
        "0123": "2020-01-01",
        "0104": "",
    }
    assert table["area_m2"].to_dict() == {"0110": 2e6, "0113": 5e5, "0123": 5e5, "0104": 1e6}


def test_ledger_and_review_hold_each_row_once(results: Results) -> None:
    moved = ledger(results.moved["parcels"], "parcels", "code", "id")
    open_rows = review(results.moved["parcels"], "parcels", "code", "id")
    assert list(moved.columns) == list(LEDGER)
    assert list(open_rows.columns.drop("geometry")) == list(REVIEW)
    assert moved[["id", "old_code", "new_code", "method"]].values.tolist() == [
        [1, "0101", "0110", "code"],
        [2, "0102", "0110", "code"],
        [3, "0103", "0113", "contains"],
    ]
    assert open_rows[["id", "code", "reason", "new_code"]].values.tolist() == [["4", "0199", "unknown code", "0104"]]


def test_counts(results: Results) -> None:
    found = counts(results)
    assert found["changes"] == {"merged": 1, "split": 2, "unchanged": 1}
    assert found["layers"] == {"parcels": {"rows": 4, "moved": 3, "by_code": 2, "by_contains": 1, "review": 1}}
