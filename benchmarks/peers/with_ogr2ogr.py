"""GDAL alone: the SQL of a GeoPackage's own database with the functions of SpatiaLite, by ogr2ogr or in a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

from common import NOISE, call, main, step

# The share of each parcel in each piece of its unit, for units with several pieces. No index helps: there is none
# on a unit as large as this, and few pieces to look through.
SHARES = """
SELECT p.parcel AS parcel, s.new_code AS new_code,
    CASE WHEN ST_Contains(s.geom, p.geom) THEN 1.0
    ELSE ST_Area(ST_Intersection(s.geom, p.geom)) / ST_Area(p.geom) END AS share
FROM parcels p JOIN side.pieces s ON s.old_code = p.code
WHERE p.code IN (SELECT from_code FROM side.parts) AND s.old_code IN (SELECT from_code FROM side.parts)
    AND ST_MinX(p.geom) <= ST_MaxX(s.geom) AND ST_MaxX(p.geom) >= ST_MinX(s.geom)
"""

LOCATED = f"""
SELECT parcel,
    max(CASE WHEN place = 1 THEN new_code END) AS new_code, max(CASE WHEN place = 1 THEN share END) AS share,
    max(CASE WHEN place = 2 THEN new_code END) AS runner_up, max(CASE WHEN place = 2 THEN share END) AS runner_up_share
FROM (
    SELECT *, row_number() OVER (PARTITION BY parcel ORDER BY share DESC, new_code) AS place
    FROM ({SHARES}) WHERE share > {NOISE}
) GROUP BY parcel
"""

CUT = """
SELECT u.code AS old_code, c.new_code AS new_code, u.name AS name, u.population AS population, u.geom AS geom
FROM units u JOIN side.codes c ON c.old_code = u.code WHERE u.code NOT IN (SELECT from_code FROM side.parts)
UNION ALL SELECT u.code, p.to_code, u.name, u.population, ST_Intersection(u.geom, p.geom)
FROM units u JOIN side.parts p ON p.from_code = u.code
UNION ALL SELECT u.code, c.new_code, u.name, u.population,
    ST_Difference(u.geom, (SELECT ST_Union(p.geom) FROM side.parts p WHERE p.from_code = u.code))
FROM units u JOIN side.codes c ON c.old_code = u.code WHERE u.code IN (SELECT from_code FROM side.parts)
"""


NEW_CODE = f"""
FROM parcels p LEFT JOIN ({LOCATED}) l ON l.parcel = p.parcel LEFT JOIN side.codes c ON c.old_code = p.code
"""


def attached(data: Path, target: Path) -> list[str]:
    """Put what is not in the file itself into another, and return the option that attaches it."""
    side = target / "side.gpkg"
    with step("read"):
        for name in ("pieces.gpkg", "parts.gpkg", "codes.csv"):
            update = ["-update"] if side.exists() else []
            call("ogr2ogr", "-f", "GPKG", *update, "-oo", "AUTODETECT_TYPE=NO", side, data / name)
    return ["-oo", f"PRELUDE_STATEMENTS=ATTACH DATABASE '{side}' AS side"]


def select(source: Path, sql: str, target: Path, *options: str) -> None:
    """Run SQL in the file's own database and write what it gives."""
    call("ogr2ogr", *options, target, source, "-sql", sql)


def reassign(data: Path, target: Path) -> None:
    attach = attached(data, target)
    sql = f"""
    SELECT p.parcel, coalesce(l.new_code, c.new_code) AS new_code, share, runner_up, runner_up_share {NEW_CODE}
    """
    with step("work"):
        select(data / "parcels.gpkg", sql, target / "answer.csv", "-f", "CSV", *attach)


def job(data: Path, target: Path) -> None:
    """Select the parcels with their new code into a new file."""
    attach = dissolve(data, target)
    sql = f"""
    SELECT p.parcel, coalesce(l.new_code, c.new_code) AS code, number, kind, tax, surveyed, p.geom {NEW_CODE}
    ORDER BY p.fid
    """
    with step("work"):
        written = ["-f", "GPKG", "-nln", "parcels", "-nlt", "POLYGON", "-gt", "unlimited", *attach]
        select(data / "parcels.gpkg", sql, target / "parcels.gpkg", *written)


def job_in_place(data: Path, target: Path) -> None:
    """Copy the file and change the codes in it."""
    attach = dissolve(data, target)
    file = target / "parcels.gpkg"
    with step("work"):
        shutil.copyfile(data / "parcels.gpkg", file)
        sql = f"""
        UPDATE parcels SET code = new FROM (
            SELECT p.fid AS row, coalesce(l.new_code, c.new_code) AS new {NEW_CODE}
        ) WHERE fid = row AND code <> new
        """
        call("ogrinfo", file, *attach, "-sql", sql)


def dissolve(data: Path, target: Path) -> list[str]:
    """Cut, and join everything by the new code."""
    attach = attached(data, target)
    sql = f"""
    SELECT new_code AS code, min(name) AS name, sum(population) AS population,
        CASE WHEN count(*) = 1 THEN geom ELSE ST_Union(geom) END AS geom
    FROM ({CUT}) GROUP BY new_code
    """
    with step("work"):
        select(data / "units.gpkg", sql, target / "units.gpkg", "-f", "GPKG", "-nln", "units", *attach)
    return attach


if __name__ == "__main__":
    main({"reassign": reassign, "job": job, "job, in place": job_in_place, "dissolve": dissolve})
