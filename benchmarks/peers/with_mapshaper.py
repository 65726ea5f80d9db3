"""mapshaper: join by the largest overlap, in one command; it tells the code, but no shares."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

from common import call, main, new_codes, split_codes, step

MEMORY = "--max-old-space-size=12000"  # megabytes; node takes less of its own accord


def mapshaper(*arguments: str | Path) -> None:
    call("mapshaper", *arguments, env=os.environ | {"NODE_OPTIONS": MEMORY})


def located(data: Path) -> list[str | Path]:
    """Return the commands that write the new code of each parcel into the field new_code."""
    split = split_codes(data)
    codes = {old: new for old, new in new_codes(data).items() if old not in split}
    return [
        *("-filter", f"{json.dumps(split)}.includes(code)", "+", "name=few"),
        *("-i", data / "pieces.gpkg", "name=pieces"),
        *("-filter", f"{json.dumps(split)}.includes(old_code)", "target=pieces"),
        *("-join", "pieces", "largest-overlap", "fields=new_code", "target=few"),
        *("-each", f"new_code = {json.dumps(codes)}[code] || null", "target=parcels"),
        *("-join", "few", "target=parcels", "keys=parcel,parcel", "fields=found", "calc=found = first(new_code)"),
        *("-each", "new_code = found || new_code", "target=parcels"),
    ]


def reassign(data: Path, target: Path, *, code_first: bool) -> None:
    """Write a table of new codes; topology is built of what is to be joined."""
    parcels = [data / "parcels.gpkg", "name=parcels"]
    join = ["-join", data / "pieces.gpkg", "largest-overlap", "fields=new_code"]
    with step("work"):
        mapshaper(
            *parcels,
            *(located(data) if code_first else join),
            *("-filter-fields", "parcel,new_code", "target=parcels", "-drop", "geometry", "target=parcels"),
            *("-o", target / "answer.csv", "target=parcels"),
        )


def job(data: Path, target: Path) -> None:
    dissolve(data, target)
    with step("work"):
        mapshaper(
            *(data / "parcels.gpkg", "name=parcels", *located(data)),
            *("-each", "code = new_code", "-filter-fields", "parcel,code,number,kind,tax,surveyed"),
            *("-o", target / "parcels.gpkg", "target=parcels", "format=geopackage"),
        )


def dissolve(data: Path, target: Path) -> None:
    """Clip and erase the units that are split, and dissolve everything by the new code."""
    split, codes = split_codes(data), new_codes(data)
    with step("work"):
        mapshaper(
            *("-i", data / "units.gpkg", "name=units"),
            *("-filter-fields", "code,name,population"),
            *("-each", f"new_code = {json.dumps(codes)}[code]"),
            *("-filter", f"{json.dumps(split)}.includes(code)", "+", "name=left"),
            *("-filter", f"{json.dumps(split)}.includes(code)", "+", "name=kept", "target=units"),
            *("-filter", f"!{json.dumps(split)}.includes(code)", "target=units"),
            *("-clip", data / "parts.gpkg", "target=left"),
            *("-join", data / "parts.gpkg", "target=left", "largest-overlap", "fields=to_code"),
            *("-each", "new_code = to_code", "target=left", "-filter-fields", "code,name,population,new_code"),
            *("-erase", data / "parts.gpkg", "target=kept"),
            *("-merge-layers", "target=units,kept,left", "name=units"),
            *("-dissolve", "new_code", "copy-fields=name", "sum-fields=population"),
            *("-rename-fields", "code=new_code"),
            *("-o", target / "units.gpkg", "format=geopackage"),
        )


if __name__ == "__main__":
    main(
        {
            "reassign": partial(reassign, code_first=True),
            "reassign, all": partial(reassign, code_first=False),
            "job": job,
            "dissolve": dissolve,
        }
    )
