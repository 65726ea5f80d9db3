"""Parts: what each selector names, and what is wrong with it."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from geomerge.errors import CRSError, InputError
from geomerge.findings import Notes
from geomerge.parts import Sources, Subunits, claim, edition_column, require_sources
from geomerge.selectors import Cut, Selector
from geomerge.steps import LabelledCut

UNIT = shapely.box(0, 0, 20, 10)


def claimed(sources, *, unit="A", new="B", kind="part", outside=False, unit_there=None, **selector):
    notes = Notes()
    cut = Cut(unit, new, Selector(**selector), kind, outside, unit_there)
    found = claim(LabelledCut(cut, "the event"), UNIT if unit else None, sources, notes)
    return found, [str(finding) for finding in notes.found]


def files(drawn, **tables):
    return Sources({name: drawn(*rows) for name, rows in tables.items()})


def test_an_area_of_several_polygons(drawn):
    found, said = claimed(files(drawn, s=["X", "Y"]), area="s")
    assert found.area.equals(shapely.box(0, 0, 10, 20))
    assert said == ["100.000 m² of the part named (200.000 m²) lie outside A (the event). " + SEE]


SEE = "Only what lies inside is cut; see that this is meant."


def test_only_segments_at_the_territory_are_drawn(drawn):
    far = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 5, 5), shapely.box(500, 0, 505, 5)], crs=drawn.crs)
    found, _ = claimed(Sources({"s": far}), area="s")
    assert shapely.total_bounds(found.lines).tolist() == [0, 0, 5, 5]


def test_an_invalid_area_is_made_valid(drawn):
    bowtie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    found, _ = claimed(Sources({"s": gpd.GeoDataFrame(geometry=[bowtie, None], crs=drawn.crs)}), area="s")
    assert found.area.area == 50


def test_an_area_without_polygons(drawn):
    found, said = claimed(Sources({"s": drawn.line((0, 0), (1, 1))}), area="s")
    assert found is None
    assert said == ["The part named has no polygon (the event). " + CORRECT]


CORRECT = "Correct the selector or the layer it refers to."


def test_an_edition_is_looked_up_by_new_then_by_old_code(drawn):
    sources = files(drawn, e=["XXB"])
    assert claimed(sources, edition="e", new="B")[1] == ["The part named does not lie in A (the event). " + PLACE]
    assert claimed(files(drawn, e=["AB"]), edition="e", new="N", unit_there="B")[0].area.area == 100
    assert claimed(sources, edition="e", new="N", unit_there="M")[1] == ["e has no unit N or M (the event). " + CORRECT]


PLACE = "Correct the unit or the part; check its CRS."


def test_a_correction_by_edition_may_take_nothing(drawn):
    found, said = claimed(files(drawn, e=["XXB"]), edition="e", new="B", kind="correction")
    assert found is not None
    assert said == []


def test_outside_of_an_edition(drawn):
    found, _ = claimed(files(drawn, e=["AX  "]), edition="e", new=None, kind="correction", outside=True)
    assert found.area.equals(shapely.box(0, 0, 20, 10))
    far = Sources({"e": drawn("A").translate(1000, 0).to_frame("geometry").assign(code="A")})
    found, _ = claimed(far, edition="e", new=None, kind="correction", outside=True)
    assert found.area.is_empty


def test_all_of_the_unit(drawn):
    _, said = claimed(files(drawn, s=["XXX"]), area="s")
    assert said == ["The part named is all of A (the event). Name the unit as a whole (merge, renumber) instead."]


def test_districts_of_a_unit(drawn):
    tracts = drawn("ab", codes={"a": "1", "b": "2"}).assign(unit=["A", "Q"])
    both = Sources(districts=Subunits(tracts, "code", "unit"))
    assert claimed(both, districts=["1"])[0].area.area == 100
    assert claimed(both, districts=["1", "2", "3"])[1] == [
        "No district of A has the code 2, 3 in column code (the event). " + CORRECT
    ]


def test_keys_without_parcels(drawn):
    parcels = Sources(parcels=Subunits(drawn("ab", codes={"a": "1/1", "b": "1/2"}), "code"))
    assert claimed(parcels, keys=["1/1"])[0].area.area == 100
    assert claimed(parcels, keys=["1/1", "7..8", "9"])[1] == [
        "No parcel of A has the key 7..8, 9 (the event). " + CORRECT
    ]


def test_lines(drawn):
    sources = Sources({"l": drawn.line((1, -1), (1, 2))})
    assert claimed(sources, line="l", side="left")[0].area.bounds == (0, 0, 10, 10)
    assert "does not lie in A" in claimed(sources, line="l", holding=[99, 99])[1][0]
    assert "A line cannot tell" in claimed(sources, line="l", side="left", unit=None)[1][0]


def test_the_code_column_of_an_edition(drawn):
    edition = drawn("AB")
    assert edition_column(edition, "kode", "e") == "code"
    assert edition_column(edition.assign(kode="x"), "kode", "e") == "kode"
    with pytest.raises(InputError, match="holds numbers"):
        edition_column(edition.assign(code=[1, 2]), "code", "e")
    with pytest.raises(InputError, match=r"e has no column kode \(it has nr, geometry\)"):
        edition_column(edition.rename(columns={"code": "nr"}), "kode", "e")
    assert edition_column(edition.rename(columns={"code": "nr"}), "kode", "e", ["A"]) == "nr"


def test_sources_must_be_there_and_in_one_crs(drawn):
    plan = drawn.plan({"transfer": "A", "to": "B", "area": "s"})
    with pytest.raises(InputError, match="refers to s, but"):
        require_sources(drawn("AB"), plan, Sources())
    elsewhere = Subunits(drawn("AB").to_crs(3035), "code")
    with pytest.raises(CRSError, match="parcels is in EPSG:3035, units in"):
        require_sources(drawn("AB"), plan, Sources({"s": drawn("A")}, parcels=elsewhere))
    require_sources(drawn("AB"), plan, Sources({"s": drawn("A")}))
