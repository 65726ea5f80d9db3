"""QGIS: native algorithms of Processing, one after the other, by qgis_process; it tells the code, but no shares."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

from common import call, main, new_codes, split_codes, step

INTERSECTS, LARGEST, TEXT = "0", "2", "2"


def algorithm(name: str, target: Path, *arguments: str, **parameters: str | Path) -> Path:
    """Run an algorithm and return the file it wrote.

    The script that Debian puts around the program adds an option that this version of it does not know.
    """
    qgis = shutil.which("qgis_process.bin") or "qgis_process"
    given = [f"{key}={value}" for key, value in parameters.items()]
    quiet = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    call(qgis, "run", f"native:{name}", "--", *arguments, *given, f"OUTPUT={target}", env=quiet)
    return target


def listed(codes: list[str]) -> str:
    return ", ".join(f"'{code}'" for code in codes)


def mapped(codes: dict[str, str]) -> str:
    return f'map_get(map({listed([word for pair in codes.items() for word in pair])}), "code")'


def located(data: Path, target: Path, pieces: Path, field: str) -> Path:
    """Return parcels with the new code of those in units that are split, in the field new_code."""
    split, parcels = listed(split_codes(data)), data / "parcels.gpkg"
    few = algorithm("extractbyexpression", target / "few.gpkg", INPUT=parcels, EXPRESSION=f'"code" IN ({split})')
    divided = algorithm("extractbyexpression", target / "cut.gpkg", INPUT=pieces, EXPRESSION=f'"{field}" IN ({split})')
    found = largest(few, divided, target / "found.gpkg")
    fields = {"FIELD": "parcel", "FIELD_2": "parcel", "FIELDS_TO_COPY": "new_code", "METHOD": "1"}
    return algorithm("joinattributestable", target / "joined.gpkg", INPUT=parcels, INPUT_2=found, **fields)


def largest(parcels: Path, pieces: Path, target: Path) -> Path:
    options = {"PREDICATE": INTERSECTS, "JOIN_FIELDS": "new_code", "METHOD": LARGEST, "DISCARD_NONMATCHING": "0"}
    return algorithm("joinattributesbylocation", target, INPUT=parcels, JOIN=pieces, **options)


def calculated(source: Path, target: Path, field: str, formula: str) -> Path:
    options = {"FIELD_NAME": field, "FIELD_TYPE": TEXT, "FIELD_LENGTH": "0", "FIELD_PRECISION": "0"}
    return algorithm("fieldcalculator", target, INPUT=source, FORMULA=formula, **options)


def reassign(data: Path, target: Path, *, code_first: bool) -> None:
    pieces = data / "pieces.gpkg"
    with step("work"):
        if code_first:
            source = located(data, target, pieces, "old_code")
            formula = f'coalesce("new_code", {mapped(new_codes(data))})'
            source = calculated(source, target / "all.gpkg", "new_code", formula)
        else:
            source = largest(data / "parcels.gpkg", pieces, target / "all.gpkg")
    with step("write"):
        call("ogr2ogr", "-f", "CSV", "-select", "parcel,new_code", target / "answer.csv", source)


def job(data: Path, target: Path) -> None:
    """Every step writes all parcels; the last leaves the columns as they were."""
    with step("work"):
        pieces = cut(data, target)
        joined(pieces, target)
        source = located(data, target, pieces, "code")
        formula = f'coalesce("new_code", {mapped(new_codes(data))})'
        source = calculated(source, target / "recoded.gpkg", "code", formula)
        algorithm("deletecolumn", target / "parcels.gpkg", INPUT=source, COLUMN="new_code")


def cut(data: Path, target: Path) -> Path:
    """Return units, and the parts of those that are split, with the field new_code."""
    units, parts, split = data / "units.gpkg", data / "parts.gpkg", listed(split_codes(data))
    whole = algorithm("extractbyexpression", target / "whole.gpkg", INPUT=units, EXPRESSION=f'"code" NOT IN ({split})')
    few = algorithm("extractbyexpression", target / "split.gpkg", INPUT=units, EXPRESSION=f'"code" IN ({split})')
    kept = algorithm("difference", target / "kept.gpkg", INPUT=few, OVERLAY=parts)
    laid = algorithm("intersection", target / "laid.gpkg", INPUT=few, OVERLAY=parts)
    left = algorithm("extractbyexpression", target / "left.gpkg", INPUT=laid, EXPRESSION='"from_code" = "code"')
    layers = [f"LAYERS={layer}" for layer in (whole, kept, left)]
    merged = algorithm("mergevectorlayers", target / "merged.gpkg", *layers)
    formula = f'coalesce("to_code", {mapped(new_codes(data))})'
    return calculated(merged, target / "pieces.gpkg", "new_code", formula)


def joined(pieces: Path, target: Path) -> Path:
    """Dissolve; a sum of people would take Aggregate, whose table of fields this program cannot be given."""
    return algorithm("dissolve", target / "units.gpkg", INPUT=pieces, FIELD="new_code")


def dissolve(data: Path, target: Path) -> None:
    with step("work"):
        joined(cut(data, target), target)


if __name__ == "__main__":
    main(
        {
            "reassign": partial(reassign, code_first=True),
            "reassign, all": partial(reassign, code_first=False),
            "job": job,
            "dissolve": dissolve,
        }
    )
