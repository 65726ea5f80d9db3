"""Real tables: the columns that hold codes are found, and no other column is taken for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from geomerge import History, inventory, read_changes, read_history, read_layer

OURS = frozenset(["unit", "parent", "district", "key", "key number", "composite", "name", "parent name"])

UNIT_OF_EDITION = {
    "kommune_no": "unit", "kommune_name": "name", "fylke_no": "parent", "fylke_name": "parent name",
}  # fmt: skip
AREA = {
    **UNIT_OF_EDITION, "delomraade_no": "district", "kommune_bydel_no": "unit", "kommune_bydel_name": "name",
    "bydel_no": "district",
}  # fmt: skip
PAIR = {"old_code": "unit", "old_name": "name", "new_code": "unit", "new_name": "name"}
NUMBERS = dict.fromkeys(["gardsnummer", "bruksnummer", "festenummer", "seksjonsnummer"], "key number")

# By file (and layer): all columns that are about units; any other must not be said to be, but as unclear.
NORWAY: dict[str, dict[str, str]] = {
    "norway/kommune_2019.geojson": UNIT_OF_EDITION,
    "norway/kommune_2024.geojson": UNIT_OF_EDITION,
    "norway/delomraade_2016.geojson": AREA,
    "norway/readymaps_kommuner_2019.geojson": {"kommunenummer": "unit", "kommunenavn": "name"},
    "norway/readymaps_kommuner_2020.geojson": {"kommunenummer": "unit", "navn": "name"},
    "norway/klass_codes_2019.csv": {"code": "unit", "name": "name"},
    "norway/klass_web_changes_2019_2020.csv": {"kommuner_2019": "composite", "kommuner_2020": "composite"},
    "norway/klass_web_changes_2017_2018.csv": {"kommuner_2017": "composite", "kommuner_2018": "composite"},
    "norway/expected_2016_2017_overlay.csv": {"old_code": "unit", "new_code": "unit"},
    "norway/expected_2019_2020_units.csv": {
        "new_code": "unit", "name": "name", "whole_old_codes": "composite", "split_old_codes": "unit",
    },
    "norway/matrikkel_schema.csv": {},
    "facts/norway_kommune_changes.csv": PAIR,
    "facts/norway_gnr_offsets.csv": PAIR,
    "facts/norway_gnr_ranges.csv": {"new_code": "unit", "old_code": "unit", "old_name": "name"},
    "facts/norway_partial_transfers.csv": {
        "from_code": "unit", "from_name": "name", "to_code": "unit", "to_name": "name",
    },
    "facts/norway_fylke_changes.csv": {
        "old_code": "parent", "old_name": "parent name", "new_code": "parent", "new_name": "parent name",
    },
}  # fmt: skip

SAMPLE = {
    ("addresses_2016.gpkg", "adresse"): {
        "kommunenummer": "unit", **dict.fromkeys(list(NUMBERS)[:3], "key number"),
    },
    ("buildings_2016.shp", None): {"KOMMNR": "unit"},
    ("cadastre_2016.gpkg", "teig"): {"kommunenummer": "unit", "matrikkelnummertekst": "key", **NUMBERS},
    ("cadastre_2016.gpkg", "matrikkelenhet"): {"kommunenummer": "unit", **NUMBERS},
    ("districts_2016.geojson", None): {"grunnkretsnummer": "district", "kommunenummer": "unit"},
    ("units_2016.gpkg", "kommuner"): {
        "kommunenummer": "unit", "kommunenavn": "name", "fylkesnummer": "parent", "fylkesnavn": "parent name",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def norway() -> History:
    return read_history("NO")


def about_units(columns: pd.DataFrame) -> dict[str, str]:
    """Return what columns hold of units, without what is unclear."""
    surely = columns[columns["holds"].isin(OURS) & (columns["certainty"] != "unclear")]
    return dict(zip(surely["column"], surely["holds"], strict=True))


@pytest.mark.parametrize("name", list(NORWAY))
def test_norwegian_tables(shared: Path, norway: History, name: str) -> None:
    path = (shared.parent if name.startswith("facts/") else shared) / name
    if not path.exists():
        pytest.skip(f"{path} is missing")
    found = inventory(path, history=norway)
    assert found.problems.empty
    assert about_units(found.columns) == NORWAY[name]


def test_the_sample(norway: History, sample: Path) -> None:
    found = inventory(sample, history=norway).columns
    tables = {
        (Path(source).name, table if isinstance(table, str) else None): about_units(rows)
        for (source, table), rows in found.groupby(["source", "table"], dropna=False)
    }
    assert {key: tables[key] for key in SAMPLE} == SAMPLE
    looks = found.set_index("column")["holds"]
    assert (looks["postnummer"], looks["poststed"], looks["oppdateringsdato"]) == ("postcode", "post place", "date")


def test_lost_zeros_unknown_codes_and_vintage_of_real_tables(shared: Path, norway: History) -> None:
    names = ("readymaps_kommuner_2019.geojson", "klass_codes_2019.csv", "kommune_2016.geojson")
    found = inventory([shared / "norway" / name for name in names], history=norway)
    units = found.columns[found.columns["holds"] == "unit"].reset_index(drop=True)
    assert units["zeros_lost"].tolist() == [152, 0, 0]
    assert units["type"].tolist() == ["integer", "text", "text"]
    assert units["unknown_codes"].tolist()[1] == "9999 (1 row)"
    assert units["vintage"].tolist()[0].startswith("from 2019-01-01 to 2019-12-31: all codes are valid")
    assert units["vintage"].tolist()[2].startswith("from 2013-01-01 to 2016-12-31: all codes are valid")
    encodings = found.tables["encoding"].tolist()
    assert encodings[1] == "ISO-8859-1"


def test_a_large_packed_table_is_sampled(shared: Path, norway: History) -> None:
    found = inventory(shared / "norway/classifications.csv.gz", history=norway, sample=2000)
    assert found.tables["rows"].tolist() == [339_000]
    assert 1000 <= found.tables["read"].tolist()[0] <= 2000
    assert about_units(found.columns) == {**AREA, "grunnkrets_no": "district"}
    days = found.columns.set_index("column").loc["version_date"]
    assert (days["holds"], days["distinct"]) == ("date", 24)  # from the first to the last year: not only the head


def swiss(shared: Path) -> pd.DataFrame:
    return read_layer(shared / "switzerland/municipalities_2010.shp").astype({"id": str, "KTNR": str})


def test_swiss_tables_by_a_list_of_units(shared: Path) -> None:
    folder = shared / "switzerland"
    known: dict[str, Any] = {"units": swiss(shared), "code": "id", "name": "name", "parent": "KTNR"}
    for year, unknown in ((2010, 0), (2011, 7), (2012, 16)):
        found = inventory(folder / f"municipalities_{year}.shp", **known).columns
        assert about_units(found) == {"id": "unit", "name": "name", "KTNR": "parent"}
        assert found["unknown"].tolist()[0] == unknown
    overlay = inventory(folder / "expected_2010_2011_overlay.csv", **known).columns
    assert about_units(overlay) == {"old_code": "unit", "new_code": "unit"}


def test_swiss_tables_by_the_list_of_mutations(shared: Path) -> None:
    folder = shared / "switzerland"
    mutations = folder / "bfs_mutations_1850_2021-04.xlsx"
    history = History.of(read_changes(mutations, since="1999-12-31", findings=[]))
    found = inventory([folder / "municipalities_2010.dbf", mutations], history=history)
    columns = found.columns.set_index("column")
    assert columns.loc["id", "holds"] == "unit"
    assert pd.isna(columns.loc["id", "unknown"])  # the list names only units that change
    assert columns.loc[["BFS Gde-nummer", "BFS Gde-nummer.1"], "holds"].tolist() == ["unit", "unit"]
    assert found.tables["rows"].tolist()[1] == 3654


def test_french_tables(shared: Path) -> None:
    folder = shared / "france"
    units = read_layer(folder / "communes_91.geojson")
    found = inventory(
        [folder / "parcels_91216.geojson", folder / "expected_parcels_91216_overlay.csv"], units=units, name="nom"
    )
    first, second = (rows for _, rows in found.columns.groupby("source", sort=False))
    assert about_units(first) == {
        "id": "key", "commune": "unit", "prefixe": "key number", "section": "key number", "numero": "key number",
    }  # fmt: skip
    assert first.set_index("column").loc["id", ["layout", "key"]].tolist() == ["cadastre_fr", "unique"]
    assert about_units(second) == {"parcel_id": "key", "commune_code": "unit"}


def test_a_whole_folder_with_anything_in_it(shared: Path, norway: History) -> None:
    found = inventory(shared / "denmark", history=norway)
    assert found.problems.empty
    assert found.tables["rows"].sum() > 1000
    assert about_units(found.columns) == {}
