"""geomerge: reassign, pieces and dissolve on tables, and the whole job from files to files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import geopandas as gpd
import pandas as pd
from common import main, step

import geomerge


def reassign(data: Path, target: Path, verify: Literal["affected", "all", "none"] = "affected") -> None:
    with step("read"):
        parcels = gpd.read_parquet(data / "parcels.parquet", columns=["parcel", "code", "geometry"])
        pieces = gpd.read_parquet(data / "pieces.parquet")
    with step("work"):
        found = geomerge.reassign(parcels, pieces, verify=verify, findings=[])
    with step("write"):
        columns = ["parcel", "new_code", "share", "runner_up", "runner_up_share"]
        pd.concat([found.updated[columns], found.review[columns]]).to_parquet(target / "answer.parquet")


def job(data: Path, target: Path) -> None:
    with step("work"):
        geomerge.run(data / "job.yaml", output=target / "result")


def dissolve(data: Path, target: Path) -> None:
    with step("read"):
        units, plan = gpd.read_file(data / "units.gpkg"), geomerge.read_plan(data / "plan.yaml")
    with step("work"):
        pieces = geomerge.pieces(units, plan, findings=[])
        after = geomerge.dissolve(pieces, units=units, plan=plan, policies={"population": "sum"}, findings=[])
    with step("write"):
        after.to_file(target / "units.gpkg", layer="units")


if __name__ == "__main__":
    main(
        {
            "reassign": reassign,
            "reassign, verify none": partial(reassign, verify="none"),
            "job": job,
            "dissolve": dissolve,
        }
    )
