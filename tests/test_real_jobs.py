"""Whole jobs on real files: Norway 2017, 2020 and 2024, France, Denmark, and a messy edition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
import yaml

from geomerge.errors import Blocked, InputError
from geomerge.histories.changes import plan_from_changes
from geomerge.results import counts
from geomerge.run import Run, run


def write(folder: Path, job: dict[str, Any], plan: dict[str, Any]) -> Path:
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan, allow_unicode=True), encoding="utf-8")
    (folder / "job.yaml").write_text(yaml.safe_dump({"plan": "plan.yaml", **job}, allow_unicode=True), encoding="utf-8")
    return folder / "job.yaml"


def changes(shared: Path, date: str) -> pd.DataFrame:
    rows = json.loads((shared / "norway/klass_131_changes.json").read_text(encoding="utf-8"))["codeChanges"]
    names = {"oldCode": "old_code", "newCode": "new_code", "newName": "new_name", "changeOccurred": "date"}
    table = pd.DataFrame(rows).rename(columns=names)
    return table[table["date"] == date]


def plan_of(shared: Path, year: int, **options: Any) -> dict[str, Any]:
    edition = shared / f"norway/kommune_{year}.geojson"
    after = gpd.read_file(edition)
    plan = plan_from_changes(
        changes(shared, f"{year}-01-01"), title=f"Norway {year}", edition=str(edition), redraw=True, **options
    )
    content = plan.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    pairs = sorted(set(zip(after["fylke_no"], after["fylke_name"], strict=True)))
    return content | {"parents": [{"code": code, "name": name} for code, name in pairs]}


def norway(shared: Path, folder: Path, before: int, after: int, **more: Any) -> Run:
    units = gpd.read_file(shared / f"norway/kommune_{after}.geojson")
    plan = plan_of(shared, after, parents=dict(zip(units["kommune_no"], units["fylke_no"], strict=True)))
    job = {
        "crs": "EPSG:3035",
        "units": {
            "path": str(shared / f"norway/kommune_{before}.geojson"),
            "code": "kommune_no",
            "name": "kommune_name",
            "levels": [{"name": "county", "code": "fylke_no", "label": "fylke_name"}, {"name": "nation"}],
            "attributes": {
                "population": "sum",
                "economic_region_no": {"take": "largest"},
                "economic_region_name": {"take": "largest"},
            },
        },
        **more,
    }
    return run(write(folder, job, plan))


def test_norway_2020(shared: Path, tmp_path: Path) -> None:
    districts = {
        "name": "districts",
        "path": str(shared / "norway/delomraade_2019.geojson"),
        "code": "kommune_no",
        "min_share": 0.6,
    }
    done = norway(shared, tmp_path, 2019, 2020, layers=[districts])
    found = counts(done.results)
    assert (found["units_before"], found["units_after"]) == (422, 356)
    changed: Any = found["changes"]
    assert changed["renumbered"] == 202
    assert changed["merged"] + changed["adjusted"] == 43
    assert abs(done.results.balance["relative"].iat[0]) < 1e-12
    after = gpd.read_file(shared / "norway/kommune_2020.geojson").set_index("kommune_no")
    units = gpd.read_file(tmp_path / "out/layers/kommune_2019.geojson").set_index("kommune_no")
    assert set(units.index) == set(after.index)
    assert (units["fylke_no"] == after["fylke_no"].loc[units.index]).all()
    assert (units["fylke_name"] == after["fylke_name"].loc[units.index]).all()
    before = gpd.read_file(shared / "norway/kommune_2019.geojson")
    assert abs(int(units["population"].sum()) - int(before["population"].sum())) <= 10  # parts drawn into the sea
    assert units.drop(columns="geometry").reset_index().columns.tolist() == before.columns.drop("geometry").tolist()
    # renumbered units keep every corner as it was in the file, through the working CRS and back
    renumbered = {event.to: event.renumber for event in done.results.plan.events if event.kind == "renumber"}  # type: ignore[attr-defined]
    old = before.set_index("kommune_no").geometry
    new_units = done.results.new_units
    alone = new_units.loc[new_units["change"] == "renumbered", "kommune_no"]
    assert len(alone) == 202
    assert all(units.geometry[new].wkb == old[renumbered[new]].wkb for new in alone)
    assert counts(done.results)["layers"]["districts"]["rows"] == 1591  # type: ignore[index]


@pytest.mark.parametrize(("before", "after", "units"), [(2016, 2017, 426), (2023, 2024, 357)])
def test_norway_2017_and_2024(shared: Path, tmp_path: Path, before: int, after: int, units: int) -> None:
    done = norway(shared, tmp_path, before, after)
    assert counts(done.results)["units_after"] == units
    assert not [finding for finding in done.results.findings if finding.blocks]


def test_france(shared: Path, tmp_path: Path) -> None:
    communes = gpd.read_file(shared / "france/communes_91.geojson").to_crs(2154).set_index("code").geometry
    west, south, east, north = communes["91216"].bounds
    middle = (west + east) / 2
    line = shapely.LineString([(middle, south - 1000), (middle, north + 1000)])
    gpd.GeoDataFrame(geometry=[line], crs=2154).to_file(tmp_path / "line.gpkg")
    job = {
        "crs": "EPSG:2154",
        "units": {"path": str(shared / "france/communes_91.geojson"), "code": "code", "name": "nom"},
        "layers": [
            {
                "name": "parcels",
                "path": str(shared / "france/parcels_91216.geojson"),
                "code": "commune",
                "id": "id",
            }
        ],
    }
    transfer = {"transfer": "91216", "to": "91345", "line": "line.gpkg", "side": "left"}
    done = run(write(tmp_path, job, {"date": "2024-01-01", "events": [transfer]}))
    moved = done.results.moved["parcels"].assignment
    assert len(moved.updated) + len(moved.review) == 4241
    before = json.loads((shared / "france/parcels_91216.geojson").read_text(encoding="utf-8"))["features"]
    after = json.loads((tmp_path / "out/layers/parcels_91216.geojson").read_text(encoding="utf-8"))["features"]
    gone = set(moved.updated.loc[moved.updated["new_code"] == "91345", "id"])
    assert 1000 < len(gone) < 3000
    for old, new in zip(before, after, strict=True):
        commune = "91345" if old["properties"]["id"] in gone else "91216"
        assert new["properties"] == old["properties"] | {"commune": commune}
        assert new["geometry"] == old["geometry"]


def test_denmark(shared: Path, tmp_path: Path) -> None:
    gml = f"zip://{shared}/denmark/cadastre_60851_gml.zip!60851_GML_UTM32-EUREF89/MINIMAKS/60851.gml"
    parcels = pyogrio.read_dataframe(gml, layer="Jordstykke")
    west, south, east, north = parcels.total_bounds
    squares = [
        shapely.box(west - 100, south - 100, east + 100, north + 100),
        shapely.box(east + 100, south - 100, east + 900, north + 100),
    ]
    units = gpd.GeoDataFrame({"code": ["0350", "0360"], "name": ["Lejre", "Lolland"]}, geometry=squares, crs=25832)
    units.to_file(tmp_path / "units.gpkg")
    middle = (west + east) / 2
    half = gpd.GeoDataFrame(geometry=[shapely.box(middle, south - 1000, east + 1000, north + 1000)], crs=25832)
    half.to_file(tmp_path / "half.gpkg")
    layer = {"name": "parcels", "path": gml, "layer": "Jordstykke", "code": "kommunekode", "id": "featureID"}
    job = {"units": {"path": "units.gpkg", "code": "code", "name": "name"}, "layers": [layer]}
    plan = {"date": "2016-01-01", "events": [{"transfer": "0350", "to": "0360", "area": "half.gpkg"}]}
    done = run(write(tmp_path, job, plan))
    moved = done.results.moved["parcels"].assignment
    assert len(moved.updated) + len(moved.review) == 47
    assert set(moved.updated["new_code"]) == {"0350", "0360"}
    after = pyogrio.read_dataframe(tmp_path / "out/layers/60851.gml", layer="Jordstykke")
    gone = set(moved.updated.loc[moved.updated["new_code"] == "0360", "featureID"])
    assert (after["kommunekode"] == [("0360" if i in gone else "0350") for i in after["featureID"]]).all()
    same = [column for column in parcels.columns if column not in ("kommunekode", "geometry", "gml_id")]
    pd.testing.assert_frame_equal(pd.DataFrame(after[same]), pd.DataFrame(parcels[same]), check_dtype=False)
    assert after.geometry.geom_equals_exact(parcels.geometry, 0).all()
    assert [name for name, _ in pyogrio.list_layers(tmp_path / "out/layers/60851.gml")][1:3] == [
        "Centroide",
        "MatrikelSkel",
    ]


def test_messy_editions_give_findings(shared: Path, tmp_path: Path) -> None:
    path = str(shared / "norway/readymaps_kommuner_2019.geojson")
    units = {"path": path, "code": "kommunenummer", "name": "kommunenavn"}
    plan = plan_of(shared, 2020)
    with pytest.raises(InputError, match=r"holds numbers \(101 to 5061\).*code_width: 4"):
        run(write(tmp_path, {"units": units}, plan))
    with pytest.raises(InputError, match="has no column navn"):
        run(write(tmp_path, {"units": {**units, "code_width": 4, "name": "navn"}}, plan))
    done = run(write(tmp_path, {"units": {**units, "code_width": 4}}, plan))
    invalid = [finding.what for finding in done.results.findings if finding.check == "invalid polygon"]
    assert len([what for what in invalid if what[:4] in ("0904", "1129", "1246")]) == 3
    assert [finding for finding in done.results.findings if finding.check == "unmatched edge"]
    new = done.results.new_units
    assert set(new.loc[~new.geometry.is_valid, "change"]) <= {"renumbered", "unchanged"}
    after = pyogrio.read_dataframe(tmp_path / "out/layers/readymaps_kommuner_2019.geojson")
    assert after["kommunenummer"].dtype == "int32"
    assert set(after.geom_type) == {"MultiPolygon"}


def test_a_wrong_plan_blocks(shared: Path, tmp_path: Path) -> None:
    units = {
        "path": str(shared / "norway/kommune_2019.geojson"),
        "code": "kommune_no",
        "name": "kommune_name",
    }
    plan = {"date": "2020-01-01", "events": [{"merge": ["0101", "0710"], "into": "3001", "name": "Halden"}]}
    plan["events"] += [{"renumber": "0104", "to": "0105"}, {"merge": ["0706", "0719"], "into": "0199"}]
    with pytest.raises(Blocked) as caught:
        run(write(tmp_path, {"crs": "EPSG:25833", "units": units}, plan))
    text = str(caught.value)
    assert "No unit has the code 0706" in text
    assert "No unit has the code 0719" in text
    assert "0105 is the code of another unit that lives on" in text
    assert "The new unit 0199 has no name" in text
