"""Findings: texts, tables, notes, warnings."""

from __future__ import annotations

import pytest
import shapely

from geomerge.errors import Blocked
from geomerge.findings import (
    COLUMNS,
    Finding,
    GeomergeWarning,
    Notes,
    collector,
    findings_table,
    place,
    require,
)

MUST = Finding("must", "unknown code", "No unit has the code 706.", "event 2", "Write 0706.")
SHOULD = Finding("should", "sliver", "Narrow part", geometry=shapely.Point(1, 2))


def test_a_finding_reads_as_a_sentence():
    assert str(MUST) == "No unit has the code 706 (event 2). Write 0706."
    assert str(SHOULD) == "Narrow part."
    assert MUST.blocks
    assert not SHOULD.blocks


def test_records_have_text_only():
    assert MUST.record() == dict(zip(COLUMNS, ("must", *list(MUST.record().values())[1:]), strict=True))
    assert "geometry" not in SHOULD.record()


def test_only_must_blocks():
    require([SHOULD])
    require([])
    with pytest.raises(Blocked) as error:
        require(iter([SHOULD, MUST]))
    assert error.value.findings == (SHOULD, MUST)
    assert str(error.value) == str(MUST)


def test_a_table_has_what_blocks_first():
    table = findings_table([SHOULD, MUST], crs="EPSG:25833")
    assert table.severity.tolist() == ["must", "should"]
    assert table.geometry.isna().tolist() == [True, False]
    assert table.crs.to_epsg() == 25833
    assert list(findings_table([]).columns) == [*COLUMNS, "geometry"]


def test_a_collector_fills_the_list_or_warns():
    found: list[Finding] = []
    collector(found)(SHOULD)
    assert found == [SHOULD]
    with pytest.warns(GeomergeWarning, match="Narrow part"):
        collector(None)(SHOULD)


class TestNotes:
    def test_the_same_fault_is_said_once(self):
        notes = Notes()
        for finding in (MUST, MUST, SHOULD, SHOULD):
            notes(finding)
        assert notes.found == [MUST, SHOULD, SHOULD]

    def test_the_list_is_filled_before_it_blocks(self):
        notes, found = Notes(), []
        notes(SHOULD)
        notes(MUST)
        with pytest.raises(Blocked):
            notes.settle(found)
        assert found == [SHOULD, MUST]

    def test_without_a_list_they_warn_unless_one_blocks(self):
        notes = Notes()
        notes(SHOULD)
        with pytest.warns(GeomergeWarning, match="Narrow part"):
            notes.settle(None)
        notes(MUST)
        with pytest.raises(Blocked):
            notes.settle(None)

    def test_measures(self):
        assert Notes().area(99_999) == "99999.000 m²"
        assert Notes().area(100_000) == "0.100 km²"
        assert Notes("US survey foot").area(2) == "2.000 square US survey foot"
        assert Notes("degree").length(0.5) == "0.500 degree"


def test_place():
    assert place(shapely.Point(1.23456, 2)) == "1.235 2.000"
