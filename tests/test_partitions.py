"""Layers read part by part are the layers read as a whole."""

from __future__ import annotations

import itertools
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geomerge import layers
from geomerge.features import Held
from geomerge.files.revision import InParts, Revision
from geomerge.partitions import surveyed

COUNT = 23


def table() -> gpd.GeoDataFrame:
    """Return rows of which one alone lacks a whole number and a truth."""
    numbers = pd.Series(range(COUNT), dtype=object)
    numbers[17] = None
    late = pd.Series([None] * 20 + ["a", "b", None], dtype=object)
    true = pd.Series([True] * COUNT, dtype=object)
    true[18] = None
    data = {
        "code": [f"{at:04d}" for at in range(COUNT)],
        "n": numbers.astype("Int64"),
        "sure": true.astype("boolean"),
        "since": pd.Timestamp("2020-01-01"),
        "late": late,
        "none": pd.Series([None] * COUNT, dtype=object),
    }
    shapes = [shapely.box(at, 0, at + 1, 1) if at != 4 else None for at in range(COUNT)]
    return gpd.GeoDataFrame(data, geometry=shapes, crs="EPSG:25833")


@pytest.fixture(params=["gpkg", "parquet", "parquet+bbox", "one group.parquet"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"parcels.{request.param.rpartition('.')[2].partition('+')[0]}"
    if path.suffix == ".gpkg":
        pyogrio.write_dataframe(table(), path, layer="parcels")
    else:
        size = COUNT if request.param.startswith("one") else 4
        table().to_parquet(path, row_group_size=size, write_covering_bbox=request.param.endswith("bbox"))
    return path


@pytest.mark.parametrize("rows", [1, 5, COUNT, 100])
def test_parts_put_together_are_the_whole(file: Path, rows: int) -> None:
    info = layers.describe(file)
    columns = ["n", "code", "sure", "since", "none", "late"]
    parted, apart = layers.parted(info, columns), layers.read_apart(info, columns)
    assert parted is not None
    assert apart is not None
    whole, place = apart
    found = surveyed(parted, "code", None, "code")
    assert (found.count, found.row_bytes > 450) == (COUNT, True)
    assert found.empty.dtypes.to_dict() == whole.dtypes.to_dict()
    parts = list(found.read(rows))
    assert [len(part) for part, _ in parts] == [min(rows, COUNT - at) for at in range(0, COUNT, rows)]
    pd.testing.assert_frame_equal(pd.concat([part for part, _ in parts]), whole, check_index_type=False)
    boxes = np.concatenate([source.bounds() for _, source in parts])
    assert np.array_equal(boxes, place.bounds(), equal_nan=True)
    shapes = np.concatenate([source.geometry(np.arange(len(source))) for _, source in parts])
    assert shapely.to_wkb(shapes).tolist() == shapely.to_wkb(place.geometry(np.arange(COUNT))).tolist()
    every_second = [source.geometry(np.arange(0, len(source), 2)) for _, source in parts]
    wanted = np.concatenate([np.arange(at, min(at + rows, COUNT), 2) for at in range(0, COUNT, rows)])
    assert shapely.to_wkb(np.concatenate(every_second)).tolist() == shapely.to_wkb(shapes[wanted]).tolist()
    assert parted.source.kinds() == place.kinds()
    assert [kind.lower() for kind in place.kinds()] == ["polygon"]
    assert Held(layers.read(file)).bounds().shape == boxes.shape


def test_what_cannot_be_read_in_parts(tmp_path: Path) -> None:
    table().drop(columns=["since", "none"]).to_file(tmp_path / "parcels.geojson", driver="GeoJSON")
    info = layers.describe(tmp_path / "parcels.geojson")
    assert layers.parted(info, ["code"]) is None
    assert layers.size_in_memory(info) > (tmp_path / "parcels.geojson").stat().st_size


cells = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), unique=True, max_size=40)


@given(cells, st.lists(st.integers(0, 31), max_size=4), st.integers(1, 12))
def test_blocks_of_changes_do_not_depend_on_how_they_are_kept(
    found: list[tuple[str, int]], cuts: list[int], rows: int
) -> None:
    changed = {}
    for column in "ab":
        numbers = sorted(row for name, row in found if name == column)
        changed[column] = pd.Series([f"{column}{row}" for row in numbers], index=numbers, dtype=object)
    ends = sorted({0, 31, *cuts})
    parts = [
        {name: values[(values.index >= start) & (values.index < end)] for name, values in changed.items()}
        for start, end in itertools.pairwise(ends)
    ]
    whole, kept = Revision(changed), Revision(InParts("ab", lambda: iter(parts)))
    assert {name: values.to_dict() for name, values in kept.changed.items()} == {
        name: values.to_dict() for name, values in changed.items()
    }

    def plain(blocks: object) -> list[dict[str, dict[int, str]]]:
        return [{name: part.to_dict() for name, part in sorted(block.items()) if len(part)} for block in blocks]  # type: ignore[attr-defined]

    blocks = plain(kept.blocks(rows))
    assert blocks == plain(whole.blocks(rows))
    assert all(len({row for part in block.values() for row in part}) <= rows for block in blocks)
    assert sum(len(part) for block in blocks for part in block.values()) == len(found)
    groups = plain(kept.up_to([10, 20, 31]))
    assert groups == plain(whole.up_to([10, 20, 31]))
    assert [sorted({row // 10 if row < 30 else 2 for part in group.values() for row in part}) for group in groups] == [
        [at] if any(at == min(row // 10, 2) for _, row in found) else [] for at in range(3)
    ]
