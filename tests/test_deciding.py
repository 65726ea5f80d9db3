"""Decisions of a person are replayed by the next run: in memory, part by part, for followers, and byte for byte."""

from __future__ import annotations

import contextlib
import filecmp
import json
import shutil
import sqlite3
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from geomerge import verify
from geomerge.errors import InputError, LayerError
from geomerge.run import Run, run

STRADDLES = "reason LIKE 'straddles%' AND share > 0.6"


@pytest.fixture
def job(finished_sample: Path, tmp_path: Path) -> Path:
    """Return the sample with the results of a first run, in which nobody has decided yet."""
    return Path(shutil.copytree(finished_sample, tmp_path / "sample")) / "job.yaml"


def decide(job: Path, what: str, where: str, by: str = "Kari") -> None:
    """Write decisions into the review, as a program with spatial functions would."""
    with contextlib.closing(sqlite3.connect(job.parent / "out" / "review.gpkg")) as connection, connection:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            connection.create_function(name, 1, lambda _: 0)
        connection.execute(f"UPDATE parcels SET decision = {what}, decided_by = '{by}' WHERE {where}")


def again(job: Path, out: str = "out", **given: object) -> Run:
    return run(job, output=job.parent / out, **given)  # type: ignore[arg-type]


def ledger(job: Path, out: str = "out") -> pd.DataFrame:
    return pd.read_csv(job.parent / out / "ledger.csv", dtype=str, keep_default_na=False)


def test_decisions_are_replayed_and_those_who_follow_go_along(job):
    decide(job, "new_code", STRADDLES)
    done = again(job)
    counts = done.counts["layers"]
    assert counts["parcels"]["by_decision"] == 20
    assert (counts["parcels"]["review"], counts["cadastral_units"]["review"]) == (13, 13)
    decided = ledger(job)[lambda table: table["method"] == "decision"]
    assert set(decided["event"]) == {"merge 0706 0719 0720 > 0710", "transfer 0720 > 0704"}
    rows = gpd.read_file(job.parent / "out/layers/cadastre_2016.gpkg", layer="teig").set_index("teigid")
    assert rows.loc[decided["id"].astype(int), "kommunenummer"].tolist() == decided["new_code"].tolist()
    assert [finding for finding in verify(job.parent / "out") if finding.blocks] == []


def test_they_live_in_a_file_of_their_own_and_survive_reruns(job):
    decide(job, "new_code", STRADDLES)
    again(job)
    table = pd.read_csv(job.parent / "decisions.csv", dtype=str)
    assert len(table) == 20
    assert set(table["decided_by"]) == {"Kari"}
    assert again(job).counts["layers"]["parcels"]["by_decision"] == 20
    decide(job, "runner_up", "reason LIKE 'straddles%' AND share <= 0.6", by="Ola")
    assert again(job).counts["layers"]["parcels"]["by_decision"] == 26


@pytest.mark.parametrize("given", [{}, {"memory": "8GB"}])
def test_the_results_are_those_of_a_clean_run(job, given):
    decide(job, "new_code", STRADDLES)
    again(job)
    again(job, "clean", fresh=True, **given)
    names = ["ledger.csv", "review.gpkg", "manifest.json", "crosswalk.csv", "layers/cadastre_2016.gpkg", "report.html"]
    _, different, missing = filecmp.cmpfiles(job.parent / "out", job.parent / "clean", names, shallow=False)
    assert (different, missing) == ([], [])


def test_where_the_code_disagrees_either_side_may_be_decided_for(job):
    decide(job, "'0704'", "id = '5300001149'")
    decide(job, "'0710'", "id = '5300001632'")
    again(job)
    decided = ledger(job)[lambda table: table["method"] == "decision"].set_index("id")
    assert decided.loc["5300001149", ["new_code", "event"]].tolist() == ["0704", "decision"]
    assert decided.loc["5300001632", ["new_code", "event"]].tolist() == ["0710", "merge 0706 0719 0720 > 0710"]


def test_impossible_decisions_are_refused_and_nothing_is_lost(job):
    decide(job, "'0301'", "id IN ('5300001149', '5300029877')")
    before = (job.parent / "out" / "manifest.json").read_bytes()
    with pytest.raises(InputError) as caught:
        again(job)
    assert caught.value.faults == (
        "The decision 0301 on 5300001149 of parcels is impossible. Decide for one of 0704, 0710.",
        "The decision 0301 on 5300029877 of parcels is impossible. Decide for one of 0710, 0704.",
    )
    assert (job.parent / "out" / "manifest.json").read_bytes() == before
    assert not (job.parent / "decisions.csv").exists()  # so that it is enough to correct them in the review
    decide(job, "'0710'", "decision = '0301'")
    again(job)
    assert pd.read_csv(job.parent / "decisions.csv", dtype=str)["decision"].tolist() == ["0710", "0710"]


def test_two_people_who_disagree_are_told(job):
    decide(job, "new_code", "id = '5300029877'")
    shutil.copytree(job.parent / "out", job.parent / "kept")
    again(job)
    shutil.rmtree(job.parent / "out")
    (job.parent / "kept").rename(job.parent / "out")
    before = (job.parent / "decisions.csv").read_bytes()
    decide(job, "'0704'", "id = '5300029877'", by="Ola")
    with pytest.raises(InputError) as caught:
        again(job)
    assert "decides 5300029877 of parcels for 0710 (by Kari), but" in caught.value.faults[0]
    assert "for 0704 (by Ola). Remove the line, or empty the cell in the review." in caught.value.faults[0]
    assert (job.parent / "decisions.csv").read_bytes() == before


def test_what_is_decided_while_a_run_goes_on_is_not_lost(job, monkeypatch):
    from geomerge import outputs

    write = outputs.write_manifest

    def meanwhile(path: Path, content: object) -> None:
        decide(job, "new_code", "id = '5300029877'")
        write(path, content)  # type: ignore[arg-type]

    decide(job, "new_code", "id = '5300001632'")
    with monkeypatch.context() as patch:
        patch.setattr(outputs, "write_manifest", meanwhile)
        with pytest.raises(LayerError, match="holds 1 decisions, which a new run would lose"):
            again(job)
    assert again(job).counts["layers"]["parcels"]["by_decision"] == 2


def test_a_decision_is_stale_when_its_parcel_was_drawn_anew(job):
    decide(job, "new_code", "id = '5300029877'")
    again(job)
    path = job.parent / "cadastre_2016.gpkg"
    rows = gpd.read_file(path, layer="teig")
    chosen = rows["teigid"] == 5300029877
    rows.loc[chosen, "geometry"] = rows.loc[chosen].buffer(-0.5)
    rows.to_file(path, layer="teig")
    done = again(job)
    assert [f.what for f in done.results.findings if f.check == "stale decision"] == [
        "1 decisions rest on what has changed since: 5300029877"
    ]
    review = gpd.read_file(job.parent / "out/review.gpkg", layer="parcels").set_index("id")
    assert review.at["5300029877", "earlier"] == "0710 by Kari"
    assert pd.isna(review.at["5300029877", "decision"])


def test_a_decision_nobody_needs_is_told(job):
    (job.parent / "decisions.csv").write_text("layer,id,decision\nparcels,5300003347,0710\n", encoding="utf-8")
    done = again(job)
    assert [f.check for f in done.results.findings if "decision" in f.check] == ["decision not needed"]


def test_decisions_on_a_layer_the_job_no_longer_has_are_not_thrown_away(job):
    decide(job, "new_code", STRADDLES)
    text = job.read_text(encoding="utf-8")
    job.write_text(
        text.replace("name: parcels", "name: teiger").replace("layer: parcels", "layer: teiger"), encoding="utf-8"
    )
    with pytest.raises(LayerError, match="holds 20 decisions, which a new run would lose"):
        again(job)


def test_a_broken_file_of_decisions(job):
    (job.parent / "decisions.csv").write_text("layer;id\n", encoding="utf-8")
    decide(job, "new_code", STRADDLES)
    with pytest.raises(InputError, match="has no column"):
        again(job)


def test_the_manifest_names_the_file_and_what_was_decided(job):
    decide(job, "new_code", "id = '5300029877'")
    again(job)
    manifest = json.loads((job.parent / "out/manifest.json").read_text(encoding="utf-8"))
    assert "decisions.csv" in {entry["path"] for entry in manifest["inputs"]}
    assert manifest["decisions"] == [
        {"layer": "parcels", "id": "5300029877", "decision": "0710", "decided_by": "Kari", "note": ""}
    ]
