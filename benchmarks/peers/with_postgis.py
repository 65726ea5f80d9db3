"""PostGIS: a server of its own in the folder of the answer; shares by LATERAL over pieces in small parts.

The server listens on a socket only, and runs as the user postgres where this is run as root, who may not run one.
Starting it is not counted; loading is.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from common import NOISE, SET_UP, SHUT_DOWN, call, main, note, step

OWNER = "postgres"
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "off",  # the data is loaded for this one job: nobody needs it after a power cut
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "effective_cache_size": "4GB",
    "max_parallel_workers_per_gather": "2",
}


def program(name: str) -> str:
    """Return a program of the newest server installed; Debian keeps them off the path."""
    known = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(known[-1]) if known else name


@contextmanager
def server() -> Iterator[str]:
    """Start a server with PostGIS and yield its connection; it ends with the work."""
    as_owner = {"user": OWNER, "group": OWNER} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="geomerge-postgis-"))
    if as_owner:
        shutil.chown(folder, OWNER, OWNER)
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **as_owner}
    options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    try:
        with step(SET_UP):
            database = ["-D", str(folder / "data")]
            made = [program("initdb"), *database, "-U", OWNER, "-A", "trust", "-N", "--locale", "C.UTF-8"]
            subprocess.run(made, check=True, **quiet)
            running = subprocess.Popen([program("postgres"), *database, "-k", str(folder), *options], **quiet)
        try:
            place = f"host={folder} user={OWNER} dbname={OWNER}"
            with step(SET_UP):
                wait_for(running, folder)
                query(place, "CREATE EXTENSION postgis")
            note(f"{SET_UP}, CPU", os.times().children_user + os.times().children_system)
            yield place
        finally:
            with step(SHUT_DOWN):
                running.send_signal(signal.SIGINT)  # ends at once, without waiting for sessions
                running.wait()
    finally:
        shutil.rmtree(folder)


def wait_for(running: subprocess.Popen[bytes], folder: Path) -> None:
    while subprocess.run([program("pg_isready"), "-q", "-h", folder], check=False).returncode:
        if running.poll() is not None:
            raise SystemExit("postgres ended before it was ready")
        time.sleep(0.1)


def query(place: str, sql: str) -> None:
    call("psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", place, "-c", sql)


def load(place: str, data: Path, *names: str) -> None:
    """Load tables by COPY; indexes are made after, where they are of use."""
    options = ["--config", "PG_USE_COPY", "YES", "-lco", "SPATIAL_INDEX=NONE", "-lco", "GEOMETRY_NAME=geom"]
    options += ["-lco", "UNLOGGED=ON", "-unsetFid", "-oo", "AUTODETECT_TYPE=NO"]
    with step("read"):
        for name in names:
            call("ogr2ogr", "-f", "PostgreSQL", *options, f"PG:{place}", data / name)
        query(place, "ANALYZE")


CUT = """
CREATE UNLOGGED TABLE pieces AS
SELECT u.code AS old_code, c.new_code, u.name, u.population, u.geom
FROM units u JOIN codes c ON c.old_code = u.code WHERE u.code NOT IN (SELECT from_code FROM parts)
UNION ALL
SELECT u.code, p.to_code, u.name, u.population, ST_Intersection(u.geom, p.geom)
FROM units u JOIN parts p ON p.from_code = u.code
UNION ALL
SELECT u.code, c.new_code, u.name, u.population,
    ST_Difference(u.geom, (SELECT ST_Union(p.geom) FROM parts p WHERE p.from_code = u.code))
FROM units u JOIN codes c ON c.old_code = u.code WHERE u.code IN (SELECT from_code FROM parts);
"""

# ST_CoverageUnion is faster, from version 3.4 on; ST_Union joins any polygons.
AFTER = """
CREATE UNLOGGED TABLE after AS
SELECT new_code AS code, min(name) AS name, sum(population)::bigint AS population,
    CASE WHEN count(*) = 1 THEN (array_agg(geom))[1] ELSE ST_Union(geom) END AS geom
FROM pieces GROUP BY new_code;
"""

# A piece in parts of 64 vertices: those within it need no intersection with all of its border.
SMALL = """
CREATE UNLOGGED TABLE small AS
SELECT old_code, new_code, ST_Subdivide(geom, 64) AS geom FROM pieces {where};
CREATE INDEX ON small USING gist (geom);
ANALYZE small;
"""
DIVIDED = "WHERE old_code IN (SELECT old_code FROM pieces GROUP BY old_code HAVING count(*) > 1)"

LOCATED = """
CREATE UNLOGGED TABLE located AS
SELECT p.parcel, s.codes[1] AS new_code, s.shares[1] AS share, s.codes[2] AS runner_up, s.shares[2] AS runner_up_share
FROM parcels p CROSS JOIN LATERAL (
    SELECT array_agg(new_code ORDER BY share DESC, new_code) AS codes,
        array_agg(share ORDER BY share DESC, new_code) AS shares
    FROM (
        SELECT s.new_code, sum(
            CASE WHEN ST_Contains(s.geom, p.geom) THEN ST_Area(p.geom) ELSE ST_Area(ST_Intersection(s.geom, p.geom)) END
        ) / ST_Area(p.geom) AS share
        FROM small s WHERE ST_Intersects(s.geom, p.geom) {same} GROUP BY s.new_code
    ) found WHERE share > {noise}
) s {where};
CREATE INDEX ON located (parcel);
ANALYZE located;
"""


def located(*, code_first: bool) -> str:
    """Return the SQL that finds the shares, of all parcels or of those in units that are split."""
    if not code_first:
        return SMALL.format(where="") + LOCATED.format(same="", where="", noise=NOISE)
    where = f"WHERE p.code IN (SELECT old_code FROM pieces {DIVIDED})"
    same = "AND s.old_code = p.code"
    return SMALL.format(where=DIVIDED) + LOCATED.format(same=same, where=where, noise=NOISE)


def write(place: str, target: Path, sql: str, *options: str) -> None:
    with step("write"):
        call("ogr2ogr", *options, target, f"PG:{place}", "-sql", sql)


def reassign(data: Path, target: Path, *, code_first: bool) -> None:
    with server() as place:
        load(place, data, "parcels.gpkg", "pieces.gpkg", "codes.csv")
        with step("work"):
            query(place, located(code_first=code_first))
        sql = """
        SELECT parcel, coalesce(l.new_code, c.new_code) AS new_code, share, runner_up, runner_up_share
        FROM parcels p LEFT JOIN located l USING (parcel) LEFT JOIN codes c ON c.old_code = p.code
        """
        write(place, target / "answer.csv", sql, "-f", "CSV")


def job(data: Path, target: Path) -> None:
    with server() as place:
        load(place, data, "parcels.gpkg", "units.gpkg", "parts.gpkg", "codes.csv")
        with step("work"):
            query(place, CUT + AFTER + located(code_first=True))
        written = ["-f", "GPKG", "-nlt", "POLYGON"]
        write(place, target / "units.gpkg", "SELECT * FROM after", *written, "-nln", "units")
        sql = """
        SELECT parcel, coalesce(l.new_code, c.new_code) AS code, number, kind, tax, surveyed, geom
        FROM parcels p LEFT JOIN located l USING (parcel) LEFT JOIN codes c ON c.old_code = p.code
        ORDER BY p.ogc_fid
        """
        write(place, target / "parcels.gpkg", sql, *written, "-nln", "parcels", "-gt", "unlimited")


def dissolve(data: Path, target: Path) -> None:
    with server() as place:
        load(place, data, "units.gpkg", "parts.gpkg", "codes.csv")
        with step("work"):
            query(place, CUT + AFTER)
        write(place, target / "units.gpkg", "SELECT * FROM after", "-f", "GPKG", "-nln", "units", "-nlt", "POLYGON")


if __name__ == "__main__":
    main(
        {
            "reassign": partial(reassign, code_first=True),
            "reassign, all": partial(reassign, code_first=False),
            "job": job,
            "dissolve": dissolve,
        }
    )
