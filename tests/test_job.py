"""The job file: read with all its faults at once, with paths beside it, and described by a schema."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
import yaml

from geomerge.attributes import Take
from geomerge.errors import PlanFormatError
from geomerge.job import FileLayer, Job, read_job

SMALLEST = "plan: plan.yaml\nunits: {path: units.gpkg, code: kommunenummer}\n"


def job_of(tmp_path: Path, text: str) -> Job:
    (tmp_path / "job.yaml").write_text(dedent(text), encoding="utf-8")
    return read_job(tmp_path / "job.yaml")


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(PlanFormatError) as caught:
        job_of(tmp_path, text)
    return [fault.replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_the_smallest_job(tmp_path: Path) -> None:
    job = job_of(tmp_path, SMALLEST)
    assert (job.title, job.crs, job.layers, job.output) == (None, None, (), "out")
    assert job.file("units.gpkg") == str(tmp_path / "units.gpkg")
    assert job.file("zip://a.zip!b.gml") == f"zip://{tmp_path}/a.zip!b.gml"


def test_a_job_with_everything(tmp_path: Path) -> None:
    job = job_of(
        tmp_path,
        """\
        title: Sandefjord
        plan: plan.yaml
        crs: 25832
        units:
          path: units.shp
          code: KOMM
          code_width: 4
          encoding: ISO-8859-1
          crs: EPSG:4258
          levels: [{name: county, code: fylke, label: fylkesnavn}, {name: nation}]
          attributes: {people: sum, mayor: {take: "0706"}, year: {constant: 2017}}
        layers:
          - {name: parcels, path: a.gpkg, layer: teig, code: komm, id: teigid, min_share: 0.8, verify: all}
          - name: property_units
            path: cadastre.gpkg
            code: komm
            follows: {layer: parcels, foreign_key: teigid, key: teigid, by: matrikkelenhetid}
        districts: {path: districts.gpkg, key: grunnkrets}
        parcels: {path: cadastre.gpkg, layer: teig, key: key, code: komm}
        gap_width: 0.5
        output: results
        """,
    )
    assert job.crs == "EPSG:25832"
    assert (job.units.code_width, job.units.crs, job.units.encoding) == (4, "EPSG:4258", "ISO-8859-1")
    assert job.units.attributes["mayor"] == Take(take="0706")
    assert (job.layers[0].min_share, job.layers[0].verify, job.gap_width) == (0.8, "all", 0.5)
    assert job.layers[1].follows is not None


def test_all_faults_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        """\
        crs: EPSG:4326
        units:
          path:
          code_width: four
          encoding: latin-17
          crs: EPSG:1
          attributes: {people: summ}
        layers:
          - {name: my parcels, path: a.gpkg, code: c, min_share: 0.4}
          - {name: roads, path: a.gpkg, code: c, verify: some, format: dwg}
        gap_width: -1
        outptu: out
        """,
    )
    assert found == [
        "job.yaml line 1: crs: areas cannot be measured in EPSG:4326; name a projected CRS, such as EPSG:25832.",
        "job.yaml line 1: plan: is missing.",
        "job.yaml line 2: units > code: is missing.",
        "job.yaml line 3: units > path: is empty.",
        "job.yaml line 4: units > code_width: is no whole number.",
        "job.yaml line 5: units > encoding: latin-17 is no known encoding; write it like UTF-8 or ISO-8859-1.",
        "job.yaml line 6: units > crs: EPSG:1 is no CRS that PROJ knows; write it like EPSG:25832.",
        "job.yaml line 7: units > attributes > people: must be 'sum', 'mean' or 'join', "
        "or must be names with values (name: value).",
        "job.yaml line 9: layers > 1 > min_share: must be greater than 0.5.",
        "job.yaml line 9: layers > 1 > name: does not have the form ^[\\w-]+$.",
        "job.yaml line 10: layers > 2 > format: must be 'gpkg', 'parquet', 'fgb', 'geojson', 'shp', 'gdb', "
        "'gml' or 'csv'.",
        "job.yaml line 10: layers > 2 > verify: must be 'affected', 'all' or 'none'.",
        "job.yaml line 11: gap_width: must be greater than or equal to 0.",
        "job.yaml line 12: outptu: is not known here; check its spelling.",
    ]


@pytest.mark.parametrize(
    ("layers", "fault"),
    [
        (
            "  - {name: a, path: p, code: c}\n  - {name: a, path: q, code: c}\n",
            "job.yaml line 3: layers: several layers are named a.",
        ),
        (
            "  - {name: a, path: p, code: c, follows: {layer: b, foreign_key: f, key: k}}\n",
            "job.yaml line 3: layers: a follows b, which is no layer with a place of its own.",
        ),
        (
            "  - {name: a, path: p, code: c, follows: {layer: a, foreign_key: f, key: k}}\n",
            "job.yaml line 3: layers: a follows a, which is no layer with a place of its own.",
        ),
    ],
)
def test_layers_have_names_of_their_own_and_follow_what_is_there(tmp_path: Path, layers: str, fault: str) -> None:
    assert faults(tmp_path, f"{SMALLEST}layers:\n{layers}") == [fault]


def test_a_missing_job(tmp_path: Path) -> None:
    with pytest.raises(PlanFormatError, match="cannot be read"):
        read_job(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("change", "valid"),
    [({}, True), ({"units": {"path": "a"}}, False), ({"layer": []}, False), ({"gap_width": -1}, False)],
)
def test_the_schema_says_what_the_model_says(change: dict[str, Any], valid: bool) -> None:
    job = yaml.safe_load(SMALLEST) | change
    validator = jsonschema.Draft202012Validator(Job.model_json_schema())
    assert validator.is_valid(job) == valid


def test_the_sample_job_fits_the_schema(sample: Path) -> None:
    data = yaml.safe_load((sample / "job.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(data, Job.model_json_schema(), cls=jsonschema.Draft202012Validator)
    assert read_job(sample / "job.yaml").units.code == "kommunenummer"


def test_an_encoding_gets_the_name_that_gdal_knows() -> None:
    for name in ("latin-1", "ISO-8859-1", "iso8859-1"):
        assert FileLayer(path="a.shp", code="c", encoding=name).encoding == "ISO-8859-1"
    assert FileLayer(path="a.csv", code="c", encoding="UTF-8").encoding == "utf-8"
