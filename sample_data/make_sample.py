"""Write the sample data: a stylised Vestfold of 2016, before Sandefjord, Andebu and Stokke merged.

Every line is invented: coast, borders, parcels, addresses and buildings are drawn by a seeded random
generator from a rough sketch. Only the codes and names of municipalities and counties are real.
The same seed gives the same files.

    python sample_data/make_sample.py [FOLDER]
"""

import shutil
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import write
from addresses import make_addresses, make_buildings
from cadastre import CRS, KEY, make_parcels, make_property_units
from coast import Geometries, make_land
from parcels import divide, node
from regions import UNITS, Districts, make_districts
from registers import write_registers

HERE = Path(__file__).resolve().parent
SEED = 2016
BY_HAND = ["plan.yaml", "plan.csv", "streets_2017.csv"]

# Vear, drawn generously over Tønsberg and the sea: only its side inside Stokke becomes a border
VEAR = [
    (579.2, 6571.0), (579.19, 6569.64), (578.33, 6568.5), (577.81, 6568.09), (577.66, 6567.13),
    (577.73, 6566.76), (578.96, 6567.33), (580.3, 6566.67), (580.36, 6568.6), (580.2, 6571.0),
]  # fmt: skip

UNIT_FIELDS = {
    "kommunenummer": "str:4", "kommunenavn": "str:60", "fylkesnummer": "str:2", "fylkesnavn": "str:60",
    "innbyggere": "int64", "samiskforvaltningsomrade": "bool", "gyldigfra": "date", "malform": "str:10",
}  # fmt: skip
DISTRICT_FIELDS = {
    "grunnkretsnummer": "str", "grunnkretsnavn": "str", "kommunenummer": "str", "innbyggere": "int64",
}  # fmt: skip
PARCEL_FIELDS = {
    "teigid": "int64", "kommunenummer": "str:4", "matrikkelnummertekst": "str:40", "gardsnummer": "int64",
    "bruksnummer": "int64", "festenummer": "int64", "seksjonsnummer": "int64", "lagretberegnetareal": "float",
    "tvist": "bool", "oppdateringsdato": "datetime", "bruksnavn": "str",
}  # fmt: skip
PROPERTY_FIELDS = {
    "matrikkelenhetid": "int64", "teigid": "int64", "kommunenummer": "str:4",
    **dict.fromkeys(KEY[1:], "int64"), "matrikkelenhetstype": "str:30",
}  # fmt: skip
ADDRESS_FIELDS = {
    "adresseid": "int64", "kommunenummer": "str:4", "adressekode": "int64", "adressenavn": "str:60",
    "nummer": "int64", "bokstav": "str:1", "gardsnummer": "int64", "bruksnummer": "int64",
    "festenummer": "int64", "postnummer": "str:4", "poststed": "str:40",
}  # fmt: skip
BUILDING_FIELDS = {"BYGGNR": "int:9", "KOMMNR": "str:4", "BYGGTYPE": "str:30", "AREAL": "float:12.2"}
ABOUT = {
    "produkt": "Stilisert Vestfold", "dato": write.DAY, "lisens": "CC0", "kilde": "oppdiktede grenser",
}  # fmt: skip


def district_table(districts: Districts, shapes: Geometries) -> gpd.GeoDataFrame:
    """Districts with the population of their municipality divided among them, to the last inhabitant."""
    table = gpd.GeoDataFrame(
        {
            "grunnkretsnummer": districts.numbers,
            "grunnkretsnavn": districts.names,
            "kommunenummer": districts.codes,
        },
        geometry=shapes,
        crs=CRS,
    )
    codes = table["kommunenummer"]
    weights = pd.Series(districts.weights).groupby(codes)
    population = codes.map({code: unit.population for code, unit in UNITS.items()})
    counted = (weights.cumsum() / weights.transform("sum") * population).round().astype(int)
    table["innbyggere"] = counted - counted.groupby(codes).shift(fill_value=0)
    return table[[*DISTRICT_FIELDS, "geometry"]]


def unit_table(districts: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Municipalities: their districts joined along shared edges."""
    shapes = [
        shapely.normalize(shapely.coverage_union_all(districts.geometry[districts["kommunenummer"] == code]))
        for code in UNITS
    ]
    units = pd.DataFrame(UNITS.values(), index=list(UNITS))
    return gpd.GeoDataFrame(
        {
            "kommunenummer": list(UNITS),
            "kommunenavn": units["name"].to_numpy(),
            "fylkesnummer": units["county"].to_numpy(),
            "fylkesnavn": units["county_name"].to_numpy(),
            "innbyggere": units["population"].to_numpy(),
            "samiskforvaltningsomrade": False,
            "gyldigfra": pd.to_datetime(units["since"]).dt.date.to_numpy(),
            "malform": units["language"].to_numpy(),
        },
        geometry=[shapely.MultiPolygon(shapely.get_parts(shape).tolist()) for shape in shapes],
        crs=CRS,
    )


def make_tables() -> tuple[dict[str, gpd.GeoDataFrame], dict[str, list[int]]]:
    """All tables by name, and the parcels with deliberate faults."""
    rng = np.random.default_rng(SEED)
    drawn = make_districts(make_land(rng), rng)
    ground, lines = divide(drawn, rng)
    parcel_shapes, district_shapes = node(drawn, ground, lines)
    vear = shapely.Polygon(np.array(VEAR) * 1000)
    districts = district_table(drawn, shapely.normalize(district_shapes))
    shapes = shapely.normalize(parcel_shapes)
    parcels, faults = make_parcels(ground.codes, ground.farms, shapes, vear.boundary, rng)
    at_fault = {teigid for teigids in faults.values() for teigid in teigids}
    addresses = make_addresses(parcels, at_fault, rng)
    tables = {
        "kommuner": unit_table(districts),
        "districts": districts,
        "teig": parcels,
        "matrikkelenhet": make_property_units(parcels, rng),
        "adresse": addresses,
        "buildings": make_buildings(parcels, addresses, at_fault, rng),
        "vear": gpd.GeoDataFrame({"name": ["Vear"]}, geometry=[vear], crs=CRS),
    }
    return tables, faults


def write_tables(tables: dict[str, gpd.GeoDataFrame], folder: Path) -> None:
    units, cadastre = folder / "units_2016.gpkg", folder / "cadastre_2016.gpkg"
    info = pd.DataFrame(ABOUT.items(), columns=["key", "value"])
    write.geopackage(units, "kommuner", tables["kommuner"], "MultiPolygon", UNIT_FIELDS)
    write.add_table(units, "produktinfo", info, {"key": "str:20", "value": "str:60"})
    write.add_index(units, "kommuner", "kommunenummer")
    write.geojson(folder / "districts_2016.geojson", tables["districts"], "Unknown", DISTRICT_FIELDS)
    write.geopackage(cadastre, "teig", tables["teig"], "Polygon", PARCEL_FIELDS)
    write.add_table(cadastre, "matrikkelenhet", tables["matrikkelenhet"], PROPERTY_FIELDS)
    write.geopackage(folder / "addresses_2016.gpkg", "adresse", tables["adresse"], "Point", ADDRESS_FIELDS)
    write.shapefile(folder / "buildings_2016.shp", tables["buildings"], "Polygon", BUILDING_FIELDS)
    write.geojson(folder / "vear.geojson", tables["vear"], "Polygon", {"name": "str"})


def main(folder: Path = HERE) -> None:
    """Write all files into `folder`, with a copy of those that are written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    tables, faults = make_tables()
    write_tables(tables, folder)
    at_fault = {teigid for teigids in faults.values() for teigid in teigids}
    registers = write_registers(folder, tables, at_fault, SEED)
    if folder.resolve() != HERE:
        for name in BY_HAND:
            shutil.copyfile(HERE / name, folder / name)
    for name, table in tables.items():
        print(f"{name}: {len(table)} rows")
    for name, rows in registers.items():
        print(f"{name}: {rows} rows")
    for fault, teigids in faults.items():
        print(f"{fault}: teigid {', '.join(map(str, teigids))}")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
