"""Files with declared field widths and pinned dates, so that the same tables give the same bytes."""

import sqlite3
from contextlib import closing
from pathlib import Path

import fiona
import geopandas as gpd
import pandas as pd

DAY = "2016-12-31"
PINNED = {"OGR_CURRENT_DATE": f"{DAY}T00:00:00.000Z"}  # else GDAL stamps the time of writing
SHAPEFILE_PARTS = ["shp", "shx", "dbf", "prj", "cpg"]


def geopackage(path: Path, layer: str, table: gpd.GeoDataFrame, geometry: str, fields: dict[str, str]) -> None:
    """A new GeoPackage with one layer."""
    path.unlink(missing_ok=True)
    schema = {"geometry": geometry, "properties": fields}
    with fiona.Env(**PINNED):
        table.to_file(path, layer=layer, driver="GPKG", engine="fiona", schema=schema)


def add_table(path: Path, layer: str, table: pd.DataFrame, fields: dict[str, str]) -> None:
    """A table without geometry in an existing GeoPackage."""
    schema = {"geometry": "None", "properties": fields}
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    with fiona.Env(**PINNED), fiona.open(path, "w", driver="GPKG", layer=layer, schema=schema) as target:
        target.writerecords([{"geometry": None, "properties": row} for row in rows])


def add_index(path: Path, layer: str, column: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f'CREATE INDEX "{layer}_{column}" ON "{layer}" ("{column}")')


def geojson(path: Path, table: gpd.GeoDataFrame, geometry: str, fields: dict[str, str]) -> None:
    """GeoJSON as RFC 7946 has it: longitude and latitude, outer rings counter-clockwise."""
    path.unlink(missing_ok=True)
    schema = {"geometry": geometry, "properties": fields}
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": 9}
    table.to_crs(4326).to_file(path, driver="GeoJSON", engine="fiona", schema=schema, **options)


def shapefile(path: Path, table: gpd.GeoDataFrame, geometry: str, fields: dict[str, str]) -> None:
    for part in SHAPEFILE_PARTS:
        path.with_suffix(f".{part}").unlink(missing_ok=True)
    schema = {"geometry": geometry, "properties": fields}
    options = {"encoding": "ISO-8859-1", "DBF_DATE_LAST_UPDATE": DAY}
    table.to_file(path, driver="ESRI Shapefile", engine="fiona", schema=schema, **options)
