"""A plain table of changes, for lists that no other reader knows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Report
from geomerge.histories import rows
from geomerge.histories.readers import Window
from geomerge.histories.source import Source, named

NEEDED = ("old_code", "new_code", "new_name", "date")
FREE = ("old_name", "parent", "note")


@dataclass(frozen=True)
class Plain:
    """Reads ``old_code, new_code, new_name, date``, and ``old_name, parent, note`` where they are there."""

    name: str = "csv"
    title: str = f"a table (CSV) with the columns {', '.join(NEEDED)}; {', '.join(FREE)} may be there"
    leaves_out: tuple[str, ...] = ()

    def recognises(self, source: Source) -> bool:
        """Return whether a file has a column of old codes and one of new codes."""
        return {"old_code", "new_code"} <= set(source.header)

    def changes(self, source: Source, window: Window, _report: Report) -> pd.DataFrame:
        """Return the rows; an empty ``date`` is the date that is given for the list."""
        table = source.table()
        dated = table.assign(date="") if "date" not in table and window.date is not None else table
        rows.required(NEEDED, dated.columns, source.name)
        found = rows.renamed(dated, {column: column for column in (*NEEDED, *FREE) if column in dated})
        if window.date is not None:
            found["date"] = found["date"].fillna(window.date.isoformat())
        faults = list(rows.faults_of_dates(found["date"], source.name))
        bare = found.index[found["old_code"].isna() & found["new_code"].isna()]
        faults += [f"{source.name} {named(bare)}: neither an old nor a new code. Remove the row."] if len(bare) else []
        codes = pd.concat([found["old_code"], found["new_code"]]).dropna().astype(str)
        if codes.str.startswith("0").any():  # then zeros count, and a code without them is another
            faults += rows.faults_of_width(found, source.name)
        if faults:
            raise InputError(*faults)
        found["date"] = found["date"].map(rows.iso_date)
        return found.reindex(columns=[*rows.COLUMNS, *(c for c in ("parent", "note") if c in found)])

    def recognises_units(self, source: Source) -> bool:
        """Return whether a file has the columns of a list of units."""
        return {"code", "name"} <= set(source.header) and "parentCode" not in source.header

    def units(self, source: Source, _on: dt.date | None, _report: Report) -> pd.DataFrame:
        """Return the rows with ``code``, ``name``, and ``parent``, ``valid_from``, ``valid_to`` if they are there."""
        table = source.table()
        known = [column for column in ("code", "name", "parent", "valid_from", "valid_to") if column in table]
        return rows.renamed(table, {column: column for column in known})
