"""What holds for every coverage and every plan."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geomerge.checks import area_balance, check_balance, check_units
from geomerge.crosswalk import crosswalk
from geomerge.dissolve import dissolve
from geomerge.edges import boundary_lines
from geomerge.findings import Finding
from geomerge.pieces import pieces
from geomerge.plan import Plan

CRS = "EPSG:25833"
LETTERS = "ABCDEF"


@st.composite
def drawings(draw):
    """Return units on a grid, sheared and shifted so that no edge is as easy as an axis."""
    width, height = draw(st.integers(2, 5)), draw(st.integers(2, 4))
    cells = draw(st.lists(st.sampled_from(LETTERS + " "), min_size=width * height, max_size=width * height))
    shapes: dict[str, list[shapely.Polygon]] = {}
    for (y, x), letter in zip(itertools.product(range(height), range(width)), cells, strict=True):
        if letter != " ":
            shapes.setdefault(letter, []).append(shapely.box(x, y, x + 1, y + 1))
    sheared = draw(st.booleans())

    def place(corners):
        x, y = corners.T
        return np.column_stack([x + 0.37 * y, y - 0.21 * x]) * 97.31 + [6e5, 7e6] if sheared else corners * 100

    codes = sorted(shapes)
    joined = [shapely.transform(shapely.coverage_union_all(shapes[code]), place) for code in codes]
    return gpd.GeoDataFrame({"code": codes, "people": range(len(codes))}, geometry=joined, crs=CRS)


@st.composite
def reforms(draw):
    """Return units and a plan for them: each unit meets one fate, and some give land to others."""
    units = draw(drawings())
    codes = list(units.code)
    events, sources = [], {}
    fates = {code: draw(st.sampled_from(["stay", "stay", "merge", "renumber", "split", "transfer"])) for code in codes}
    merging = [code for code in codes if fates[code] == "merge"]
    if len(merging) > 1:
        events.append({"merge": merging, "into": draw(st.sampled_from(["M", merging[0]]))})
    for code in codes:
        shape = units.geometry[codes.index(code)]
        others = [other for other in codes if other != code and fates[other] in ("stay", "transfer")]
        if fates[code] == "renumber":
            events.append({"renumber": code, "to": f"{code}2"})
        elif fates[code] == "split" or (fates[code] == "transfer" and others):
            selector = draw(selectors(shape, f"part of {code}", sources))
            if fates[code] == "split":
                into = [{"code": f"{code}3", **selector}, {"code": f"{code}4", "remainder": True}]
                events.append({"split": code, "into": into})
            else:
                events.append({"transfer": code, "to": draw(st.sampled_from(others)), **selector})
    if not events:
        events.append({"rename": codes[0] if codes else "A", "name": "new"})
    return units, events, sources


@st.composite
def selectors(draw, shape, name, sources):
    """Return a selector of a real part of a polygon: by a box over its middle, or a line through it."""
    west, south, east, north = shape.bounds
    at = west + (east - west) * draw(st.sampled_from([0.25, 1 / 3, 0.5, 0.613]))
    if draw(st.booleans()):
        top = draw(st.sampled_from([north + 10, (south + north) / 2]))
        sources[name] = gpd.GeoDataFrame(geometry=[shapely.box(west - 10, south - 10, at, top)], crs=CRS)
        if 1e-6 < shapely.intersection(sources[name].geometry[0], shape).area / shape.area < 1 - 1e-6:
            return {"area": name}
    lean = (east - west) * draw(st.sampled_from([0, 0.07, -0.1]))
    line = shapely.LineString([(at, south - 10), (at + lean, north + 10)])
    if line.intersects(shape.representative_point().buffer(0)) or not line.crosses(shape):
        middle = shape.representative_point().x
        line = shapely.LineString([(middle, south - 10), (middle, north + 10)])
    sources[name] = gpd.GeoDataFrame(geometry=[line], crs=CRS)
    return {"line": name, "side": draw(st.sampled_from(["left", "right"]))}


def planned(events, sources):
    plan = Plan.model_validate({"date": "2020-01-01", "events": events})
    return plan.model_copy(update={"sources": sources})


ROUNDS = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@ROUNDS
@given(reforms())
def test_nothing_is_lost_and_nothing_else_changes(reform):
    units, events, sources = reform
    if not len(units):
        return
    plan, found = planned(events, sources), list[Finding]()
    cut = pieces(units, plan, findings=found)
    new = dissolve(cut, units=units, plan=plan, policies={"people": "sum"}, findings=found)

    # every square metre goes somewhere, once
    before = units.set_index("code").area
    after = cut.set_index("old_code").area.groupby(level=0).sum()
    assert (before - after[before.index]).abs().max() <= 1e-9 * before.sum()
    assert list(check_balance(area_balance(cut, units, new))) == []
    shares = crosswalk(cut).groupby("old_code").share.sum()
    assert shares.to_numpy() == pytest.approx(1, abs=1e-9)
    assert new.people.sum() == units.people.sum()
    assert new.people.dtype == units.people.dtype

    # all of it valid polygons that share their edges
    for table in (cut, new):
        assert table.geometry.is_valid.all()
        assert not table.geometry.is_empty.any()
        assert shapely.coverage_is_valid(table.geometry.to_numpy())
    assert list(check_units(new, code="code", before=units)) == []

    # units that nothing happens to are the same bytes, unless it was said that they got a corner
    received = {finding.what.split()[0] for finding in found if finding.check == "inserted corner"}
    shapes = dict(zip(units.code, units.geometry.to_wkb(), strict=True))
    for old, shape, kind in zip(cut.old_code, cut.geometry.to_wkb(), cut.kind, strict=True):
        assert kind == "part" or old in received or shape == shapes[old]


@ROUNDS
@given(reforms(), st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(reform, random):
    units, events, sources = reform
    if not len(units):
        return
    shuffled = random.sample(events, len(events))
    one, other = (pieces(units, planned(order, sources), findings=[]) for order in (events, shuffled))
    pd.testing.assert_frame_equal(one.to_wkb(), other.to_wkb())


@ROUNDS
@given(drawings())
def test_lines_are_all_edges_once(units):
    """The lines between units are as long as all their rings, inner borders counted once."""
    if not len(units):
        return
    cut = pieces(units, planned([{"rename": units.code[0], "name": "x"}], {}), findings=[])
    lines = boundary_lines(cut)
    outline = shapely.union_all(units.geometry.to_numpy()).length
    assert lines["length"].sum() == pytest.approx((units.length.sum() + outline) / 2)
    assert lines[lines.level == "outer"]["length"].sum() == pytest.approx(outline)
    assert (lines.status == "kept").all()
