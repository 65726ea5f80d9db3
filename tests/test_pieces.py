"""Pieces: every event carried out on small drawn units, and what must not change."""

from __future__ import annotations

import datetime as dt
import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geomerge.coverage import faulty_edges
from geomerge.errors import Blocked, CRSError, InputError
from geomerge.findings import Finding, GeomergeWarning
from geomerge.parts import Subunits
from geomerge.pieces import pieces, unit_codes


def rows(cut: gpd.GeoDataFrame) -> list[tuple[str, str, str, float]]:
    """Return old code, new code, kind and area (in squares) of each piece."""
    areas = (cut.area / 100).round(6)
    return list(zip(cut.old_code.fillna(""), cut.new_code.fillna(""), cut.kind, areas.tolist(), strict=True))


def checks(found: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.severity, finding.check) for finding in found}


def wkb(table: gpd.GeoDataFrame) -> dict[str, bytes]:
    column = "code" if "code" in table.columns else "old_code"
    return dict(zip(table[column], table.geometry.to_wkb(), strict=True))


def is_coverage(table: gpd.GeoDataFrame) -> bool:
    shapes = table.geometry.to_numpy()
    return bool(shapely.coverage_is_valid(shapes) and shapely.is_valid(shapes).all())


class TestWhole:
    def test_merge(self, drawn):
        cut, new, found = drawn.change(drawn("AAB", "ACB"), {"merge": ["A", "B"], "into": "X"})
        assert rows(cut) == [("A", "X", "whole", 3), ("B", "X", "whole", 2), ("C", "C", "whole", 1)]
        assert list(cut.event) == ["merge A B > X", "merge A B > X", ""]
        assert new.geometry["X"].equals(shapely.union_all([drawn.box(0, 0, 3, 2)]) - drawn.box(1, 0, 2, 1))
        assert found == []

    def test_merge_leaves_no_trace_of_the_inner_border(self, drawn):
        _, new, _ = drawn.change(drawn("AB"), {"merge": ["A", "B"], "into": "A"})
        inner = shapely.LineString([(10, 0.1), (10, 9.9)])
        assert not new.geometry["A"].boundary.intersects(inner)
        assert new.geometry["A"].geom_type == "Polygon"

    @pytest.mark.parametrize(
        "event",
        [
            {"renumber": "A", "to": "X"},
            {"rename": "A", "name": "New"},
            {"reparent": ["A"], "parent": "P"},
            {"abolish": ["A"]},
            {"merge": ["B", "C"], "into": "X"},
        ],
        ids=lambda event: next(iter(event)),
    )
    def test_what_is_not_cut_keeps_its_geometry_object(self, drawn, event):
        units = drawn("AAB", "ACB")
        cut, _, _ = drawn.change(units, event)
        assert all(piece is unit for piece, unit in zip(cut.geometry, units.geometry, strict=True))

    def test_renumber_keeps_the_bytes_of_the_new_unit(self, drawn):
        units = drawn("AB")
        _, new, _ = drawn.change(units, {"renumber": "A", "to": "X"})
        assert new.geometry["X"].wkb == units.geometry[0].wkb
        assert new.geometry["X"] is units.geometry[0]

    def test_abolish(self, drawn):
        cut, new, _ = drawn.change(drawn("AB"), {"abolish": ["A"]})
        assert rows(cut) == [("A", "", "whole", 1), ("B", "B", "whole", 1)]
        assert list(new.code) == ["B"]

    def test_a_pair_may_swap_codes_over_two_dates(self, drawn):
        cut, _, _ = drawn.change(
            drawn("AB"),
            {"renumber": "A", "to": "X"},
            {"renumber": "B", "to": "A", "date": "2020-02-01"},
            {"renumber": "X", "to": "B", "date": "2020-03-01"},
        )
        assert rows(cut) == [("A", "B", "whole", 1), ("B", "A", "whole", 1)]
        assert cut.event[0] == "renumber A > X; renumber X > B"

    def test_nothing_to_do(self, drawn):
        units = drawn("AB")
        cut, new, found = drawn.change(units, {"rename": "A", "name": "A"})
        assert wkb(cut) == wkb(units) == wkb(new)
        assert found == []


class TestParts:
    def test_by_area(self, drawn):
        strip = drawn.area(1, 0, 2, 2)
        cut, new, _ = drawn.change(drawn("AAB", "AAB"), {"transfer": "A", "to": "B", "area": "s"}, sources={"s": strip})
        assert rows(cut) == [("A", "A", "part", 2), ("A", "B", "part", 2), ("B", "B", "whole", 2)]
        assert list(cut.event) == ["", "transfer A > B", ""]
        assert new.geometry["B"].equals(drawn.box(1, 0, 3, 2))

    @pytest.mark.parametrize(
        ("way", "left"),
        [({"side": "left"}, True), ({"side": "right"}, False), ({"holding": [5, 5]}, True)],
        ids=["left", "right", "holding"],
    )
    def test_by_line(self, drawn, way, left):
        line = drawn.line((1, -1), (1, 3))
        cut, _, _ = drawn.change(drawn("AAAB"), {"transfer": "A", "to": "B", "line": "l", **way}, sources={"l": line})
        moved = drawn.box(0, 0, 1, 1) if left else drawn.box(1, 0, 3, 1)
        assert cut.geometry[1].equals(moved)

    def test_by_districts(self, drawn):
        tracts = drawn("aab", "ccb", codes={"a": "01", "b": "02", "c": "03"})
        cut, _, _ = drawn.change(
            drawn("AAA", "AAA", "BBB"),
            {"transfer": "A", "to": "B", "districts": ["01", "03"]},
            districts=Subunits(shifted(tracts, 10), "code"),
        )
        assert rows(cut)[:2] == [("A", "A", "part", 2), ("A", "B", "part", 4)]

    @pytest.mark.parametrize(
        ("keys", "area"),
        [
            (["12/1"], 1),
            (["12/1", "40/2"], 2),
            (["40..49"], 2),
            (["12/1..14/9"], 2),
            (["12/1..14/9", "40"], 4),
        ],
        ids=str,
    )
    def test_by_keys_and_ranges(self, drawn, keys, area):
        keyed = {"a": "12/1", "b": "14/9", "c": "40/1", "d": "40/2", "e": "9/1"}
        parcels = drawn("abcde", codes=keyed)
        parcels["unit"] = "A"
        elsewhere = shifted(parcels, 10).assign(unit="B")
        both = pd.concat([parcels, elsewhere], ignore_index=True)
        cut, _, _ = drawn.change(
            drawn("BBBBB", "AAAAA"),
            {"transfer": "A", "to": "B", "keys": keys},
            parcels=Subunits(both, "code", "unit"),
        )
        assert rows(cut)[1] == ("A", "B", "part", area)

    def test_by_former_unit(self, drawn):
        former = drawn("OPB")
        cut, _, _ = drawn.change(
            drawn("AAB"),
            {"transfer": "A", "to": "B", "former": "P", "edition": "old"},
            sources={"old": former},
        )
        assert cut.geometry[1].equals(drawn.box(1, 0, 2, 1))

    def test_by_edition(self, drawn):
        cut, _, _ = drawn.change(
            drawn("AAB"), {"transfer": "A", "to": "B", "edition": "new"}, sources={"new": drawn("ABB")}
        )
        assert cut.geometry[1].equals(drawn.box(1, 0, 2, 1))

    def test_an_edition_may_be_that_of_the_receiver_that_merges_itself(self, drawn):
        cut, new, _ = drawn.change(
            drawn("AABC"),
            {"transfer": "A", "to": "B", "edition": "new"},
            {"merge": ["B", "C"], "into": "X"},
            sources={"new": drawn("AXXX")},
        )
        assert rows(cut)[1] == ("A", "X", "part", 1)
        assert new.area["X"] == 300

    def test_split_with_remainder(self, drawn):
        into = [
            {"code": "X", "area": "west"},
            {"code": "Y", "area": "east"},
            {"code": "Z", "remainder": True},
        ]
        cut, new, _ = drawn.change(
            drawn("AAAA"),
            {"split": "A", "into": into},
            sources={"west": drawn.area(0, 0, 1, 1), "east": drawn.area(3, 0, 9, 1)},
        )
        assert rows(cut) == [("A", "X", "part", 1), ("A", "Y", "part", 1), ("A", "Z", "part", 2)]
        assert set(new.change) == {"split"}
        assert new.geometry["Z"].equals(drawn.box(1, 0, 3, 1))

    def test_what_is_named_moves_and_the_rest_follows_the_merge(self, drawn):
        cut, new, _ = drawn.change(
            drawn("AAB", "CCB"),
            {"merge": ["A", "C"], "into": "X"},
            {"transfer": "A", "to": "B", "area": "s"},
            sources={"s": drawn.area(1, 1, 2, 2)},
        )
        assert rows(cut) == [
            ("A", "B", "part", 1),
            ("A", "X", "part", 1),
            ("B", "B", "whole", 2),
            ("C", "X", "whole", 2),
        ]
        assert new.area.to_dict() == {"B": 300.0, "X": 300.0}

    def test_two_parts_that_go_to_the_same_unit_are_one_piece(self, drawn):
        events = [{"transfer": "A", "to": "B", "area": name} for name in ("s", "t")]
        sources = {"s": drawn.area(0, 0, 1, 1), "t": drawn.area(1, 0, 2, 1)}
        cut, _, _ = drawn.change(drawn("AAAB"), *events, sources=sources)
        assert rows(cut)[:2] == [("A", "A", "part", 1), ("A", "B", "part", 2)]

    def test_a_part_that_comes_back_makes_the_unit_whole_again(self, drawn):
        cut, _, _ = drawn.change(
            drawn("AAB"),
            {"split": "A", "into": [{"code": "X", "area": "s"}, {"code": "Y", "remainder": True}]},
            {"merge": ["X", "Y"], "into": "Z", "date": "2021-01-01"},
            sources={"s": drawn.area(0, 0, 1, 1)},
        )
        assert rows(cut) == [("A", "Z", "whole", 2), ("B", "B", "whole", 1)]

    def test_a_part_of_a_unit_that_goes_there_as_a_whole_is_not_cut_off(self, drawn):
        units = drawn("AAB")
        cut, _, _ = drawn.change(
            units,
            {"merge": ["A", "B"], "into": "X"},
            {"transfer": "A", "to": "B", "area": "s"},
            sources={"s": drawn.area(0, 0, 1, 1)},
        )
        assert rows(cut) == [("A", "X", "whole", 2), ("B", "X", "whole", 1)]
        assert cut.geometry[0] is units.geometry[0]


def shifted(table: gpd.GeoDataFrame, dy: float) -> gpd.GeoDataFrame:
    return table.set_geometry(table.translate(0, dy))


class TestFreeLand:
    def test_create(self, drawn):
        cut, new, _ = drawn.change(drawn("A B"), {"create": "X", "area": "s"}, sources={"s": drawn.area(1, 0, 2, 1)})
        assert rows(cut) == [("A", "A", "whole", 1), ("B", "B", "whole", 1), ("", "X", "created", 1)]
        assert new.change["X"] == "created"

    def test_create_takes_nothing_from_other_units(self, drawn):
        cut, _, found = drawn.change(
            drawn("A B"), {"create": "X", "area": "s"}, sources={"s": drawn.area(0.5, 0, 2, 1)}
        )
        assert rows(cut)[-1] == ("", "X", "created", 1)
        assert ("should", "land is not free") in checks(found)

    def test_create_where_no_land_is_free(self, drawn):
        with pytest.raises(Blocked, match="belong to other units"):
            drawn.change(drawn("AB"), {"create": "X", "area": "s"}, sources={"s": drawn.area(0, 0, 1, 1)})

    def test_create_by_a_line_says_nothing(self, drawn):
        with pytest.raises(Blocked, match="A line cannot tell"):
            drawn.change(
                drawn("AB"),
                {"create": "X", "line": "l", "side": "left"},
                sources={"l": drawn.line((0, 0), (1, 1))},
            )

    def test_land_that_was_given_up_can_be_used_again(self, drawn):
        cut, new, _ = drawn.change(
            drawn("AB"),
            {"abolish": ["A"]},
            {"create": "X", "area": "s", "date": "2021-01-01"},
            sources={"s": drawn.area(-1, 0, 1, 1)},
        )
        assert rows(cut) == [("A", "X", "whole", 1), ("B", "B", "whole", 1), ("", "X", "created", 1)]
        assert new.area["X"] == 200


class TestCorrections:
    def test_a_part_to_another_drawing(self, drawn):
        cut, new, _ = drawn.change(
            drawn("AAB"), {"correct": "A", "to": "B", "area": "s"}, sources={"s": drawn.area(1, 0, 2, 1)}
        )
        assert rows(cut) == [("A", "A", "whole", 1), ("A", "B", "correction", 1), ("B", "B", "whole", 1)]
        assert new.change.to_dict() == {"A": "corrected", "B": "corrected"}
        assert new.area["B"] == 200

    def test_by_edition_also_towards_land_of_no_unit(self, drawn):
        units, edition = drawn("AAB ", "CCC "), drawn("ABBB", "CC  ")
        cut, new, _ = drawn.change(units, {"correct": ["A", "B", "C"], "edition": "e"}, sources={"e": edition})
        assert rows(cut) == [
            ("A", "A", "whole", 1),
            ("A", "B", "correction", 1),
            ("B", "B", "whole", 1),
            ("C", "C", "whole", 2),
            ("C", "", "correction", 1),
            ("", "B", "correction", 1),
        ]
        assert all(new.geometry[code].equals(shape) for code, shape in zip("ABC", edition.geometry, strict=True))

    def test_units_named_that_are_drawn_the_same_are_left(self, drawn):
        units = drawn("AAB", "CCC")
        cut, _, found = drawn.change(units, {"correct": ["A", "B"], "edition": "e"}, sources={"e": units})
        assert rows(cut) == [("A", "A", "whole", 2), ("B", "B", "whole", 1), ("C", "C", "whole", 3)]
        assert found == []

    def test_law_goes_before_drawing(self, drawn):
        """A part that is transferred stays a transfer where an edition draws it the same way."""
        edition = drawn("ABB")
        cut, _, _ = drawn.change(
            drawn("AAB"),
            {"correct": ["A", "B"], "edition": "e"},
            {"transfer": "A", "to": "B", "edition": "e"},
            sources={"e": edition},
        )
        assert rows(cut)[1] == ("A", "B", "part", 1)

    def test_a_unit_the_edition_lacks(self, drawn):
        with pytest.raises(Blocked, match="e has no unit B") as error:
            drawn.change(drawn("AB"), {"correct": ["A", "B"], "edition": "e"}, sources={"e": drawn("A ")})
        assert len({str(finding) for finding in error.value.findings}) == len(error.value.findings)


class TestDates:
    def test_several_dates_in_one_plan(self, drawn):
        cut, new, _ = drawn.change(
            drawn("AABC"),
            {"split": "A", "into": [{"code": "X", "area": "s"}, {"code": "Y", "remainder": True}]},
            {"merge": ["Y", "B"], "into": "Z", "date": "2021-01-01"},
            {"transfer": "Z", "to": "C", "area": "t", "date": "2022-01-01"},
            sources={"s": drawn.area(0, 0, 1, 1), "t": drawn.area(2.5, 0, 3, 1)},
        )
        assert rows(cut) == [
            ("A", "X", "part", 1),
            ("A", "Z", "part", 1),
            ("B", "C", "part", 0.5),
            ("B", "Z", "part", 0.5),
            ("C", "C", "whole", 1),
        ]
        assert new.valid_from.to_dict() == {"X": "2020-01-01", "Z": "2022-01-01", "C": "2022-01-01"}

    def test_a_plan_until_a_date_is_the_first_half(self, drawn):
        units = drawn("AAB")
        plan = drawn.plan(
            {"transfer": "A", "to": "B", "area": "s"},
            {"merge": ["A", "B"], "into": "X", "date": "2021-01-01"},
            sources={"s": drawn.area(1, 0, 2, 1)},
        )
        assert rows(pieces(units, plan.until(dt.date(2020, 6, 1)), findings=[]))[1] == ("A", "B", "part", 1)

    def test_the_order_of_events_does_not_matter(self, drawn):
        units = drawn("AABB", "CCDD", "EEFF")
        events = [
            {"transfer": "A", "to": "B", "area": "s"},
            {"transfer": "A", "to": "B", "area": "t"},
            {"merge": ["C", "D"], "into": "X"},
            {"transfer": "C", "to": "E", "area": "u"},
            {"renumber": "F", "to": "G"},
        ]
        sources = {
            "s": drawn.area(1.5, 2, 2, 3),
            "t": drawn.area(1, 2, 1.5, 2.5),
            "u": drawn.area(0, 1, 1, 1.5),
        }
        tables = [
            pieces(units, drawn.plan(*order, sources=sources), findings=[]) for order in itertools.permutations(events)
        ]
        first = tables[0].to_wkb()
        for table in tables[1:]:
            pd.testing.assert_frame_equal(first, table.to_wkb())


class TestNeighbours:
    def test_a_neighbour_gets_the_corner_and_it_is_said(self, drawn):
        units = drawn("AAB", "CCB")
        strip = drawn.area(1.3, 1, 2, 2)
        cut, _, found = drawn.change(units, {"transfer": "A", "to": "B", "area": "s"}, sources={"s": strip})
        after, before = wkb(cut[cut.old_code != "A"]), wkb(units)
        assert after["B"] == before["B"]
        assert after["C"] != before["C"]
        corners = [finding for finding in found if finding.check == "inserted corner"]
        assert [finding.what for finding in corners] == ["C received a corner at 13.000 10.000"]
        assert is_coverage(cut)
        assert cut.geometry[cut.old_code == "C"].item().equals(units.geometry[2])

    def test_two_neighbours_that_are_both_cut(self, drawn):
        across = drawn.area(0.5, -1, 1.25, 3)
        cut, new, _ = drawn.change(
            drawn("AAX", "BBX"),
            {"transfer": "A", "to": "X", "area": "s"},
            {"transfer": "B", "to": "X", "area": "s"},
            sources={"s": across},
        )
        assert is_coverage(cut)
        assert is_coverage(new)
        assert new.area["X"] == 350

    def test_a_line_that_runs_through_a_corner(self, drawn):
        units = drawn("AAB", "CDB")
        line = drawn.line((1, 3), (1, -1))
        cut, _, found = drawn.change(
            units, {"transfer": "A", "to": "B", "line": "l", "side": "left"}, sources={"l": line}
        )
        assert [finding.check for finding in found] == []
        assert wkb(cut[cut.old_code != "A"]) == {c: w for c, w in wkb(units).items() if c != "A"}

    def test_a_line_along_an_edge(self, drawn):
        """The part ends where the unit does: no sliver, and no corner."""
        units = drawn("AAB", "CCB")
        part = drawn.area(1, 1, 2, 2)
        cut, new, found = drawn.change(units, {"transfer": "A", "to": "C", "area": "s"}, sources={"s": part})
        assert rows(cut)[:2] == [("A", "A", "part", 1), ("A", "C", "part", 1)]
        assert is_coverage(new)
        assert {finding.check for finding in found} <= {"inserted corner"}

    def test_a_line_that_nearly_follows_an_edge_leaves_no_sliver(self, drawn):
        units = drawn("AAB", "CCB")
        part = gpd.GeoDataFrame(
            geometry=[shapely.Polygon([(10, 10.0004), (20, 10.0002), (20, 20), (10, 20)])], crs=drawn.crs
        )
        cut, new, _ = drawn.change(units, {"transfer": "A", "to": "B", "area": "s"}, sources={"s": part})
        assert cut.geometry.geom_type.eq("Polygon").all()
        assert cut.geometry[1].area == pytest.approx(100, abs=0.01)
        assert is_coverage(new)

    def test_a_unit_with_a_hole(self, drawn):
        units = drawn("AAA", "ABA", "AAA")
        line = drawn.line((1.5, -1), (1.5, 4))
        _, new, found = drawn.change(
            units,
            {
                "split": "A",
                "into": [{"code": "W", "line": "l", "side": "left"}, {"code": "E", "remainder": True}],
            },
            sources={"l": line},
        )
        assert new.area[["W", "E"]].tolist() == [400, 400]
        assert is_coverage(new)
        received = [f.what for f in found if f.check == "inserted corner"]
        assert received == ["B received a corner at 15.000 10.000", "B received a corner at 15.000 20.000"]

    def test_a_part_inside_of_its_unit(self, drawn):
        units = drawn("AAA", "AAA", "AAA", "BBB")
        cut, new, found = drawn.change(
            units, {"transfer": "A", "to": "B", "area": "s"}, sources={"s": drawn.area(1, 2, 2, 3)}
        )
        assert is_coverage(new)
        assert len(cut.geometry[0].interiors) == 1
        assert found == []

    def test_islands_and_exclaves(self, drawn):
        units = drawn("AA A BA", "AA    A")
        cut, new, _ = drawn.change(
            units, {"transfer": "A", "to": "B", "area": "s"}, sources={"s": drawn.area(3, 0, 7, 2)}
        )
        assert rows(cut) == [("A", "A", "part", 4), ("A", "B", "part", 3), ("B", "B", "whole", 1)]
        assert new.geometry["A"].equals(drawn.box(0, 0, 2, 2))

    def test_an_island_the_line_does_not_touch_stays_and_it_is_said(self, drawn):
        cut, _, found = drawn.change(
            drawn("AA AB"),
            {"transfer": "A", "to": "B", "line": "l", "side": "left"},
            sources={"l": drawn.line((1, -1), (1, 2))},
        )
        assert rows(cut)[:2] == [("A", "A", "part", 2), ("A", "B", "part", 1)]
        assert ("should", "parts apart") in checks(found)

    def test_land_gained_gives_neighbours_their_corners(self, drawn):
        units = drawn("AB", "  ")
        edition = drawn("AB", "A ").set_geometry(
            [shapely.Polygon([(0, 0), (5, 0), (5, 10), (10, 10), (10, 20), (0, 20)]), drawn.box(1, 1, 2, 2)]
        )
        cut, new, _ = drawn.change(units, {"correct": ["A"], "edition": "e"}, sources={"e": edition})
        assert is_coverage(new)
        assert is_coverage(cut)


class TestHeights:
    @staticmethod
    def raised(units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return units on a slope: the height is x."""
        lifted = shapely.transform(
            shapely.force_3d(units.geometry.to_numpy(), z=0.0),
            lambda c: np.column_stack([c[:, :2], c[:, 0]]),
            include_z=True,
        )
        return units.set_geometry(gpd.GeoSeries(lifted, crs=units.crs))

    @pytest.mark.parametrize(
        "selector",
        [{"area": "s"}, {"line": "l", "side": "right"}],
        ids=["area", "line"],
    )
    def test_new_corners_have_the_height_of_the_edge(self, drawn, selector):
        sources = {"s": drawn.area(1.3, 0, 2, 9), "l": drawn.line((1.3, 0), (1.3, 9))}
        cut, new, _ = drawn.change(
            self.raised(drawn("AAB", "CCB")),
            {"transfer": "A", "to": "B", **selector},
            sources=sources,
        )
        for table in (cut, new):
            corners = table.get_coordinates(include_z=True)
            assert table.has_z.all()
            assert np.allclose(corners.z, corners.x)

    def test_a_corner_on_new_lines_is_never_without_height(self, drawn):
        cut, _, _ = drawn.change(
            self.raised(drawn("AAAB", "AAAB", "AAAB")),
            {"transfer": "A", "to": "B", "area": "s"},
            sources={"s": drawn.area(1, 1, 2, 2)},
        )
        assert cut.has_z.all()
        assert not cut.get_coordinates(include_z=True).z.isna().any()

    def test_heights_of_the_line_are_kept(self, drawn):
        part = self.raised(drawn.area(1, -1, 2, 0.5)).translate(0, 0, 1000).to_frame("shape")
        cut, _, _ = drawn.change(
            self.raised(drawn("AAAB")), {"transfer": "A", "to": "B", "area": "s"}, sources={"s": part}
        )
        heights = {(x, y): z for x, y, z in shapely.get_coordinates(cut.geometry[1], include_z=True).tolist()}
        assert heights == {(10, 0): 10, (20, 0): 20, (10, 5): 1010, (20, 5): 1020}

    def test_flat_units_stay_flat(self, drawn):
        cut, _, _ = drawn.change(
            drawn("AAB"),
            {"transfer": "A", "to": "B", "area": "s"},
            sources={"s": self.raised(drawn.area(1, 0, 2, 1))},
        )
        assert not cut.has_z.any()

    def test_measures_cannot_be_carried(self, drawn):
        units = drawn("AB", "CC")
        with_m = shapely.from_wkt("POLYGON M ((0 10 1, 10 10 2, 10 20 3, 0 20 4, 0 10 1))")
        units = units.set_geometry([with_m, *units.geometry[1:]], crs=drawn.crs)
        with pytest.raises(InputError, match="joins A, which have M values"):
            drawn.change(units, {"merge": ["A", "B"], "into": "X"})
        cut, _, _ = drawn.change(units, {"merge": ["B", "C"], "into": "X"})
        assert cut.geometry[0].wkb == with_m.wkb


class TestInput:
    def test_the_input_is_not_changed(self, drawn):
        units = drawn("AAB", "CCB", name=["a", "b", "c"])
        strip = drawn.area(1.3, 1, 2, 2)
        before, area = units.copy(deep=True), strip.copy(deep=True)
        drawn.change(
            units,
            {"transfer": "A", "to": "B", "area": "s"},
            {"renumber": "C", "to": "D"},
            sources={"s": strip},
        )
        pd.testing.assert_frame_equal(units.to_wkb(), before.to_wkb())
        pd.testing.assert_frame_equal(strip.to_wkb(), area.to_wkb())

    def test_any_index_and_geometry_name(self, drawn):
        units = drawn("AAB").rename_geometry("omriss").set_index(pd.Index([7, 7], name="fid"))
        cut, new, _ = drawn.change(
            units, {"transfer": "A", "to": "B", "area": "s"}, sources={"s": drawn.area(1, 0, 2, 1)}
        )
        assert len(cut) == 3
        assert new.geometry.name == "omriss"
        assert list(new.columns) == ["code", "change", "predecessors", "valid_from", "omriss"]

    def test_another_code_column(self, drawn):
        units = drawn("AB").rename(columns={"code": "kommunenummer"})
        cut, _, _ = drawn.change(units, {"merge": ["A", "B"], "into": "X"}, code="kommunenummer")
        assert list(cut.new_code) == ["X", "X"]

    def test_crs_is_kept(self, drawn):
        cut, _, _ = drawn.change(drawn("AB").to_crs(3035), {"merge": ["A", "B"], "into": "X"})
        assert cut.crs.to_epsg() == 3035

    def test_no_column(self, drawn):
        with pytest.raises(InputError, match=r"no column kode. They have code, geometry"):
            pieces(drawn("AB"), drawn.plan({"abolish": ["A"]}), code="kode")

    def test_codes_that_are_numbers_or_missing(self, drawn):
        table = drawn("AB").assign(code=pd.Series(["A", None], dtype=object))
        with pytest.raises(InputError, match="empty in 1 rows"):
            unit_codes(table, "code")
        with pytest.raises(InputError, match="holds numbers such as 301"):
            unit_codes(drawn("AB").assign(code=[301, 302]), "code")

    def test_a_cut_in_degrees(self, drawn):
        units, strip = drawn("AAB").to_crs(4326), drawn.area(1, 0, 2, 1).to_crs(4326)
        with pytest.raises(CRSError, match=r"Work in a projected CRS, for example crs: EPSG:\d+"):
            drawn.change(units, {"transfer": "A", "to": "B", "area": "s"}, sources={"s": strip})

    def test_a_merge_in_degrees_needs_no_cut(self, drawn):
        """One centimetre is that many degrees: a gap of 1 m is no reason to move a line."""
        units = drawn("AB").to_crs(4326)
        units = units.set_geometry([units.geometry[0], units.translate(1e-5, 0)[1]], crs=4326)
        cut, _, found = drawn.change(units, {"merge": ["A", "B"], "into": "X"})
        assert wkb(cut) == wkb(units)
        assert found == []

    def test_sources_in_another_crs(self, drawn):
        strip = drawn.area(1, 0, 2, 1)
        with pytest.raises(CRSError, match="s is in EPSG:3035, units in EPSG:25833") as error:
            drawn.change(
                drawn("AAB"),
                {"transfer": "A", "to": "B", "area": "s"},
                {"transfer": "B", "to": "A", "area": "t"},
                sources={"s": strip.to_crs(3035), "t": strip.set_crs(None, allow_override=True)},
            )
        assert len(error.value.faults) == 2

    def test_sources_that_were_not_read(self, drawn):
        with pytest.raises(InputError, match=r"refers to s, t, but"):
            drawn.change(
                drawn("AAB"),
                {"transfer": "A", "to": "B", "area": "s"},
                {"transfer": "B", "to": "A", "area": "t"},
            )

    def test_all_faults_of_a_plan_at_once(self, drawn):
        units = drawn("AABC", codes={"C": "A"})
        with pytest.raises(Blocked) as error:
            drawn.change(units, {"merge": ["A", "Q"], "into": "X"}, {"renumber": "Z", "to": "Y"})
        text = str(error.value)
        assert all(fault in text for fault in ("A stands 2 times", "code Q", "code Z"))

    def test_all_faults_of_parts_at_once(self, drawn):
        findings: list[Finding] = []
        plan = drawn.plan(
            {"transfer": "A", "to": "B", "area": "far"},
            {"transfer": "B", "to": "A", "area": "all"},
            {"transfer": "C", "to": "A", "districts": ["1"]},
            {"transfer": "C", "to": "B", "keys": ["1"]},
            {"transfer": "D", "to": "B", "line": "short", "side": "left"},
            sources={
                "far": drawn.area(50, 0, 51, 1),
                "all": drawn.area(-9, -9, 9, 9),
                "short": drawn.line((0.5, 0.2), (0.5, 0.8)),
            },
        )
        with pytest.raises(Blocked) as error:
            pieces(drawn("ABC", "DDD"), plan, findings=findings)
        assert tuple(findings) == error.value.findings
        assert [finding.what for finding in findings] == [
            "The part named does not lie in A",
            "The part named is all of B",
            "The part is named by districts, but there is no layer of districts",
            "The part is named by parcel keys, but there is no layer of parcels",
            "The line does not divide D; draw it from border to border, and a bit beyond",
        ]

    def test_parts_that_overlap(self, drawn):
        sources = {"s": drawn.area(0, 0, 1, 1), "t": drawn.area(0.5, 0, 2, 1)}
        with pytest.raises(Blocked, match=r"50.000 m² of A are claimed for both B and C"):
            drawn.change(
                drawn("AAABC"),
                {"transfer": "A", "to": "B", "area": "s"},
                {"transfer": "A", "to": "C", "area": "t"},
                sources=sources,
            )

    def test_a_part_mostly_outside(self, drawn):
        _, _, found = drawn.change(
            drawn("AAB"), {"transfer": "A", "to": "B", "area": "s"}, sources={"s": drawn.area(1, 0, 3, 1)}
        )
        assert [finding.what for finding in found if finding.check == "part outside"] == [
            "100.000 m² of the part named (200.000 m²) lie outside A"
        ]

    def test_findings_nobody_collects_are_warnings(self, drawn):
        plan = drawn.plan({"transfer": "A", "to": "B", "area": "s"}, sources={"s": drawn.area(1, 0, 3, 1)})
        with pytest.warns(GeomergeWarning, match="lie outside A"):
            pieces(drawn("AAB"), plan)

    def test_blocked_is_raised_without_warnings_before_it(self, drawn):
        plan = drawn.plan({"transfer": "A", "to": "B", "area": "s"}, sources={"s": drawn.area(9, 0, 10, 1)})
        with pytest.raises(Blocked):
            pieces(drawn("AAB"), plan)


class TestFaultyUnits:
    BOWTIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])

    def test_an_invalid_unit_that_is_not_touched_stays_and_is_reported(self, drawn):
        units = drawn("ABC").set_geometry([self.BOWTIE, *drawn("ABC").geometry[1:]], crs=drawn.crs)
        cut, _, found = drawn.change(units, {"merge": ["B", "C"], "into": "X"})
        assert cut.geometry[0] is units.geometry[0]
        invalid = [finding for finding in found if finding.check == "invalid polygon"]
        assert len(invalid) == 1
        assert "left as it is" in invalid[0].remedy
        assert invalid[0].geometry is not None

    def test_an_invalid_unit_that_is_touched_is_repaired_and_reported(self, drawn):
        units = drawn("A B").set_geometry([self.BOWTIE, drawn.box(2, 0, 3, 1)], crs=drawn.crs)
        _, new, found = drawn.change(units, {"merge": ["A", "B"], "into": "X"})
        assert new.geometry["X"].is_valid
        assert new.area["X"] == 150
        assert [finding.remedy for finding in found] == ["It was repaired, because the plan changes it."]

    def test_a_unit_without_geometry(self, drawn):
        for nothing in (None, shapely.Polygon()):
            units = drawn("ABC").set_geometry([nothing, *drawn("ABC").geometry[1:]], crs=drawn.crs)
            cut, new, found = drawn.change(units, {"merge": ["B", "C"], "into": "X"}, {"renumber": "A", "to": "Y"})
            assert list(cut.new_code) == ["Y", "X", "X"]
            assert checks(found) == {("should", "no geometry")}
            assert new.geometry["Y"] is nothing or new.geometry["Y"].is_empty
            with pytest.raises(Blocked, match="A has no geometry"):
                drawn.change(units, {"merge": ["A", "C"], "into": "X"})

    def test_a_gap_between_merged_units_is_closed(self, drawn):
        units = drawn("ABC", "DDD")
        narrow = shapely.Polygon([(10.004, 10), (20, 10), (20, 20), (10.004, 20)])
        units = units.set_geometry([units.geometry[0], narrow, *units.geometry[2:]], crs=drawn.crs)
        _, new, _ = drawn.change(units, {"merge": ["A", "B"], "into": "X"})
        assert new.geometry["X"].equals(drawn.box(0, 1, 2, 2))
        assert not len(new.geometry["X"].interiors)
        assert faulty_edges(new.geometry.to_numpy()).tolist() == [None, None, None]
