"""What a job names is read into one CRS, with codes as text."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.inputs import read_inputs
from geomerge.job import read_job


def test_numbers_get_their_zeros_back_and_become_numbers_again(small_job: Any) -> None:
    small_job.parcels["code"] = small_job.parcels["code"].astype(int)
    small_job.job["layers"][0]["code_width"] = 4
    loaded = read_inputs(read_job(small_job.write())).layers["parcels"]
    assert loaded.table["code"].tolist() == ["0101", "0102", "0103", "0104"]
    assert loaded.in_source_type(pd.Series(["0110", None])).tolist() == [110, None]


def test_every_layer_comes_into_the_crs_of_the_job(small_job: Any) -> None:
    small_job.parcels = small_job.parcels.to_crs("EPSG:4258")
    inputs = read_inputs(read_job(small_job.write()))
    assert inputs.layers["parcels"].table.crs == "EPSG:25833"
    assert inputs.layers["parcels"].original.crs == "EPSG:4258"


def test_a_crs_can_be_stated(small_job: Any) -> None:
    small_job.parcels = small_job.parcels.set_crs(None, allow_override=True)
    small_job.job["layers"][0]["crs"] = "EPSG:25833"
    assert read_inputs(read_job(small_job.write())).layers["parcels"].table.crs == "EPSG:25833"


def test_a_stated_crs_must_not_contradict_the_file(small_job: Any) -> None:
    small_job.job["layers"][0]["crs"] = "EPSG:25832"
    with pytest.raises(InputError, match="declares EPSG:25833, but the job says EPSG:25832"):
        read_inputs(read_job(small_job.write()))


def test_only_the_columns_needed_are_read(small_job: Any) -> None:
    small_job.parcels["share"] = 0.5
    assert "share" not in read_inputs(read_job(small_job.write())).layers["parcels"].table


def test_files_are_named_from_the_folder_of_the_job(small_job: Any) -> None:
    inputs = read_inputs(read_job(small_job.write()))
    assert {name: path.name for name, path in inputs.files.items()} == {
        name: name for name in ("job.yaml", "parcels.gpkg", "plan.yaml", "units.gpkg")
    }


def test_a_shapefile_is_named_with_what_belongs_to_it(small_job: Any) -> None:
    small_job.job["layers"][0]["path"] = "parcels.shp"
    small_job.write()
    small_job.parcels.to_file(small_job.folder / "parcels.shp")
    files = read_inputs(read_job(small_job.path)).files
    assert {"parcels.shp", "parcels.dbf", "parcels.shx", "parcels.prj"} <= set(files)


def test_layers_that_would_overwrite_each_other_are_refused(small_job: Any) -> None:
    (small_job.folder / "other").mkdir()
    small_job.write()
    (small_job.folder / "parcels.gpkg").rename(small_job.folder / "other" / "units.gpkg")
    text = small_job.path.read_text().replace("parcels.gpkg", "other/units.gpkg")
    small_job.path.write_text(text)
    with pytest.raises(InputError, match=r"would both be written to layers/units\.gpkg"):
        read_inputs(read_job(small_job.path))
    small_job.path.write_text(text.replace("id: id", "id: id\n  format: fgb"))
    assert read_inputs(read_job(small_job.path)).layers["parcels"].config.target == "parcels.fgb"


def test_a_layer_named_twice_is_refused(small_job: Any) -> None:
    small_job.job["layers"].append({**small_job.job["layers"][0], "name": "again"})
    with pytest.raises(InputError, match=r"parcels\.gpkg parcels stands twice in the job"):
        read_inputs(read_job(small_job.write()))


def test_a_sound_layer_is_read_when_its_rows_are_asked_for(small_job: Any) -> None:
    inputs = read_inputs(read_job(small_job.write()), sound=["parcels"])
    parcels = inputs.layers["parcels"]
    assert parcels.config.target == "parcels.gpkg"
    assert parcels.info.layer == "parcels"
    assert "rows" not in vars(parcels)
    assert parcels.codes.tolist() == ["0101", "0102", "0103", "0104"]
    assert parcels.spatial
    with pytest.raises(AttributeError):
        _ = parcels.nonsense  # type: ignore[attr-defined]


def test_sound_layers_take_part_in_collisions(small_job: Any) -> None:
    small_job.job["layers"].append({**small_job.job["layers"][0], "name": "again"})
    with pytest.raises(InputError, match="stands twice in the job"):
        read_inputs(read_job(small_job.write()), sound=["parcels"])
