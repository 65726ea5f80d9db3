"""Make the history of Norway that ships with geomerge from the official lists.

    python scripts/make_norway.py ../shared

The folder holds ``data/norway`` (the change table and the unit lists of classification 131 of Statistics Norway's
KLASS, and the areas of the pieces between editions of Kartverket's boundaries) and ``facts`` (boundary transfers that
the change table leaves out). What neither tells stands here, with its reason.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from pathlib import Path
from typing import Any

from geomerge.histories.reading import read_changes
from geomerge.plan import Plan
from geomerge.planfile import write_plan

TARGET = Path(__file__).parents[1] / "geomerge" / "histories" / "no"
BEGIN, LIST_OF = "1971-01-01", "2002-01-01"

# Rakkestad received a part of Varteig in 1992. The table has no row for it, as if it had come to life then; but the
# count of municipalities, 448 before and 439 after, and its place among the codes say that it was there.
LIVED_ON = {"0128": "Rakkestad"}

# The table says only that Ålesund was divided; the reform undid a merger of 2020, and Haram is what it was before.
FORMER = {("1507", "1580"): {"former": "1534", "before": "2020-01-01"}}

# The text of the version names the two municipalities; the editions of 2016 and 2017 show which way the land went.
DIRECTION = {("2017-01-01", "1124", "1102"): ("1102", "1124")}

Record = dict[str, Any]


def main(shared: Path) -> None:
    """Write the files of the history."""
    norway = shared / "data" / "norway"
    units = first_units(norway)
    shares = measured_shares(norway)
    official = read_changes(
        norway / "klass_131_changes.json", since=BEGIN, units=[unit["code"] for unit in units], findings=[]
    )
    events = [event.record() | {"date": official.date_of(event).isoformat()} for event in official.events]
    events = [placed(event, shares) | {"evidence": "official"} for event in events if says_something(event)]
    events += transfers(shared / "facts" / "norway_partial_transfers.csv", shares, events)
    plan = Plan.model_validate({"events": sorted(events, key=lambda event: event["date"])})
    write_plan(plan, TARGET / "changes.csv")
    write(TARGET / "units.csv", units)
    write(TARGET / "parents.csv", counties(norway))


def first_units(norway: Path) -> list[Record]:
    """Return the units of 1971: those of 2002, with all changes before undone."""
    rows = json.loads((norway / "klass_131_changes.json").read_text(encoding="utf-8"))["codeChanges"]
    rows.sort(key=lambda row: row["changeOccurred"])
    codes = {code: name for date, code, name in listed(norway, "kommune") if date == LIST_OF}
    for row in reversed([row for row in rows if row["changeOccurred"] <= LIST_OF]):
        codes.pop(row["newCode"], None)
    for row in rows:
        if row["changeOccurred"] <= LIST_OF:
            codes.setdefault(row["oldCode"], row["oldName"])
    made = {row["newCode"] for row in rows} - {row["oldCode"] for row in rows if row["oldCode"] == row["newCode"]}
    names = {row["oldCode"]: row["oldName"] for row in reversed(rows)}
    alive = {code: names.get(code, name) for code, name in codes.items() if code not in made} | LIVED_ON
    return [{"code": code, "name": alive[code], "parent": code[:2]} for code in sorted(alive)]


def listed(norway: Path, level: str) -> list[tuple[str, str, str]]:
    """Return date, code and name of each unit of a level in the classification of each year."""
    with gzip.open(norway / "classifications.csv.gz", "rt", encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter=";")
        found = {(row["version_date"], row[f"{level}_no"], row[f"{level}_name"].strip()) for row in rows}
    return sorted(row for row in found if row[1].isdigit() and not row[1].startswith("99"))


def counties(norway: Path) -> list[Record]:
    """Return the counties, each with the last name that its code had; Bergen's is older than the lists."""
    names = {code: name for _, code, name in listed(norway, "fylke")}
    return [{"code": code, "name": name} for code, name in sorted({"13": "Bergen", **names}.items())]


def measured_shares(norway: Path) -> dict[tuple[str, str, str], float]:
    """Return the share of the area of each old unit that became part of each new one, by year."""
    shares = {}
    for file in sorted(norway.glob("expected_*_overlay.csv")):
        year = f"{file.stem.split('_')[2]}-01-01"
        with file.open(encoding="utf-8") as stream:
            rows = [(row["old_code"], row["new_code"], float(row["area_m2"])) for row in csv.DictReader(stream)]
        for old, new, area in rows:
            shares[year, old, new] = round(area / sum(other for code, _, other in rows if code == old), 6)
    return shares


def says_something(event: Record) -> bool:
    """Leave out rows that only say that a unit goes on."""
    return set(event) != {"date", "rename"}


def placed(event: Record, shares: dict[tuple[str, str, str], float]) -> Record:
    """Add what is known of parts and parents: a municipality's county is the beginning of its code."""
    if "split" in event:
        return event | {"into": divided(event["split"], event["date"], event["into"], shares)}
    if "transfer" in event:
        return event | sized(event["date"], event["transfer"], event["to"], shares)
    new = event.get("into") or event.get("to")
    return event | ({"parent": new[:2]} if new else {})


def divided(old: str, date: str, parts: list[Record], shares: dict[tuple[str, str, str], float]) -> list[Record]:
    """Return the parts of a split unit; the last one that is no former unit is the remainder."""
    codes = [part["code"] for part in parts]
    rest = [code for code in codes if (old, code) not in FORMER][-1]
    found = []
    for part in parts:
        code = part["code"]
        known = {"remainder": True} if code == rest else FORMER.get((old, code), {}) | sized(date, old, code, shares)
        found.append({"code": code, "name": part["name"], "parent": code[:2]} | known)
    return found


def sized(date: str, old: str, new: str, shares: dict[tuple[str, str, str], float]) -> Record:
    """Return the share of a part, where editions of both days were measured."""
    share = shares.get((date, old, new))
    return {} if share is None else {"share": share, "by": "area"}


def transfers(path: Path, shares: dict[tuple[str, str, str], float], known: list[Record]) -> list[Record]:
    """Return the transfers that the table leaves out; where no direction is stated, land may have gone both ways."""
    there = {(event["date"], event.get("transfer"), event.get("to")) for event in known}
    found = []
    with path.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            date = row["date"] if "-" in row["date"] else f"{row['date']}-01-01"
            pair = row["from_code"], row["to_code"]
            both = "direction unknown" in row["confidence"] and (date, *pair) not in DIRECTION
            for old, new in [pair, pair[::-1]] if both else [DIRECTION.get((date, *pair), pair)]:
                if (date, old, new) not in there:
                    given = {"transfer": old, "to": new, "date": date, "note": f"{row['area']} [{row['source']}]"}
                    found.append(given | sized(date, old, new, shares) | {"evidence": evidence(row, (date, *pair))})
    return found


def evidence(row: dict[str, str], transfer: tuple[str, str, str]) -> str:
    """Return how sure a transfer is, in the same words where a map shows the direction that no text states."""
    seen = transfer in DIRECTION or row["confidence"] == "verified direction from data"
    return "verified (direction from data)" if seen else row["confidence"]


def write(path: Path, rows: list[Record]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
