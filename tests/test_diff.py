"""From two drawn editions to the plan between them: every kind of event, and lines that are merely drawn anew."""

from __future__ import annotations

import datetime as dt
import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geomerge.diff import diff
from geomerge.dissolve import dissolve
from geomerge.errors import CRSError, InputError
from geomerge.pieces import pieces
from geomerge.plan import Plan

DAY = dt.date(2020, 1, 1)
CRS = "EPSG:25833"


def labels(found):
    return [event.label() for event in found.plan.events]


def verdicts(found):
    rows = found.evidence[["old_code", "new_code", "verdict"]].astype(object)
    return [tuple(row) for row in rows.where(rows.notna(), None).to_numpy()]


def carried_out(before, plan):
    """Return what the plan makes of the first edition, by code."""
    cut = pieces(before, plan, findings=[])
    return dissolve(cut, units=before, plan=plan, name="name" if "name" in before else None, findings=[]).set_index(
        "code"
    )


def apart(made, after):
    """Return the symmetric difference of each unit and the second edition, relative to its area."""
    wanted = after.set_index("code").geometry
    assert set(made.index) == set(wanted.index)
    moved = shapely.symmetric_difference(made.geometry.loc[wanted.index].to_numpy(), wanted.to_numpy())
    return shapely.area(moved) / wanted.area.to_numpy()


# Each drawing shows the first edition and the second, and the events between them.
REFORMS = {
    "merge under the code of one": ("ABC", "AAC", ["merge A B > A"]),
    "merge under a new code": ("ABC", "DDC", ["merge A B > D"]),
    "renumber": ("ABC", "DBC", ["renumber A > D"]),
    "split": ("AAAB", "AACB", ["split A > A C"]),
    "split under new codes": ("AAAB", "CCDB", ["split A > C D"]),
    "transfer": ("AAAB", "AABB", ["transfer A > B"]),
    "all codes changed": ("AABBC", "DDEEE", ["merge B C > E", "renumber A > D"]),
    "create": ("AB ", "ABC", ["create C"]),
    "abolish": ("ABC", "AB ", ["abolish C"]),
}


@pytest.mark.parametrize("name", REFORMS)
def test_each_event_is_found_and_gives_the_second_edition(drawn, name):
    first, second, events = REFORMS[name]
    before, after = drawn(first), drawn(second)
    found = diff(before, after, date=DAY)
    assert sorted(labels(found)) == events
    assert not [finding for finding in found.findings if finding.blocks]
    assert apart(carried_out(before, found.plan), after).max() < 1e-9


def test_all_of_them_on_one_day(drawn):
    before = drawn("AAAABBBC", "AAAADDDC", "EEFFGGHH", "EEFFGGHH")
    after = drawn("AAXXBBBB", "AAXXKKKB", "EEEEGGLL", "EEEEGLLL")
    found = diff(before, after, date="2020-01-01")
    assert sorted(labels(found)) == [
        "merge B C > B",
        "merge E F > E",
        "renumber D > K",
        "renumber H > L",
        "split A > A X",
        "transfer G > L",
    ]
    assert apart(carried_out(before, found.plan), after).max() < 1e-9
    row = found.evidence.set_index(["old_code", "new_code"]).loc[("G", "L")]
    assert (row.verdict, row.area, row.moved, row.share_old) == ("transfer", 100, 100, 0.25)
    assert row.geometry.equals(drawn.box(5, 0, 6, 1))
    transfer = next(event for event in found.plan.events if event.kind == "transfer")
    assert transfer.evidence == "derived"
    assert transfer.note == "100.000 m² of G (25 %) go to L"
    assert found.plan.sources[transfer.area].area.item() == 100


def test_a_unit_that_is_dissolved_gives_parts_to_its_neighbours(drawn):
    before, after = drawn("AABBBCC"), drawn("AAACCCC")
    found = diff(before, after, date=DAY)
    assert labels(found) == ["transfer B > A", "merge B C > C"]
    assert verdicts(found)[1:3] == [("B", "A", "transfer"), ("B", "C", "part")]
    assert apart(carried_out(before, found.plan), after).max() < 1e-9


def test_an_enclave_vanishes(drawn):
    before, after = drawn("AAAAB", "AAEAB", "AAAAB"), drawn("AAAAB", "AAAAB", "AAAAB")
    assert labels(diff(before, after, date=DAY)) == ["merge A E > A"]
    before, after = drawn("AAAABB", "AABABB", "AAAABB"), drawn("AAAABB", "AAAABB", "AAAABB")
    found = diff(before, after, date=DAY)
    assert labels(found) == ["transfer B > A"]
    assert found.evidence.query("old_code == 'B' and new_code == 'A'").rule.item() == "ring"
    assert apart(carried_out(before, found.plan), after).max() < 1e-9


def test_units_are_matched_by_land_not_by_code(drawn):
    """All codes stay in use, and each goes to another unit."""
    before, after = drawn("AABBCC"), drawn("BBCCAA")
    found = diff(before, after, date=DAY)
    assert verdicts(found) == [("A", "B", "whole"), ("B", "C", "whole"), ("C", "A", "whole")]
    assert found.plan.dates == (dt.date(2019, 12, 31), DAY)
    assert apart(carried_out(before, found.plan), after).max() < 1e-9


def test_a_chain_of_codes(drawn):
    before, after = drawn("AABBCC"), drawn("BBCCDD")
    found = diff(before, after, date=DAY)
    assert not found.findings
    assert apart(carried_out(before, found.plan), after).max() < 1e-9


def test_names_are_compared_once_units_are_matched(drawn):
    before = drawn("AABCDD", name=["Åen", "Bø", "Ceen", "Deen"])
    after = drawn("AAEEFF", name=["Aaen", "Eeen", "Deen"])
    found = diff(before, after, name="name", date=DAY)
    assert labels(found) == ["rename A", "merge B C > E", "renumber D > F"]
    assert [event.names() for event in found.plan.events] == [{"A": "Aaen"}, {"E": "Eeen"}, {}]
    made = carried_out(before, found.plan)
    assert made.name.to_dict() == {"A": "Aaen", "E": "Eeen", "F": "Deen"}
    assert labels(diff(before, after, date=DAY)) == ["merge B C > E", "renumber D > F"]


def test_nothing_changed(drawn):
    units = drawn("AB")
    found = diff(units, units, date=DAY)
    assert found.plan is None
    assert verdicts(found) == [("A", "A", "whole"), ("B", "B", "whole")]


def test_the_order_of_rows_does_not_matter(drawn):
    before, after = drawn("AAAABBBC", "AAAADDDC"), drawn("AAXXBBBB", "AAXDDDDB")
    one = diff(before, after, date=DAY)
    other = diff(before.iloc[::-1], after.sample(frac=1, random_state=3), date=DAY)
    assert labels(one) == labels(other)
    assert one.evidence.equals(other.evidence)


def test_the_editions_stay_as_they_are(drawn):
    before, after = drawn("AAAB"), drawn("AABB")
    copies = before.copy(), after.copy()
    diff(before, after, date=DAY, redraw=True)
    assert before.equals(copies[0])
    assert after.equals(copies[1])


class Wavy:
    """Two units of 100 km² with a wavy border of two hundred corners between them."""

    def __init__(self) -> None:
        y = np.linspace(0, 10_000, 201)
        self.line = np.column_stack([10_000 + 300 * np.sin(y / 700), y])

    def units(self, line) -> gpd.GeoDataFrame:
        west = shapely.Polygon([(0, 0), *line, (0, 10_000)])
        east = shapely.Polygon([(20_000, 0), (20_000, 10_000), *line[::-1]])
        return gpd.GeoDataFrame({"code": ["A", "B"]}, geometry=[west, east], crs=CRS)

    def shaken(self, by: float):
        """Return the line with every corner moved to the east or west, the ends excepted."""
        moved = self.line.copy()
        moved[1:-1, 0] += np.random.default_rng(2).normal(0, by, len(moved) - 2)
        return moved

    def simplified(self, tolerance: float):
        """Return the line generalised."""
        return shapely.get_coordinates(shapely.LineString(self.line).simplify(tolerance))


@pytest.fixture(scope="module")
def wavy():
    return Wavy()


@pytest.mark.parametrize("by", [1, 10, 50])
def test_noise_is_no_change(wavy, by):
    found = diff(wavy.units(wavy.line), wavy.units(wavy.shaken(by)), date=DAY)
    assert found.plan is None
    between = found.evidence[found.evidence.old_code != found.evidence.new_code]
    assert set(between.verdict) == {"redrawn"}
    assert (between.moved == 0).all()


@pytest.mark.parametrize("tolerance", [5, 50, 200])
@pytest.mark.parametrize("turned", [False, True])
def test_generalisation_is_no_change(wavy, tolerance, turned):
    editions = [wavy.units(wavy.line), wavy.units(wavy.simplified(tolerance))]
    before, after = reversed(editions) if turned else editions
    assert diff(before, after, date=DAY).plan is None


@pytest.mark.parametrize("by", [1, 10, 50])
def test_a_transfer_is_seen_through_noise(wavy, by):
    moved = wavy.shaken(by)
    moved[80:120, 0] += 800
    before, after = wavy.units(wavy.line), wavy.units(moved)
    found = diff(before, after, date=DAY)
    assert labels(found) == ["transfer B > A"]
    row = found.evidence.set_index(["old_code", "new_code"]).loc[("B", "A")]
    assert row.moved == pytest.approx(1.6e6, rel=0.05)
    assert apart(carried_out(before, found.plan), after).max() < 0.01


def test_redraw_gives_the_second_edition_to_the_last_corner(wavy):
    moved = wavy.shaken(50)
    moved[80:120, 0] += 800
    before, after = wavy.units(wavy.line), wavy.units(moved)
    found = diff(before, after, date=DAY, redraw=True)
    assert [event.kind for event in found.plan.events].count("correct") >= 1
    assert apart(carried_out(before, found.plan), after).max() < 1e-9


@pytest.fixture
def bent():
    """Return what draws two units whose border bends at given corners."""

    def units(*bends: tuple[float, float]) -> gpd.GeoDataFrame:
        line = [(5000, 0), *bends, (5000, 9000)]
        west = shapely.Polygon([(0, 0), *line, (0, 9000)])
        east = shapely.Polygon([(9000, 0), (9000, 9000), *line[::-1]])
        return gpd.GeoDataFrame({"code": ["A", "B"]}, geometry=[west, east], crs=CRS)

    return units


def test_a_corner_left_out_is_no_change(bent):
    found = diff(bent((5000, 3000), (5300, 4500), (5000, 6000)), bent((5000, 3000), (5000, 6000)), date=DAY, detail=5e5)
    assert found.plan is None
    row = found.evidence.query("old_code == 'A' and new_code == 'B'").iloc[0]
    assert (row.verdict, row.rule, row.old_corners, row.new_corners) == ("redrawn", "corner left out", 1, 0)
    assert row.reason == (
        "Corners may have been left out: no more than 0.500 km², ends where they were. "
        "Corners that only the old line has: 1, only the new one: 0."
    )


def test_a_corner_larger_than_any_generalisation_leaves_out_is_a_change(bent):
    found = diff(bent((5000, 3000), (5300, 4500), (5000, 6000)), bent((5000, 3000), (5000, 6000)), date=DAY, detail=4e5)
    assert labels(found) == ["transfer A > B"]
    assert found.evidence.query("verdict == 'transfer'").rule.item() == "area"


def test_corners_of_both_editions_prove_a_change(bent):
    steady = [(5000, y) for y in range(500, 3500, 100)]
    before, after = bent(*steady, (5300, 4500), (5000, 6000)), bent(*steady, (4900, 4500), (5000, 6000))
    found = diff(before, after, date=DAY, detail=1e9)
    assert labels(found) == ["transfer A > B"]
    assert found.evidence.query("verdict == 'transfer'").rule.item() == "corners"
    assert diff(before, after, date=DAY, detail=1e9, chance=0).plan is None


def test_a_line_that_moved_to_and_fro_is_drawn_anew(bent):
    before = bent((5000, 3000), (5300, 3800), (4700, 5200), (5000, 6000))
    after = bent((5000, 3000), (4700, 3800), (5300, 5200), (5000, 6000))
    found = diff(before, after, date=DAY)
    assert found.plan is None
    assert "both ways" in set(found.evidence.rule)


def test_what_lies_beside_a_transfer_may_belong_to_it(bent):
    before = bent((5000, 3000), (5050, 3200), (4000, 5200), (5000, 6000))
    after = bent((5000, 3000), (4900, 3200), (5500, 5200), (5000, 6000))
    found = diff(before, after, date=DAY)
    assert labels(found) == ["transfer B > A"]
    assert [finding.check for finding in found.findings] == ["unclear"]
    assert "unclear" in set(found.evidence.verdict)
    assert found.findings[0].geometry is not None


def test_the_coast_drawn_anew_is_no_change(drawn):
    before, after = drawn("AAB", "AAB"), drawn("AAB", " AB")
    found = diff(before, after, date=DAY)
    assert found.plan is None
    assert verdicts(found)[1] == ("A", None, "redrawn")
    again = diff(before, after, date=DAY, redraw=True)
    assert labels(again) == ["correct A"]
    assert apart(carried_out(before, again.plan), after).max() < 1e-9


def test_what_a_divided_unit_loses_to_nobody_does_not_stay_with_its_rest(drawn):
    before, after = drawn("AAAAAB", "AAAAAB"), drawn("AAAC B", "AAACCB")
    found = diff(before, after, date=DAY)
    assert apart(carried_out(before, found.plan), after).max() < 1e-9


def test_land_on_two_sides_of_overlapping_units_is_noted(drawn):
    before = drawn("AAB")
    before.loc[1, "geometry"] = drawn.box(1.5, 0, 3, 1)
    found = diff(before, drawn("AAB"), date=DAY)
    assert [finding.check for finding in found.findings] == ["overlap"]


def official(*events, **given):
    return Plan.model_validate({"date": "2020-01-01", "events": list(events), **given})


def test_an_official_list_that_is_complete(drawn):
    before, after = drawn("AABBCC"), drawn("DDDDCC")
    found = diff(before, after, date=DAY, official=official({"merge": "A B", "into": "D"}))
    assert found.findings == ()


def test_what_an_official_list_leaves_out_and_what_the_map_contradicts(drawn):
    before = drawn("AABBBCCDD", name=list("abcd"))
    after = drawn("AAABBCCED", name=list("abcde"))
    found = diff(
        before,
        after,
        name="name",
        date=DAY,
        official=official({"renumber": "C", "to": "F"}, {"rename": "A", "name": "å"}),
    )
    told = {(finding.check, finding.where) for finding in found.findings}
    assert told == {
        ("left out", "B > A"),
        ("left out", "C > C"),
        ("left out", "D > E"),
        ("contradicted", "C > F"),
        ("name", "A"),
    }
    assert all(finding.remedy and finding.severity == "should" for finding in found.findings)
    left_out = next(finding for finding in found.findings if finding.where == "B > A")
    assert left_out.what == "100.000 m² of B go to A, and the list leaves it out"
    assert left_out.geometry.equals(drawn.box(2, 0, 3, 1))


def test_a_list_that_turns_a_transfer_round(drawn):
    before, after = drawn("AABBB"), drawn("AAABB")
    transfer = {"transfer": "A", "to": "B", "area": "somewhere.gpkg"}
    found = diff(before, after, date=DAY, official=official(transfer))
    assert [(finding.check, finding.where) for finding in found.findings] == [
        ("left out", "B > A"),
        ("contradicted", "A > B"),
    ]


def test_an_official_list_decides_what_the_map_leaves_open(bent):
    before, after = bent((5000, 3000), (5300, 4500), (5000, 6000)), bent((5000, 3000), (5000, 6000))
    transfer = official({"transfer": "A", "to": "B", "area": "somewhere.gpkg"})
    found = diff(before, after, date=DAY, detail=1e9, official=transfer)
    assert labels(found) == ["transfer A > B"]
    assert found.evidence.query("verdict == 'transfer'").reason.item() == "The official list names it."
    assert found.findings == ()


def test_an_official_list_with_a_slip(drawn):
    found = diff(drawn("AB"), drawn("AA"), date=DAY, official=official({"merge": "A B", "into": "A"}, {"abolish": "Z"}))
    assert [finding.check for finding in found.findings] == ["list"]


def test_findings_are_collected(wavy):
    collected = []
    units = wavy.units(wavy.line)
    found = diff(units, units, date=DAY, official=official({"renumber": "A", "to": "C"}), findings=collected)
    assert tuple(collected) == found.findings
    assert {finding.check for finding in collected} == {"left out", "contradicted"}


def test_all_faults_of_the_input_are_told_at_once(drawn):
    before = drawn("AB").assign(code=["A", "A"])
    after = drawn("AB").assign(code=[1, 2], geometry=[None, drawn.box(0, 0, 1, 1)])
    with pytest.raises(InputError) as raised:
        diff(before, after, name="name", date=DAY)
    told = "\n".join(raised.value.faults)
    for fault in ("before has several rows with the code A", "before has no column name", "holds numbers", "a polygon"):
        assert fault in told


def test_input_that_cannot_be_compared(drawn):
    units = drawn("AB")
    with pytest.raises(InputError, match="after has no rows"):
        diff(units, units.iloc[:0], date=DAY)
    with pytest.raises(InputError, match="have no column kode"):
        diff(units, units, code="kode", date=DAY)
    with pytest.raises(InputError, match="is no date"):
        diff(units, units, date="1 January")
    with pytest.raises(InputError, match="Give 0 or more"):
        diff(units, units, date=DAY, noise=-1)
    with pytest.raises(CRSError, match="cannot be measured"):
        diff(units.to_crs(4326), units.to_crs(4326), date=DAY)
    with pytest.raises(CRSError, match="after is in EPSG:25832"):
        diff(units, units.to_crs(25832), date=DAY)
    with pytest.raises(CRSError, match="has no CRS"):
        diff(units.set_crs(None, allow_override=True), units, date=DAY)


def test_an_invalid_polygon_is_measured_as_repaired(drawn):
    before, after = drawn("AAB"), drawn("AAB", codes={"B": "C"})
    bow = shapely.Polygon([(0, 0), (20, 10), (20, 0), (0, 10)])
    before.loc[0, "geometry"] = after.loc[0, "geometry"] = bow
    found = diff(before, after, date=DAY)
    assert labels(found) == ["renumber B > C"]
    assert [finding.check for finding in found.findings] == ["invalid polygon"] * 2


@st.composite
def editions(draw):
    """Return two editions of anything, drawn on one grid, sheared so that no edge is as easy as an axis."""
    width, height = draw(st.integers(2, 5)), draw(st.integers(2, 4))
    sheared = draw(st.booleans())

    def place(corners):
        x, y = corners.T
        return np.column_stack([x + 0.37 * y, y - 0.21 * x]) * 97.31 + [6e5, 7e6] if sheared else corners * 100

    tables = []
    for letters in ("ABCDEF ", "ABCDEFGH "):
        cells = draw(st.lists(st.sampled_from(letters), min_size=width * height, max_size=width * height))
        shapes: dict[str, list[shapely.Polygon]] = {}
        for (y, x), letter in zip(itertools.product(range(height), range(width)), ["A", *cells[1:]], strict=True):
            if letter != " ":
                shapes.setdefault(letter, []).append(shapely.box(x, y, x + 1, y + 1))
        codes = sorted(shapes)
        joined = [shapely.transform(shapely.coverage_union_all(shapes[code]), place) for code in codes]
        tables.append(gpd.GeoDataFrame({"code": codes}, geometry=joined, crs=CRS))
    return tables


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(editions())
def test_any_edition_leads_to_any_other(pair):
    before, after = pair
    found = diff(before, after, date=DAY, redraw=True)
    assert not [finding for finding in found.findings if finding.blocks]
    made = carried_out(before, found.plan) if found.plan is not None else before.set_index("code")
    assert apart(made, after).max() < 1e-9
    ledger = found.evidence.groupby("old_code").share_old.sum()
    assert ledger.to_numpy() == pytest.approx(1)


def test_much_land_that_nobody_has_any_more_is_told(drawn):
    found = diff(drawn("AAAAABB", "AAAAABB"), drawn("  AAABB", "  AAABB"), date="2020-01-01")
    assert found.plan is None
    (finding,) = [f for f in found.findings if f.check == "land of no unit"]
    assert finding.what == "400.000 m² of A (40%) belong to no unit any more"
    back = diff(drawn("  AAABB", "  AAABB"), drawn("AAAAABB", "AAAAABB"), date="2020-01-01")
    assert [f.check for f in back.findings] == ["land of no unit"]


def test_half_an_edition_is_told(drawn):
    found = diff(drawn("AABBCCDD"), drawn("AABB"), date="2020-01-01")
    assert "2 of 4 units have no land in the second edition" in [f.what for f in found.findings]
