"""The sample data is what its README says, and the script that made it still makes it."""

import csv
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import shapely
import yaml

SAMPLE = Path(__file__).resolve().parent.parent / "sample_data"
MADE_WITH = "3.14"  # GEOS; another one may choose other points and ring starts
FILES = [
    "addresses_2016.gpkg",
    "building_cases_2016.csv",
    *(f"buildings_2016.{part}" for part in ("cpg", "dbf", "prj", "shp", "shx")),
    "cadastre_2016.gpkg",
    "districts_2016.geojson",
    "electoral_roll_2016.sqlite",
    "health_cases_2016.csv",
    "plan.csv",
    "plan.yaml",
    "pupils_2016.xlsx",
    "streets_2017.csv",
    "units_2016.gpkg",
    "vear.geojson",
]
KEY = ["kommunenummer", "gardsnummer", "bruksnummer", "festenummer", "seksjonsnummer"]
MISPLACED = [5300001149, 5300001632, 5300002430]
UNKNOWN_CODE, NO_CODE, AT_SEA, NO_GEOMETRY = 5300022037, 5300033811, 5300039481, 5300039488
MERGING = ["0706", "0719", "0720"]


@pytest.fixture(scope="module")
def units():
    return gpd.read_file(SAMPLE / "units_2016.gpkg", layer="kommuner").set_index("kommunenummer")


@pytest.fixture(scope="module")
def districts():
    """Back on the grid of 1 cm the sample is drawn on."""
    table = gpd.read_file(SAMPLE / "districts_2016.geojson").to_crs(25832)
    return table.set_geometry(shapely.transform(table.geometry.to_numpy(), lambda xy: xy.round(2)), crs=25832)


@pytest.fixture(scope="module")
def parcels():
    return gpd.read_file(SAMPLE / "cadastre_2016.gpkg", layer="teig")


@pytest.fixture(scope="module")
def property_units():
    return gpd.read_file(SAMPLE / "cadastre_2016.gpkg", layer="matrikkelenhet")


@pytest.fixture(scope="module")
def vear():
    return gpd.read_file(SAMPLE / "vear.geojson").to_crs(25832).geometry[0]


def sound(parcels):
    faulty = [*MISPLACED, UNKNOWN_CODE, NO_CODE, AT_SEA, NO_GEOMETRY]
    return parcels[~parcels["teigid"].isin(faulty)]


def declared(path, table):
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    return {name: kind for _, name, kind, *_ in rows if name not in ("fid", "geom")}


def contents(path):
    """All that a database holds; its header also names the version of SQLite that wrote it."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        held = {
            name: connection.execute(f'SELECT * FROM "{name}"').fetchall()
            for name, sql in tables
            if sql and sql.startswith("CREATE TABLE")
        }
    return tables, held


def members(path):
    """All that a workbook holds; how well it is packed depends on the library that packed it."""
    with zipfile.ZipFile(path) as book:
        return {entry.filename: (entry.date_time, book.read(entry)) for entry in book.infolist()}


def cases():
    text = (SAMPLE / "building_cases_2016.csv").read_bytes().decode("iso-8859-1")
    return list(csv.reader(text.splitlines(), delimiter=";"))[1:]


# --- the files ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not shapely.geos_version_string.startswith(MADE_WITH), reason="made with another GEOS")
def test_the_script_makes_the_same_files_again(tmp_path):
    pytest.importorskip("fiona")
    subprocess.run([sys.executable, "-B", SAMPLE / "make_sample.py", tmp_path], check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    for name in FILES:
        if name.endswith((".gpkg", ".sqlite")):
            assert contents(tmp_path / name) == contents(SAMPLE / name), name
        elif name.endswith(".xlsx"):
            assert members(tmp_path / name) == members(SAMPLE / name)
        else:
            assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_all_files_together_stay_small():
    assert sum((SAMPLE / name).stat().st_size for name in FILES) < 5_000_000


def test_units_declare_their_widths_and_carry_a_table_and_an_index():
    path = SAMPLE / "units_2016.gpkg"
    assert list(declared(path, "kommuner").items()) == [
        ("kommunenummer", "TEXT(4)"),
        ("kommunenavn", "TEXT(60)"),
        ("fylkesnummer", "TEXT(2)"),
        ("fylkesnavn", "TEXT(60)"),
        ("innbyggere", "INTEGER"),
        ("samiskforvaltningsomrade", "BOOLEAN"),
        ("gyldigfra", "DATE"),
        ("malform", "TEXT(10)"),
    ]
    _, tables = contents(path)
    assert ("produktinfo", "attributes") in [row[:2] for row in tables["gpkg_contents"]]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA index_info(kommuner_kommunenummer)").fetchall()


def test_buildings_are_latin_1_with_widths():
    fiona = pytest.importorskip("fiona")
    with fiona.open(SAMPLE / "buildings_2016.shp") as layer:
        kinds = {record["properties"]["BYGGTYPE"] for record in layer}
        assert list(layer.schema["properties"].values()) == ["int32:9", "str:4", "str:30", "float:12.2"]
    assert {"Fjøs", "Låve", "Våningshus"} <= kinds
    assert "Fjøs".encode("latin-1") in (SAMPLE / "buildings_2016.dbf").read_bytes()


def test_both_plans_say_the_same():
    plan = yaml.safe_load((SAMPLE / "plan.yaml").read_text(encoding="utf-8"))
    with (SAMPLE / "plan.csv").open(encoding="utf-8", newline="") as file:
        merge, transfer = csv.DictReader(file)
    first, second = plan["events"]
    assert merge["date"] == transfer["date"] == str(plan["date"])
    assert (merge["event"], merge["unit"].split()) == ("merge", first["merge"])
    assert (merge["to"], merge["name"], merge["parent"]) == (first["into"], first["name"], first["parent"])
    assert (transfer["event"], transfer["unit"]) == ("transfer", second["transfer"])
    assert (transfer["to"], transfer["area"]) == (second["to"], second["area"])


# --- the geometry ------------------------------------------------------------------------------------------


def test_every_layer_is_a_valid_coverage(units, districts, parcels):
    for layer in (units, districts, parcels[parcels.geometry.notna()]):
        assert layer.geometry.is_valid.all()
        assert shapely.coverage_is_valid(layer.geometry.to_numpy())


def test_districts_join_to_the_municipalities_vertex_by_vertex(units, districts):
    for code, own in districts.groupby("kommunenummer"):
        joined = shapely.normalize(shapely.coverage_union_all(own.geometry.to_numpy()))
        whole = shapely.normalize(units.geometry[code])
        assert shapely.get_parts(joined).tolist() == shapely.get_parts(whole).tolist()
        assert own["innbyggere"].sum() == units["innbyggere"][code]
        assert own["grunnkretsnummer"].str.fullmatch(code + r"\d{4}").all()


def test_parcels_tile_districts_vertex_by_vertex(districts, parcels):
    placed = parcels[parcels.geometry.notna() & (parcels["teigid"] != AT_SEA)]
    inner = shapely.point_on_surface(placed.geometry.to_numpy())
    parcel, district = shapely.STRtree(districts.geometry.to_numpy()).query(inner, predicate="within")
    assert np.array_equal(np.sort(parcel), np.arange(len(placed)))
    tiled = districts.iloc[np.unique(district)]
    assert set(tiled["kommunenummer"]) == {"0704", *MERGING}
    for number in np.unique(district):
        joined = shapely.coverage_union_all(placed.geometry.to_numpy()[parcel[district == number]])
        whole = districts.geometry.iloc[number]
        assert shapely.get_parts(shapely.normalize(joined)).tolist() == (
            shapely.get_parts(shapely.normalize(whole)).tolist()
        )
    for code in MERGING:
        assert tiled["kommunenummer"].eq(code).sum() == districts["kommunenummer"].eq(code).sum()


def test_there_is_an_exclave_a_lake_and_islands(units):
    holes = [shapely.Polygon(ring) for ring in units.geometry["0719"].geoms[0].interiors]
    exclave = min(units.geometry["0716"].geoms, key=shapely.area)
    assert [hole.equals(exclave) for hole in holes].count(True) == 1
    assert any(not units.intersects(hole.buffer(-1)).any() for hole in holes)
    assert (units.geometry.map(lambda shape: len(shape.geoms)) > 1).sum() == 6
    assert (units.geom_type == "MultiPolygon").all()


def test_vear_cuts_a_corner_off_stokke_and_touches_no_third_municipality(units, vear):
    stokke = units.geometry["0720"]
    assert set(units.index[units.intersects(vear)]) == {"0704", "0720"}
    assert len(vear.boundary.intersection(stokke.boundary).geoms) == 2
    part = vear.intersection(stokke)
    assert part.geom_type == "Polygon"
    assert 2.5e6 < part.area < 4e6


def test_parcels_lie_across_the_new_border_by_all_kinds_of_shares(parcels, vear):
    stokke = sound(parcels)[sound(parcels)["kommunenummer"] == "0720"]
    shares = shapely.area(shapely.intersection(stokke.geometry.to_numpy(), vear)) / stokke.area
    across = shares[(shares > 1e-9) & (shares < 1 - 1e-9)]
    assert len(across) == 31
    assert across.between(0.01, 0.03).sum() == 3
    assert across.between(0.4, 0.6).sum() == 6


# --- the registers -----------------------------------------------------------------------------------------


def test_only_the_listed_parcels_are_at_fault(units, parcels):
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for teigid in [*MISPLACED, UNKNOWN_CODE, NO_CODE, AT_SEA, NO_GEOMETRY]:
        assert str(teigid) in readme
    rows = parcels.set_index("teigid")
    assert rows.index.is_unique
    inner = rows[rows.geometry.notna()].representative_point()
    point, unit = shapely.STRtree(units.geometry.to_numpy()).query(inner.to_numpy(), predicate="within")
    lies_in = dict(zip(inner.index[point], units.index[unit], strict=True))
    wrong = {teigid for teigid, code in rows["kommunenummer"].items() if lies_in.get(teigid) != code}
    assert wrong == {*MISPLACED, UNKNOWN_CODE, NO_CODE, AT_SEA, NO_GEOMETRY}
    assert [(rows["kommunenummer"][t], lies_in[t]) for t in MISPLACED] == [("0706", "0704")] * 3
    assert rows["kommunenummer"][UNKNOWN_CODE] == "0799"
    assert rows.index[rows["kommunenummer"].isna()].tolist() == [NO_CODE]
    assert rows.index[rows.geometry.isna()].tolist() == [NO_GEOMETRY]
    assert rows["kommunenummer"][AT_SEA] == "0720"
    assert units.distance(rows.geometry[AT_SEA]).min() > 100


def test_keys_overlap_between_municipalities(parcels):
    farms = sound(parcels).groupby("kommunenummer")["gardsnummer"].agg(["min", "max"])
    assert farms.loc[MERGING].to_numpy().tolist() == [[1, 161], [2, 128], [7, 158]]
    text = parcels["matrikkelnummertekst"]
    assert text.str.fullmatch(r"\d+/\d+(/[1-9]\d*)?").all()
    assert parcels["teigid"].min() > 2**32


def test_a_key_is_one_property_unit_of_one_or_two_parcels(parcels, property_units, vear):
    assert set(property_units["teigid"]) == set(parcels["teigid"])
    by_key = property_units.groupby(KEY, dropna=False)["matrikkelenhetid"].nunique()
    assert by_key.eq(1).all()
    assert by_key.size == property_units["matrikkelenhetid"].nunique()
    held = property_units.groupby("matrikkelenhetid")["teigid"].nunique()
    assert held.max() == 2
    assert 0.02 < held.eq(2).mean() < 0.04
    sections = property_units[property_units["seksjonsnummer"] > 0]
    ground = property_units[property_units["seksjonsnummer"] == 0]
    assert len(sections)
    assert set(sections["teigid"]) <= set(ground["teigid"])

    # no unit has its two parcels on different sides of the new border
    two = ground[ground["matrikkelenhetid"].isin(held.index[held == 2])]
    shapes = parcels.set_index("teigid").geometry[two["teigid"]]
    assert (shapes.distance(vear.boundary) > 500).all()
    sides = shapes.within(vear).groupby(two["matrikkelenhetid"].to_numpy()).nunique()
    assert sides.eq(1).all()


def test_building_cases_name_parcels_but_for_those_at_fault(parcels):
    rows = cases()
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    keys = {(code, text) for code, text in zip(parcels["kommunenummer"], parcels["matrikkelnummertekst"], strict=True)}
    odd = {
        row[0]
        for row in rows
        if len(row) != 8 or not row[5] or row[3][:4] != row[1] or (row[1], row[3].partition("-")[2]) not in keys
    }
    assert odd == {f"2017/{number:05d}" for number in (437, 438, 441, 443, 444, 453)}
    assert all(case in readme for case in odd)
    assert sum(row[5].endswith("2016") for row in rows) == 336
    assert {row[1] for row in rows if row[0].startswith("2016")} == {"0704", *MERGING}
    raw = (SAMPLE / "building_cases_2016.csv").read_bytes()
    assert (raw.count(b"\r\n"), b'""hurtigsak""' in raw, "gården".encode("latin-1") in raw) == (481, True, True)


def test_pupils_live_at_addresses_and_their_age_is_a_formula():
    book = openpyxl.load_workbook(SAMPLE / "pupils_2016.xlsx")
    assert book.sheetnames == ["Elever", "Merknader"]
    rows = list(book["Elever"].iter_rows(min_row=2, values_only=True))
    addresses = gpd.read_file(SAMPLE / "addresses_2016.gpkg", ignore_geometry=True)
    known = set(zip(addresses["kommunenummer"].astype(int), addresses["adressenavn"], addresses["nummer"], strict=True))
    assert [row[0] for row in rows if (row[1], row[4], row[5]) not in known] == [4259]
    assert [row[8] for row in rows[:2]] == ["=2016-H2", "=2016-H3"]
    assert sum(row[2] == "Andebu kommune" for row in rows) == 1
    assert all(row[3][:4] == f"{row[1]:04d}" and len(row[3]) == 6 for row in rows)
    wards = {(row[3][:4], row[3][4:]) for row in rows}
    assert len(wards) == len({number for _, number in wards})


def test_voters_refer_to_wards_and_vear_is_one(vear):
    with closing(sqlite3.connect(SAMPLE / "electoral_roll_2016.sqlite")) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        places = connection.execute("SELECT krets, ost, nord FROM valgkrets WHERE kommune = '0720'").fetchall()
        voters = connection.execute("SELECT krets, adresseid FROM velger WHERE kommune = '0720'").fetchall()
    assert [krets for krets, *xy in places if shapely.Point(xy).within(vear)] == ["07200049"]
    addresses = gpd.read_file(SAMPLE / "addresses_2016.gpkg").set_index("adresseid").geometry
    inside = {number: addresses[number].within(vear) for _, number in voters}
    assert all((krets == "07200049") == inside[number] for krets, number in voters)


def test_numbers_of_health_offices_are_codes_of_municipalities_by_chance(units):
    with (SAMPLE / "health_cases_2016.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"0706", "0719"} == {row["kontor"] for row in rows} & set(units.index)
    assert sum(row["bosted"] == "0720" for row in rows) == 6


def test_addresses_lie_in_the_parcel_they_name(parcels):
    addresses = gpd.read_file(SAMPLE / "addresses_2016.gpkg", layer="adresse")
    assert len(addresses) == 2500
    placed = sound(parcels)
    point, parcel = placed.sindex.query(addresses.geometry, predicate="within")
    assert len(point) == len(addresses)
    shared = KEY[:4]
    assert (addresses[shared].to_numpy()[point] == placed[shared].to_numpy()[parcel]).all()
    assert addresses.groupby("adressekode")["kommunenummer"].nunique().max() == 4
    assert addresses.groupby("adressenavn")["kommunenummer"].nunique()["Kirkeveien"] == 4
    assert not addresses.duplicated(["kommunenummer", "adressekode", "nummer", "bokstav"]).any()


def test_buildings_lie_in_the_municipality_they_name(units):
    buildings = gpd.read_file(SAMPLE / "buildings_2016.shp")
    building, unit = units.sindex.query(buildings.geometry, predicate="within")
    assert len(building) == len(buildings) == 2506
    assert (buildings["KOMMNR"].to_numpy()[building] == units.index.to_numpy()[unit]).all()
