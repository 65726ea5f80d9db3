"""What changes in the files of a job, and what stays."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pyogrio
import pytest
import shapely

from geomerge.errors import Blocked
from geomerge.run import run


def split(job: Any) -> None:
    """Let 0103 become two units along a line."""
    parts = [{"code": "0113", "name": "E", "line": "line.gpkg", "side": "left"}]
    parts += [{"code": "0123", "name": "F", "remainder": True}]
    job.plan["events"].append({"split": "0103", "into": parts})
    line = shapely.LineString([(2400, -100), (2400, 1100)])
    gpd.GeoDataFrame(geometry=[line], crs="EPSG:25833").to_file(job.folder / "line.gpkg")


def test_columns_named_like_ours_stay_the_sources_own(small_job: Any) -> None:
    small_job.units["change"] = ["a", "b", "c", "d"]
    small_job.units["valid_from"] = "1838"
    run(small_job.write())
    after = pyogrio.read_dataframe(small_job.output / "layers" / "units.gpkg").set_index("code")
    assert after["change"].to_dict() == {"0110": "a", "0103": "c", "0104": "d"}
    assert set(after["valid_from"]) == {"1838"}


def test_two_units_never_share_an_identifier(small_job: Any) -> None:
    small_job.units["objid"] = [11, 12, 13, 14]
    small_job.job["units"]["attributes"] = {"objid": {"take": "largest"}}
    split(small_job)
    done = run(small_job.write())
    after = pyogrio.read_dataframe(small_job.output / "layers" / "units.gpkg").set_index("code")
    assert after["objid"].fillna(0).to_dict() == {"0110": 11, "0113": 0, "0123": 13, "0104": 14}
    assert [finding.what for finding in done.results.findings if finding.check == "identifier"] == [
        "Field objid is empty in 1 new units: it told the old units apart"
    ]


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "geojson", "fgb", "parquet"])
def test_edges_match_in_every_format(small_job: Any, suffix: str) -> None:
    split(small_job)
    small_job.write()
    table = small_job.units
    path = small_job.folder / f"units.{suffix}"
    if suffix == "parquet":
        table.to_parquet(path)
    elif suffix != "gpkg":
        table.to_crs("EPSG:4326" if suffix == "geojson" else table.crs).to_file(path)
    text = small_job.path.read_text().replace("units.gpkg", path.name)
    small_job.path.write_text(f"crs: EPSG:25833\n{text}")
    run(small_job.path)
    written = small_job.output / "layers" / path.name
    after = gpd.read_parquet(written) if suffix == "parquet" else gpd.read_file(written)
    assert sorted(after["code"]) == ["0104", "0110", "0113", "0123"]
    assert dict(zip(after["code"], after["name"], strict=True))["0113"] == "E"
    assert shapely.coverage_is_valid(after.geometry.to_numpy())
    assert after.to_crs("EPSG:25833").area.sum() == pytest.approx(4e6, rel=1e-6)


def test_what_a_format_cannot_hold_is_in_the_results(small_job: Any) -> None:
    small_job.parcels["a_very_long_name"] = 1
    small_job.job["layers"][0]["format"] = "shp"
    done = run(small_job.write())
    assert [finding for finding in done.results.findings if "a_very_long_name" in finding.what]


def test_a_key_in_review_is_not_taken_meanwhile(small_job: Any) -> None:
    small_job.units["code"] = ["0101", "0102", "0103", "0104"]
    small_job.plan["events"] = [{"merge": ["0101", "0102"], "into": "0101", "name": "A"}]
    small_job.plan["events"].append({"transfer": "0101", "to": "0103", "area": "half.gpkg"})
    half = gpd.GeoDataFrame(geometry=[shapely.box(-10, -10, 150, 2000)], crs="EPSG:25833")
    half.to_file(small_job.folder / "half.gpkg")
    small_job.parcels["gnr"] = [1, 1, 3, 4]
    small_job.job["layers"][0]["key"] = ["gnr"]
    with pytest.raises(Blocked, match="0101-1 for 0101-1 and 0102-1"):
        run(small_job.write())


def test_numbers_cannot_hold_a_code_with_letters(small_job: Any) -> None:
    small_job.parcels["code"] = small_job.parcels["code"].astype(int)
    small_job.job["layers"][0]["code_width"] = 4
    small_job.plan["events"] = [{"merge": ["0101", "0102"], "into": "N1", "name": "A"}]
    with pytest.raises(Exception, match="holds numbers, but the new code N1 is none"):
        run(small_job.write(), dry_run=True)
