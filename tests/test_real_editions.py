"""Real reforms of Norway and Switzerland, against the published editions."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geomerge.checks import area_balance, check_balance, check_units
from geomerge.crosswalk import crosswalk
from geomerge.dissolve import Level, dissolve, dissolve_level
from geomerge.findings import Finding
from geomerge.histories.reading import read_changes
from geomerge.pieces import pieces

INVALID = {"1422", "4642"}  # Lærdal, in every edition

# Units that equal the published ones; the others differ because shared lines were generalised anew.
EQUAL = {(2016, 2017): (299, 426), (2019, 2020): (310, 356), (2023, 2024): (317, 357)}


@dataclass
class Reform:
    """The editions before and after, and what the plan makes of the first."""

    before: gpd.GeoDataFrame
    after: gpd.GeoDataFrame
    cut: gpd.GeoDataFrame
    new: gpd.GeoDataFrame
    found: list[Finding]
    expected: pd.DataFrame

    @property
    def difference(self) -> pd.Series:
        """Symmetric difference of each new unit and the published one, relative to its area."""
        published = self.after.set_index("code").geometry.loc[self.new.code].make_valid()
        made = self.new.geometry.make_valid()
        moved = shapely.area(shapely.symmetric_difference(made.to_numpy(), published.to_numpy()))
        return pd.Series(moved / published.area.to_numpy(), index=self.new.code.to_numpy())


def carried_out(before, after, plan, expected) -> Reform:
    plan = plan.model_copy(update={"sources": {"after": after}})
    found: list[Finding] = []
    cut = pieces(before, plan, findings=found)
    policies = {"population": "sum"} if "population" in before.columns else {}
    new = dissolve(cut, units=before, plan=plan, name="name", policies=policies, findings=found)
    return Reform(before, after, cut, new, found, expected)


@pytest.fixture(scope="module", params=EQUAL, ids=lambda years: f"{years[0]}-{years[1]}")
def norway(request, shared):
    first, last = request.param
    editions = [
        gpd.read_file(shared / "norway" / f"kommune_{year}.geojson")
        .to_crs(3035)
        .rename(columns={"kommune_no": "code", "kommune_name": "name"})
        for year in (first, last)
    ]
    plan = read_changes(
        shared / "norway/klass_131_changes.json",
        since=f"{first}-01-01",
        until=f"{last}-01-01",
        units=editions[0].code,
        edition="after",
        redraw=True,
        findings=[],
    )
    expected = pd.read_csv(
        shared / "norway" / f"expected_{first}_{last}_units.csv",
        dtype={"new_code": str, "whole_old_codes": str, "split_old_codes": str},
    ).set_index("new_code")
    return request.param, carried_out(*editions, plan, expected)


def test_norway_has_the_published_units(norway):
    years, reform = norway
    equal, total = EQUAL[years]
    assert set(reform.new.code) == set(reform.after.code)
    assert len(reform.new) == total
    assert (reform.difference <= 1e-9).sum() >= equal


def test_norway_has_the_areas_that_were_computed_slowly(norway):
    _, reform = norway
    unsplit = reform.expected.index[reform.expected.split_old_codes.isna()].difference(list(INVALID))
    made = reform.new.set_index("code").area
    assert (made - reform.expected.dissolved_area_m2)[unsplit].abs().max() < 1


def test_norway_changes_only_what_is_cut(norway):
    _, reform = norway
    units = dict(zip(reform.before.code, reform.before.geometry.to_wkb(), strict=True))
    whole = reform.cut[reform.cut.kind == "whole"]
    corrected = set(reform.cut.old_code[reform.cut.kind == "correction"])
    received = {finding.what.split()[0] for finding in reform.found if finding.check == "inserted corner"}
    assert len(received) <= 3
    for code, shape in zip(whole.old_code, whole.geometry.to_wkb(), strict=True):
        assert shape == units[code] or code in received | corrected


def test_norway_is_valid_and_closes(norway):
    _, reform = norway
    assert set(reform.new.code[~reform.new.is_valid]) <= INVALID
    assert shapely.coverage_is_valid(reform.new.geometry.to_numpy())
    balance = area_balance(reform.cut, reform.before, reform.new)
    assert list(check_balance(balance)) == []
    assert abs(balance["relative"].item()) <= 1e-9
    assert list(check_units(reform.new, code="code", before=reform.before)) == []
    assert not [finding for finding in reform.found if finding.blocks]


def test_norway_keeps_its_people(norway):
    _, reform = norway
    assert reform.new.population.dtype == reform.before.population.dtype
    assert reform.new.population.sum() == reform.before.population.sum()


def test_norway_has_whole_shares(norway):
    _, reform = norway
    table = crosswalk(reform.cut)
    assert table.groupby("old_code").share.sum().to_numpy() == pytest.approx(1, abs=1e-9)
    split = set(table.old_code[table.kind == "part"])
    told = reform.expected.split_old_codes.dropna()
    assert split == {code for codes in told for code in codes.split()}


def test_norway_dissolves_to_a_nation(norway):
    _, reform = norway
    nation = dissolve_level(reform.new, Level("nation"))
    assert nation.geometry.is_valid.all()
    assert nation.area.sum() == pytest.approx(reform.new.area.sum(), rel=1e-7)


@pytest.fixture(scope="module")
def swiss(shared):
    folder = shared / "switzerland"
    editions = {}
    for year in (2010, 2011, 2012):
        table = gpd.read_file(folder / f"municipalities_{year}.shp")
        editions[year] = table.assign(code=table.id.astype(int).astype(str)).rename(columns={"name": "label"})
    return editions, folder / "bfs_mutations_1850_2021-04.xlsx"


@pytest.mark.parametrize(
    ("first", "last", "total"), [(2010, 2011, 2555), (2011, 2012, 2499), (2010, 2012, 2499)], ids=str
)
@pytest.mark.parametrize("told", [True, False], ids=["units", "list alone"])
def test_switzerland(swiss, first, last, total, told):
    editions, changes = swiss
    units = editions[first].code if told else None
    plan = read_changes(
        changes, since=f"{first}-01-01", until=f"{last}-01-01", units=units, edition="after", findings=[]
    )
    reform = carried_out(editions[first].assign(name=""), editions[last], plan, None)
    assert set(reform.new.code) == set(editions[last].code)
    assert len(reform.new) == total
    assert reform.difference.max() < 1e-9
    assert shapely.coverage_is_valid(reform.new.geometry.to_numpy())
    assert np.isclose(reform.new.area.sum(), editions[last].area.sum(), rtol=1e-9)
    assert list(check_balance(area_balance(reform.cut, reform.before, reform.new))) == []
