"""DuckDB with its spatial extension: a hash join of codes, and exact intersections for the units that are split."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import duckdb
from common import NOISE, main, step
from duckdb_extensions import import_extension

WRITE = "(FORMAT GDAL, DRIVER 'GPKG', SRS 'EPSG:25833', LAYER_NAME '{}', GEOMETRY_TYPE 'POLYGON')"


def opened() -> duckdb.DuckDBPyConnection:
    """Open a database in memory; the extension is that of the installed package, nothing is fetched."""
    import_extension("spatial")
    base = duckdb.connect()
    base.load_extension("spatial")
    return base


def load(base: duckdb.DuckDBPyConnection, data: Path, source: str, *names: str) -> None:
    """Load tables from GeoParquet, or from GeoPackages."""
    reader = {"parquet": "read_parquet", "gpkg": "ST_Read"}[source]
    for name in names:
        columns = "EXCLUDE (bbox)" if source == "parquet" else "EXCLUDE (fid) RENAME (geom AS geometry)"
        base.execute(f"CREATE TABLE {name} AS SELECT * {columns} FROM {reader}('{data / f'{name}.{source}'}')")


SHARES = f"""
CREATE TABLE shares AS
SELECT parcel, new_code, sum(share) AS share FROM (
    SELECT p.parcel, s.new_code,
        CASE WHEN ST_Contains(s.geometry, p.geometry) THEN 1
        ELSE ST_Area(ST_Intersection(s.geometry, p.geometry)) / ST_Area(p.geometry) END AS share
    FROM parcels p JOIN (
        SELECT *, count(*) OVER (PARTITION BY old_code) AS number FROM pieces
    ) s ON s.old_code = p.code AND s.number > 1 AND ST_Intersects_Extent(p.geometry, s.geometry)
) WHERE share > {NOISE} GROUP BY ALL;

CREATE TABLE located AS
SELECT parcel, first[1].new_code AS new_code, first[1].share AS share,
    first[2].new_code AS runner_up, first[2].share AS runner_up_share
FROM (
    SELECT parcel, array_agg({{'new_code': new_code, 'share': share}} ORDER BY share DESC, new_code) AS first
    FROM shares GROUP BY parcel
);

CREATE TABLE whole AS
SELECT any_value(old_code) AS old_code, any_value(new_code) AS new_code FROM pieces
GROUP BY pieces.old_code HAVING count(*) = 1;
"""

# All parcels and all pieces: the spatial join decides which meet.
SHARES_OF_ALL = f"""
CREATE TABLE shares AS
SELECT parcel, new_code, sum(share) AS share FROM (
    SELECT p.parcel, s.new_code, ST_Area(ST_Intersection(s.geometry, p.geometry)) / ST_Area(p.geometry) AS share
    FROM parcels p JOIN pieces s ON ST_Intersects(p.geometry, s.geometry)
) WHERE share > {NOISE} GROUP BY ALL;
"""

CUT = """
CREATE TABLE pieces AS
SELECT u.code AS old_code, c.new_code, u.name, u.population, u.geometry
FROM units u JOIN codes c ON c.old_code = u.code WHERE u.code NOT IN (SELECT from_code FROM parts)
UNION ALL
SELECT u.code, p.to_code, u.name, u.population, ST_Intersection(u.geometry, p.geometry)
FROM units u JOIN parts p ON p.from_code = u.code
UNION ALL
SELECT u.code, any_value(c.new_code), any_value(u.name), any_value(u.population),
    ST_Difference(any_value(u.geometry), ST_Union_Agg(p.geometry))
FROM units u JOIN parts p ON p.from_code = u.code JOIN codes c ON c.old_code = u.code GROUP BY u.code;

CREATE TABLE after AS
SELECT new_code AS code, first(name ORDER BY old_code) AS name, sum(population)::BIGINT AS population,
    CASE WHEN count(*) = 1 THEN any_value(geometry) ELSE {}(geometry) END AS geometry
FROM pieces GROUP BY new_code;
"""


def reassign(data: Path, target: Path, shares: str = SHARES) -> None:
    base = opened()
    with step("read"):
        load(base, data, "parquet", "parcels", "pieces")
    with step("work"):
        if shares != SHARES:
            shares += SHARES[SHARES.index("CREATE TABLE located") :]
        base.execute(shares)
    with step("write"):
        base.execute(
            "COPY (SELECT parcel, coalesce(l.new_code, w.new_code) AS new_code, share, runner_up, runner_up_share "
            "FROM parcels LEFT JOIN located l USING (parcel) LEFT JOIN whole w ON w.old_code = parcels.code) "
            f"TO '{target / 'answer.parquet'}'"
        )


def job(data: Path, target: Path) -> None:
    base = opened()
    with step("read"):
        load(base, data, "gpkg", "parcels", "units", "parts")
        base.execute(f"CREATE TABLE codes AS FROM read_csv('{data / 'codes.csv'}', all_varchar = true)")
    with step("work"):
        base.execute(CUT.format("ST_CoverageUnion_Agg"))
        base.execute(SHARES)
        base.execute("UPDATE parcels SET code = w.new_code FROM whole w WHERE w.old_code = code AND w.new_code <> code")
        base.execute("UPDATE parcels SET code = l.new_code FROM located l WHERE l.parcel = parcels.parcel")
    with step("write"):
        base.execute(f"COPY after TO '{target / 'units.gpkg'}' {WRITE.format('units')}")
        ordered = "SELECT * FROM parcels ORDER BY rowid"
        base.execute(f"COPY ({ordered}) TO '{target / 'parcels.gpkg'}' {WRITE.format('parcels')}")


def dissolve(data: Path, target: Path, union: str) -> None:
    base = opened()
    with step("read"):
        load(base, data, "gpkg", "units", "parts")
        base.execute(f"CREATE TABLE codes AS FROM read_csv('{data / 'codes.csv'}', all_varchar = true)")
    with step("work"):
        base.execute(CUT.format(union))
    with step("write"):
        base.execute(f"COPY after TO '{target / 'units.gpkg'}' {WRITE.format('units')}")


if __name__ == "__main__":
    main(
        {
            "reassign": reassign,
            "reassign, all": partial(reassign, shares=SHARES_OF_ALL),
            "job": job,
            "dissolve, coverage": partial(dissolve, union="ST_CoverageUnion_Agg"),
            "dissolve, union": partial(dissolve, union="ST_Union_Agg"),
        }
    )
