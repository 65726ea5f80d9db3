"""The project of the sample reform, worked with in a real QGIS: looked at, decided in, printed, saved."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from geomerge.decisions.files import decided_in
from geomerge.run import run

GOLDEN = Path(__file__).with_name("golden")
PICTURES = ("Before", "After", "Review", "Near")
# Lines are smoothed a little differently from one version of Qt to the next: so much may differ.
STEP, SHARE = 48, 0.01  # a pixel differs by more than STEP of 255 in a colour; so many of all pixels may

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def worked(sample: Path, qgis_python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What people find and do in the project of the sample job, after its folder was moved."""
    folder = tmp_path_factory.mktemp("worked")
    run(sample / "job.yaml", output=folder / "out")
    shutil.copyfile(folder / "out/review.gpkg", folder / "review.gpkg")
    (folder / "out").rename(folder / "moved")
    for name in ("home", "pictures"):
        (folder / name).mkdir(mode=0o700)
    runtime = {"HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder / "home"), "QT_QPA_PLATFORM": "offscreen"}
    program = [qgis_python, "-s", str(Path(__file__).with_name("qgis_work.py"))]
    done = subprocess.run(
        [*program, str(folder / "moved/project.qgz"), str(folder / "pictures")],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **runtime},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if os.environ.get("GEOMERGE_DRAW_GOLDEN") == "1":
        for name in PICTURES:
            Image.open(folder / f"pictures/{name}.png").convert("RGB").quantize(64).save(GOLDEN / f"{name}.png")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"folder": folder}


def test_the_project_opens_and_every_layer_is_valid(worked: dict[str, Any]) -> None:
    assert worked["opened"]
    assert worked["invalid"] == []
    assert sorted(worked["pictures"]["themes"]) == ["After", "Before", "Review"]
    assert worked["pictures"]["errors"] == []


def test_results_cannot_be_edited_by_mistake(worked: dict[str, Any]) -> None:
    assert {"Answers", "Boundary lines", "Findings", "Units", "Units before"} <= set(worked["fixed"])
    assert not [name for name in worked["fixed"] if name.startswith("Review: ")]


def test_bookmarks_lead_to_what_changes_and_to_all(worked: dict[str, Any]) -> None:
    units = gpd.read_file(worked["folder"] / "moved/boundaries.gpkg", layer="units")
    expected = {"Whole extent": units, "Affected area": units[units["change"] != "unchanged"]}
    assert set(worked["bookmarks"]) == set(expected)
    for name, table in expected.items():
        west, south, east, north = worked["bookmarks"][name]
        inner = table.total_bounds
        assert west < inner[0]
        assert south < inner[1]
        assert east > inner[2]
        assert north > inner[3]
        assert east - west < 1.2 * max(inner[2] - inner[0], inner[3] - inner[1])


def test_many_features_are_drawn_only_from_near(worked: dict[str, Any]) -> None:
    assert worked["scales"] == {"Parcels": 50_000, "Addresses": 50_000, "Buildings": 50_000}
    assert worked["pictures"]["seen_from_far"] == []


def test_features_are_shown_by_method_as_in_the_ledger(worked: dict[str, Any]) -> None:
    words = {"code": "By code", "contains": "By place", "share": "By share"}
    ledger = pd.read_csv(worked["folder"] / "moved/ledger.csv", dtype=str)
    for name in ("Parcels", "Districts", "Addresses", "Buildings"):
        expected = ledger[ledger["layer"] == name.casefold()]["method"].value_counts().rename(index=words).to_dict()
        shown = worked["methods"][name]["rows"]
        assert {text: count for text, count in shown.items() if text in words.values()} == expected
        assert set(shown) - set(expected) <= {"Not affected", "In review"}
    assert worked["methods"]["Parcels"]["rows"]["In review"] == len(worked["offered"]["Review: Parcels"])


def test_each_row_is_offered_its_answers_and_no_others(worked: dict[str, Any]) -> None:
    table = gpd.read_file(worked["folder"] / "review.gpkg", layer="answers")
    for title, rows in worked["offered"].items():
        mine = table[table["layer"] == title.removeprefix("Review: ").casefold().replace(" ", "_")]
        expected = {row: sorted(zip(some["answer"], some["text"], strict=True)) for row, some in mine.groupby("id")}
        assert {row: sorted(map(tuple, choices)) for row, choices in rows.items()} == expected
    numbers = {len(choices) for choices in worked["offered"]["Review: Parcels"].values()}
    assert numbers == {1, 2}
    assert worked["offered_again"] == worked["offered"]


def test_a_form_lets_people_write_what_is_theirs(worked: dict[str, Any]) -> None:
    for form in worked["forms"].values():
        written = {name for name, (_, kind, editable) in form.items() if editable and kind != "Hidden"}
        assert written == {"decision", "decided_by", "note"}
        assert form["decision"] == ["Decision", "ValueRelation", True]
        assert form["reason"][0] == "Why a person must decide"
        assert {name for name, (_, kind, _) in form.items() if kind == "Hidden"} == {"fid", "basis"}


def test_decisions_made_in_qgis_are_read_back(worked: dict[str, Any]) -> None:
    found = decided_in(worked["folder"] / "moved/review.gpkg").set_index("id")
    assert len(found) == len(worked["decided"]) == 3
    for told in worked["decided"].values():
        assert told["done"] == [True, True, True], told["faults"]
        assert found.loc[told["id"], "decision"] == told["answer"]
        assert found.loc[told["id"], "decided_by"] == told["account"] == told["decided_by"]


def test_the_layout_is_printed_on_one_sheet_with_its_title(worked: dict[str, Any]) -> None:
    assert worked["pdf"]
    assert (worked["folder"] / "pictures/layout.pdf").read_bytes().startswith(b"%PDF")
    assert worked["page"] == [420, 297]
    title, note = "Sandefjord, Andebu and Stokke become one municipality", "In force from 2017-01-01. Made by geomerge."
    assert {title, note, "Before", "After"} == set(worked["printed"])
    with Image.open(worked["folder"] / "pictures/layout.png") as image:
        assert image.width / image.height == pytest.approx(420 / 297, abs=0.01)
        height = image.height
        dark = np.asarray(image.convert("L")) < 128
    assert dark[round(9 / 297 * height) : round(21 / 297 * height)].any(axis=0).sum() > 200  # the title
    assert not dark[: round(8 / 297 * height)].any()


def test_saved_by_qgis_it_opens_again_with_all_it_had(worked: dict[str, Any]) -> None:
    assert worked["saved"]
    assert worked["opened_again"]
    assert worked["valid_again"]
    assert worked["joined_again"] == ["Addresses", "Buildings", "Districts", "Parcels"]
    assert worked["bookmarks_again"] == 2


def differing(one: Path, other: Path) -> float:
    """Return the share of pixels that differ."""
    pixels = [np.asarray(Image.open(path).convert("RGB"), dtype=np.int16) for path in (one, other)]
    assert pixels[0].shape == pixels[1].shape
    return float((np.abs(pixels[0] - pixels[1]).max(axis=2) > STEP).mean())


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_as_they_were(worked: dict[str, Any], name: str) -> None:
    assert differing(worked["folder"] / f"pictures/{name}.png", GOLDEN / f"{name}.png") <= SHARE


def test_pictures_of_other_themes_would_be_noticed() -> None:
    assert differing(GOLDEN / "Before.png", GOLDEN / "After.png") > 2 * SHARE
    assert differing(GOLDEN / "After.png", GOLDEN / "Review.png") > 2 * SHARE
