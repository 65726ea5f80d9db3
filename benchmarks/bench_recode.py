"""Registers of millions of rows: geomerge's recode against a mere mapping in polars, DuckDB and pandas.

The peers read, replace the codes and write; geomerge also tells what it did with each row, leaves rows that no code
decides alone, checks the encoding and keeps every other byte. All write to the disk, so a file is read from memory.

python benchmarks/bench_recode.py [--quick] [--json] [--memory] [--turns N]
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from measure import OURS, Case, Row, main

import geomerge
from geomerge.recode.csvrows import recode_csv
from geomerge.recode.parquetrows import recode_parquet
from geomerge.registers import RegisterConfig, register_of

BEFORE, AFTER = "2019-12-31", "2020-01-01"
FULL, QUICK = 10_000_000, 20_000
PART = 1_000_000  # rows drawn at once
SEED = 20_200_101


def drawn(rows: int) -> Path:
    """Return a folder with a register of the municipalities of Norway of 2019, as CSV and as Parquet."""
    folder = Path(tempfile.gettempdir()) / f"geomerge-recode-{rows}"
    done = folder / "done"
    if not done.exists():
        folder.mkdir(exist_ok=True)
        random = np.random.default_rng(SEED)
        units = geomerge.read_history("NO").units_on(BEFORE)
        with (folder / "register.csv").open("wb") as stream:
            writer = None
            for start in range(0, rows, PART):
                table = _part(random, units, start, min(PART, rows - start))
                pa_csv.write_csv(table, stream, pa_csv.WriteOptions(include_header=start == 0, quoting_style="needed"))
                writer = writer or pq.ParquetWriter(folder / "register.parquet", table.schema, compression="zstd")
                writer.write_table(table, row_group_size=PART)
            if writer is not None:
                writer.close()
        done.touch()
    return folder


def _part(random: np.random.Generator, units: pd.DataFrame, start: int, rows: int) -> pa.Table:
    place = random.integers(0, len(units), rows)
    dates = [f"2020-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    names = [f"Person {number}" for number in range(5_000)]
    notes = ["", "ok", "see file", "moved, see file"]
    chosen = {
        "name": np.array(names, dtype=object)[random.integers(0, len(names), rows)],
        "kommune": units["code"].to_numpy(dtype=object)[place],
        "received": np.array(dates, dtype=object)[random.integers(0, len(dates), rows)],
        "amount": random.integers(0, 1_000_000, rows),
        "note": np.array(notes, dtype=object)[random.integers(0, len(notes), rows)],
    }
    return pa.table({"id": np.arange(start, start + rows), **chosen})


def mapping(translation: geomerge.Translation) -> dict[str, str]:
    """Return the codes that go whole to another one."""
    heirs = translation.last.heirs
    return {old: new[0] for old, new in heirs.items() if len(new) == 1 and new[0] is not None and new[0] != old}


def with_polars(source: Path, target: Path, codes: Mapping[str, str], *, stream: bool = True) -> Path:
    """Scan and sink in polars' streaming engine, or read, replace and write."""
    import polars as pl

    csv, new = source.suffix == ".csv", pl.col("kommune").replace(codes)
    if stream:
        rows = pl.scan_csv(source, infer_schema=False) if csv else pl.scan_parquet(source)
        changed = rows.with_columns(new)
        changed.sink_csv(target) if csv else changed.sink_parquet(target)
    else:
        table = pl.read_csv(source, infer_schema=False) if csv else pl.read_parquet(source)
        done = table.with_columns(new)
        done.write_csv(target) if csv else done.write_parquet(target)
    return target


def with_duckdb(source: Path, target: Path, codes: Mapping[str, str]) -> Path:
    """Join with the mapping, and copy."""
    import duckdb

    known = pa.table({"old": list(codes), "new": list(codes.values())})
    read = f"read_csv('{source}', all_varchar=true)" if source.suffix == ".csv" else f"read_parquet('{source}')"
    how = "FORMAT csv, HEADER" if source.suffix == ".csv" else "FORMAT parquet, COMPRESSION zstd"
    with duckdb.connect() as connection:
        connection.register("known", known)
        connection.execute(
            f"COPY (SELECT r.* REPLACE (coalesce(k.new, r.kommune) AS kommune) FROM {read} r "
            f"LEFT JOIN known k ON r.kommune = k.old) TO '{target}' ({how})"
        )
    return target


def with_pandas(source: Path, target: Path, codes: Mapping[str, str]) -> Path:
    """Read, replace, write."""
    if source.suffix == ".csv":
        rows = pd.read_csv(source, dtype=str, keep_default_na=False)
        rows.assign(kommune=rows["kommune"].map(codes).fillna(rows["kommune"])).to_csv(target, index=False)
    else:
        rows = pd.read_parquet(source)
        rows.assign(kommune=rows["kommune"].map(codes).fillna(rows["kommune"])).to_parquet(target, compression="zstd")
    return target


def with_geomerge(
    source: Path, target: Path, translation: geomerge.Translation, register: RegisterConfig, *, write: bool = True
) -> Path:
    recode = recode_csv if source.suffix == ".csv" else recode_parquet
    recode(source, target if write else None, register, translation)
    return target if write else source


def compare(answer: Path, answers: Mapping[str, Any], source: Path, codes: Mapping[str, str]) -> Row:
    """Say whether the codes are right, in their order, and whether all else is as it was, byte by byte in CSV."""
    if answer == source:
        return {"codes": "", "all else": ""}
    before, after = _read(source), _read(answer)
    expected = pa.array(before["kommune"].to_pandas().map(codes).fillna(before["kommune"].to_pandas()), pa.string())
    found = {"codes": _yes(after["kommune"].cast(pa.string()).combine_chunks().equals(expected))}
    if source.suffix == ".csv":
        same = answer.read_bytes() == answers[OURS].read_bytes() if answer != answers[OURS] else _own(source, answer)
        return found | {"all else": "the same bytes" if same else "rewritten"}
    after = after.cast(before.schema)
    same = all(after[name].equals(before[name]) for name in before.column_names if name != "kommune")
    return found | {"all else": "the same values" if same else "other values"}


def _own(source: Path, answer: Path) -> bool:
    """Return whether only codes of four digits differ between two files."""
    one, other = (np.frombuffer(path.read_bytes(), dtype=np.uint8) for path in (source, answer))
    if len(one) != len(other):
        return False
    return bool(np.isin(other[one != other], np.frombuffer(b"0123456789", dtype=np.uint8)).all())


def _read(path: Path) -> pa.Table:
    if path.suffix == ".csv":
        return pa_csv.read_csv(path, convert_options=pa_csv.ConvertOptions(column_types={"kommune": pa.string()}))
    return pq.read_table(path)


def _yes(same: bool) -> str:
    return "yes" if same else "no"


def cases(quick: bool) -> Iterator[Case]:
    """Yield a case for each format."""
    rows = QUICK if quick else int(os.environ.get("ROWS", FULL))
    folder = drawn(rows)
    translation = geomerge.Translation.of(geomerge.read_history("NO"), BEFORE, AFTER)
    codes = mapping(translation)
    register = register_of({"kommune": "unit"}, id="id")
    for suffix in ("csv", "parquet"):
        source = folder / f"register.{suffix}"
        methods: dict[str, Callable[[], Any]] = {
            OURS: partial(with_geomerge, source, folder / f"out-geomerge.{suffix}", translation, register),
            "geomerge, dry run": partial(with_geomerge, source, source, translation, register, write=False),
        }
        peers: dict[str, tuple[str, Callable[[Path, Path, Mapping[str, str]], Path]]] = {
            "polars, streaming": ("polars", with_polars),
            "polars, in memory": ("polars", partial(with_polars, stream=False)),
            "duckdb": ("duckdb", with_duckdb),
            "pandas": ("pandas", with_pandas),
        }
        for number, (name, (module, method)) in enumerate(peers.items()):
            if find_spec(module):
                methods[name] = partial(method, source, folder / f"out-{number}.{suffix}", codes)
        yield Case(f"{rows:,} rows, {suffix}", methods, partial(compare, source=source, codes=codes))


if __name__ == "__main__":
    main(__file__, "recode", cases)
