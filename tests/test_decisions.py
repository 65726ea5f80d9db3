"""Decisions are replayed as long as nothing they rest on has changed; what is impossible is refused, all at once."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geomerge.decisions import COLUMNS, Ground, answers, bases, merged, not_needed, replay
from geomerge.decisions.files import decided_in, read_decisions, write_decisions
from geomerge.errors import InputError, LayerError

PIECES = pd.DataFrame(
    {
        "old_code": ["0704", "0706", "0720", "0720", None],
        "new_code": ["0704", "0710", "0710", "0704", "0704"],
        "event": ["", "merge", "merge", "transfer", "gain"],
    }
)
SQUARES = [shapely.box(0, 0, 1, y) for y in (1, 2)]
GROUND = Ground.of(PIECES, {"0704": "Tønsberg", "0710": "Sandefjord"})


def reviewed(*rows: dict, geometry=None) -> pd.DataFrame:
    empty = {"layer": "parcels", "code": None, "reason": "tie", "new_code": None, "share": None}
    empty |= {"runner_up": None, "runner_up_share": None}
    table = pd.DataFrame([empty | row for row in rows])
    return table.assign(basis=bases(table, geometry))


def decided(review: pd.DataFrame, *choices: str, by: str = "Kari") -> pd.DataFrame:
    table = review[["layer", "id", "basis"]].iloc[: len(choices)].assign(decision=choices, decided_by=by, note="")
    return table[list(COLUMNS)].astype("str")


def test_ground():
    assert GROUND.allowed("0720") == ["0704", "0710"]
    assert GROUND.allowed("0720", "0710", "0704") == ["0710", "0704"]
    assert GROUND.allowed("0706", "0704", None) == ["0704", "0710"]
    assert GROUND.allowed("0799") == ["0704", "0710"]
    assert GROUND.allowed(None, "0710", float("nan")) == ["0710"]


def test_answers_name_unit_and_share():
    rows = reviewed(
        {"id": "1", "code": "0720", "new_code": "0710", "share": 0.69, "runner_up": "0704", "runner_up_share": 0.31},
        {"id": "2", "code": "0706"},
        {"id": "2", "code": "0706"},
    )
    assert answers(rows, GROUND).values.tolist() == [
        ["parcels", "1", "0710", "0710 Sandefjord (69 % lies there)"],
        ["parcels", "1", "0704", "0704 Tønsberg (31 % lies there)"],
        ["parcels", "2", "0710", "0710 Sandefjord"],
    ]


class TestReplay:
    rows = reviewed({"id": "1", "code": "0720"}, {"id": "2", "code": "0706"}, {"id": "3", "code": "0720"})

    def test_a_decision_is_applied_with_the_event_that_leads_there(self):
        found = replay(self.rows, decided(self.rows, "0704", "0710"), GROUND, layer="parcels")
        assert found.decided.values.tolist() == [["0704", "transfer"], ["0710", "merge"]]
        assert found.decided.index.tolist() == [0, 1]
        assert (found.faults, found.findings, len(found.earlier)) == ((), (), 0)

    def test_where_no_event_leads_there_the_decision_does(self):
        rows = reviewed({"id": "1", "code": "0706", "new_code": "0704", "share": 1.0})
        assert replay(rows, decided(rows, "0704"), GROUND, layer="parcels").decided["event"].tolist() == ["decision"]

    def test_of_another_layer(self):
        assert replay(self.rows, decided(self.rows, "0704"), GROUND, layer="buildings").decided.empty

    def test_impossible_ones_are_refused_together(self):
        found = replay(self.rows, decided(self.rows, "0301", "0704", "0710"), GROUND, layer="parcels")
        assert found.faults == (
            "The decision 0301 on 1 of parcels is impossible. Decide for one of 0704, 0710.",
            "The decision 0704 on 2 of parcels is impossible. Decide for one of 0710.",
        )
        assert found.decided.index.tolist() == [2]

    def test_a_stale_one_is_told_and_not_applied(self):
        moved = self.rows.assign(share=[0.5, None, None])
        moved["basis"] = bases(moved)
        found = replay(moved, decided(self.rows, "0704", "0710"), GROUND, layer="parcels")
        assert found.decided.index.tolist() == [1]
        assert found.earlier.to_dict() == {0: "0704 by Kari"}
        assert [f.what for f in found.findings] == ["1 decisions rest on what has changed since: 1"]

    def test_one_that_nobody_needs(self):
        given = decided(self.rows, "0704")
        found = list(not_needed(given, {"2", "3"}, "parcels"))
        assert [f.what for f in found] == ["1 decisions are on rows that nobody has to decide any more: 1"]
        assert list(not_needed(given, {"1"}, "parcels")) == []

    def test_rows_that_share_an_id_are_decided_together(self):
        rows = reviewed({"id": "1", "code": "0720"}, {"id": "1", "code": "0720"})
        assert len(replay(rows, decided(rows.iloc[:1], "0704"), GROUND, layer="parcels").decided) == 2

    def test_rows_that_share_an_id_and_differ_are_decided_each_on_its_own_ground(self):
        rows = reviewed({"id": "1", "code": "0720"}, {"id": "1", "code": "0720"}, geometry=SQUARES)
        both = merged(decided(rows.iloc[:1], "0704"), decided(rows.iloc[1:], "0704"))
        found = replay(rows, both, GROUND, layer="parcels")
        assert found.decided["new_code"].tolist() == ["0704", "0704"]
        one = replay(rows, both.iloc[:1], GROUND, layer="parcels")
        assert (one.decided.index.tolist(), one.earlier.to_dict()) == ([0], {1: "0704 by Kari"})

    def test_no_decisions(self):
        found = replay(self.rows, decided(self.rows), GROUND, layer="parcels")
        assert found.decided.empty
        assert found.findings == ()


@pytest.mark.parametrize(
    ("column", "value"),
    [("code", "0706"), ("reason", "outside"), ("new_code", "0704"), ("share", 0.5), ("runner_up", "1")],
)
def test_a_basis_changes_with_what_was_looked_at(column, value):
    rows = reviewed({"id": "1", "code": "0720", "new_code": "0710", "share": 0.4})
    assert bases(rows.assign(**{column: [value]})).tolist() != rows["basis"].tolist()
    assert bases(rows.assign(id="other")).tolist() == rows["basis"].tolist()


def test_a_basis_changes_with_the_geometry():
    rows = reviewed({"id": "1", "code": "0720"})
    one, other = (bases(rows, gpd.GeoSeries([shapely.box(0, 0, 1, y)])).item() for y in (1, 2))
    assert len({one, other, rows["basis"].item()}) == 3


class TestFiles:
    def test_there_and_back(self, tmp_path):
        table = merged(decided(TestReplay.rows, "0704", "0710"), decided(TestReplay.rows, "0710", by="Ola, Åse"))
        path = tmp_path / "decisions.csv"
        write_decisions(path, table)
        assert read_decisions(path).equals(table)
        assert table["decided_by"].tolist() == ["Ola, Åse", "Kari"]
        assert [name.name for name in tmp_path.iterdir()] == ["decisions.csv"]

    def test_all_faults_at_once(self, tmp_path):
        path = tmp_path / "d.csv"
        path.write_text("layer,id,decision\nparcels,1,0704\n,2,0704\nparcels,1,0710\nparcels,9,\n", encoding="utf-8")
        with pytest.raises(InputError) as caught:
            read_decisions(path)
        assert [fault.partition("d.csv ")[2] for fault in caught.value.faults] == [
            "line 3 has no layer. Fill it in, or remove the line.",
            "line 4 decides 1 of parcels again. Leave one of the lines.",
        ]

    def test_no_table_of_decisions(self, tmp_path):
        path = tmp_path / "d.csv"
        path.write_text("a;b\n1;2\n", encoding="utf-8")
        with pytest.raises(InputError, match="has no column layer, id, decision"):
            read_decisions(path)
        path.write_bytes(b"layer,id,decision\nparcels,\xe5,0704\n")
        with pytest.raises(InputError, match="Write it as CSV in UTF-8"):
            read_decisions(path)
        with pytest.raises(InputError, match="cannot be read"):
            read_decisions(tmp_path / "none.csv")

    def test_where_a_link_leads_is_written(self, tmp_path):
        (tmp_path / "versioned").mkdir()
        (tmp_path / "d.csv").symlink_to(tmp_path / "versioned" / "d.csv")
        write_decisions(tmp_path / "d.csv", decided(TestReplay.rows, "0704"))
        assert (tmp_path / "d.csv").is_symlink()
        assert len(read_decisions(tmp_path / "versioned" / "d.csv")) == 1

    def test_rows_that_share_an_id_cannot_be_decided_in_two_ways(self, tmp_path):
        path = tmp_path / "review.gpkg"
        rows = reviewed(*[{"id": "1", "code": "0720"}] * 2).assign(decision=["0704", "0710"], decided_by="", note="")
        gpd.GeoDataFrame(rows, geometry=SQUARES, crs="EPSG:25832").to_file(path, layer="parcels")
        with pytest.raises(InputError, match=r"share the id 1 for 0704 and 0710\. They are decided together"):
            decided_in(path)

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(LayerError, match="cannot be written"):
            write_decisions(tmp_path / "none" / "d.csv", decided(TestReplay.rows))

    def test_an_empty_file_holds_none(self, tmp_path):
        path = tmp_path / "d.csv"
        path.write_text("", encoding="utf-8")
        assert read_decisions(path).empty
        assert list(read_decisions(path).columns) == list(COLUMNS)

    def test_what_people_wrote_into_a_review(self, tmp_path):
        path = tmp_path / "review.gpkg"
        rows = reviewed({"id": "1", "code": "0720"}, {"id": "2", "code": "0720"})
        rows = rows.assign(decision=["0704", None], decided_by=["Kari", None], note=None)
        gpd.GeoDataFrame(rows, geometry=[shapely.Point(0, 0)] * 2, crs="EPSG:25832").to_file(path, layer="parcels")
        found = decided_in(path)
        assert found.values.tolist() == [["parcels", "1", "0704", "Kari", "", rows["basis"].iat[0]]]
        assert decided_in(tmp_path / "none.gpkg").empty
