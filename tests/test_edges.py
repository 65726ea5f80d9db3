"""Boundary lines: kept, removed, new; level and length."""

from __future__ import annotations

import pandas as pd
import shapely

from geomerge.edges import boundary_lines


def total(lines, **wanted):
    chosen = lines
    for column, value in wanted.items():
        chosen = chosen[chosen[column] == value]
    return chosen.length.sum()


def test_status_and_length(drawn):
    cut, _, _ = drawn.change(
        drawn("AAB", "CCD"),
        {"merge": ["A", "C"], "into": "X"},
        {"transfer": "D", "to": "B", "area": "s"},
        sources={"s": drawn.area(2, 0.5, 3, 1)},
    )
    lines = boundary_lines(cut)
    assert total(lines, level="outer") == 100
    assert total(lines, status="removed") == 20 + 10
    assert total(lines, status="new") == 10
    assert total(lines, status="kept", level="unit") == 20
    assert lines.length.sum() == 160
    assert (lines["length"] == lines.geometry.length).all()
    assert lines.crs == cut.crs


def test_a_line_has_its_sides_by_code(drawn):
    cut, _, _ = drawn.change(drawn("BA"), {"renumber": "A", "to": "X"})
    line = boundary_lines(cut).query("level == 'unit'").iloc[0]
    assert line[["left_old", "right_old", "left_new", "right_new"]].tolist() == ["A", "B", "X", "B"]
    assert line.geometry.geom_type == "LineString"


def test_levels(drawn):
    cut, _, _ = drawn.change(drawn("ABCD"), {"rename": "A", "name": "a"})
    county = pd.Series({"A": "1", "B": "1", "C": "2", "D": "3"})
    region = pd.Series({"A": "N", "B": "N", "C": "N", "D": "S"})
    lines = boundary_lines(cut, parents=[("county", county), ("region", region)])
    assert lines[lines.level != "outer"].set_index("left_old").level.to_dict() == {
        "A": "unit",
        "B": "county",
        "C": "region",
    }


def test_land_of_no_unit_has_an_outer_border(drawn):
    cut, _, _ = drawn.change(drawn("AB"), {"abolish": ["A"]})
    lines = boundary_lines(cut)
    assert total(lines, status="removed", level="outer") == 30
    assert total(lines, status="kept", level="outer") == 40
    assert total(lines, level="unit") == 0


def test_created_land_has_new_borders(drawn):
    cut, _, _ = drawn.change(drawn("A "), {"create": "X", "area": "s"}, sources={"s": drawn.area(1, 0, 2, 1)})
    lines = boundary_lines(cut)
    assert total(lines, status="new") == 30
    assert total(lines, status="kept", level="unit") == 10


def test_holes_and_exclaves(drawn):
    cut, _, _ = drawn.change(drawn("AAA", "ABA", "AAA", "  B"), {"merge": ["A", "B"], "into": "X"})
    lines = boundary_lines(cut)
    assert total(lines, status="removed") == 50
    assert total(lines, level="outer") == 120 - 10 + 30


def test_a_unit_without_geometry(drawn):
    units = drawn("AB").set_geometry([None, drawn("AB").geometry[1]], crs=drawn.crs)
    cut, _, _ = drawn.change(units, {"rename": "A", "name": "a"})
    assert boundary_lines(cut)["length"].sum() == 40


def test_nothing(drawn):
    cut, _, _ = drawn.change(drawn("AB"), {"rename": "A", "name": "a"})
    assert len(boundary_lines(cut.iloc[:0])) == 0


def test_heights_are_kept(drawn):
    units = drawn("AB").set_geometry(shapely.force_3d(drawn("AB").geometry.to_numpy(), z=7.0))
    cut, _, _ = drawn.change(units.set_crs(drawn.crs, allow_override=True), {"rename": "A", "name": "a"})
    assert set(boundary_lines(cut).get_coordinates(include_z=True).z) == {7.0}
