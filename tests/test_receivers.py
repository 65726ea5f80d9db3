"""What lists leave out: units that live on while others join them, or parts leave them."""

from __future__ import annotations

import pandas as pd
import pytest

from geomerge.histories.receivers import completed, related

Row = tuple[str | None, str | None, str | None, str | None, str]


def table(*rows: Row) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["old_code", "new_code", "old_name", "new_name", "date"], dtype=object)


def added(
    *rows: Row, leaves_out: tuple[str, ...] = ("receivers", "givers"), alive: list[str] | None = None
) -> set[str]:
    found, _ = completed(table(*rows), leaves_out, alive)
    assert len(found) >= len(rows)
    given = {(old, new, date) for old, new, _, _, date in rows}
    triples = found[["old_code", "new_code", "date"]].itertuples(index=False, name=None)
    new = set(triples) - given
    assert all(old == new for old, new, _ in new)
    return {f"{old} {date}" for old, _, date in new}


JOINS: Row = ("2", "1", "Toft", "Enby", "2010-01-01")
MERGES: list[Row] = [("2", "9", "Toft", "Nes", "2010-01-01"), ("3", "9", "Trevik", "Nes", "2010-01-01")]


def test_an_earlier_row_shows_that_a_unit_is_there() -> None:
    created: Row = ("8", "1", "Åtte", "Enby", "2000-01-01")
    assert added(created, JOINS) == {"1 2010-01-01", "1 2000-01-01"}  # of 2000 it is guessed
    ended: Row = ("1", "4", "Enby", "Fire", "2005-01-01")
    _, doubts = completed(table(created, ended, JOINS), ["receivers"])
    assert [(doubt.code, doubt.date) for doubt in doubts] == [("1", "2000-01-01"), ("4", "2005-01-01")]
    assert "1 2010-01-01" not in added(created, ended, JOINS)


def test_units_are_asked_first() -> None:
    assert added(JOINS, alive=["1", "2"]) == {"1 2010-01-01"}
    assert added(JOINS, alive=["2"]) == set()
    assert added(*MERGES, alive=["2", "3", "9"]) == {"9 2010-01-01"}
    _, doubts = completed(table(JOINS), ["receivers"], ["2"])
    assert doubts == []


@pytest.mark.parametrize(
    ("rows", "expected", "doubtful"),
    [
        ([JOINS], {"1 2010-01-01"}, True),  # one unit goes whole to a name of its own
        (MERGES, set(), True),  # several make something new
        ([("2", "9", "Nes (A)", "Nes", "2010-01-01")], set(), False),  # a new number of the same unit
        ([("2", "9", "Nes", "Nes", "2010-01-01"), MERGES[1]], set(), False),
        ([("2", "8", "Toft", "Nord", "2010-01-01"), ("2", "9", "Toft", "Sør", "2010-01-01")], set(), True),
        ([(None, "9", None, "Nyland", "2010-01-01")], set(), False),
    ],
)
def test_names_tell_what_the_list_does_not(rows: list[Row], expected: set[str], doubtful: bool) -> None:
    assert added(*rows) == expected
    assert bool(completed(table(*rows), ["receivers"])[1]) is doubtful


def test_a_later_row_shows_that_a_giver_lives_on() -> None:
    gives: Row = ("1", "5", "Enby", "Enbyvik", "1980-01-01")
    later: Row = ("1", "7", "Enby", "Sju", "2010-01-01")
    assert added(gives, later) == {"1 1980-01-01"} | {"7 2010-01-01"}
    assert "1 1980-01-01" not in added(gives, later, leaves_out=("receivers",))
    again: Row = ("6", "1", "Seks", "Enby", "1990-01-01")
    assert "1 1980-01-01" not in added(gives, again, later)


def test_a_row_that_is_added_stands_where_its_proof_stands() -> None:
    rows = table(JOINS).assign(note="mutation 1", parent=[{"district": "7"}], event="1")
    rows.index = pd.Index([12])
    before = rows.copy()
    found, _ = completed(rows, ["receivers"])
    assert found.index.tolist() == [12, 12]
    new = found.iloc[1]
    assert (new["old_name"], new["new_name"], new["event"]) == ("Enby", "Enby", "1")
    assert new[["note", "parent"]].isna().all()
    pd.testing.assert_frame_equal(rows, before)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Storfjord", "Storfjord - Omasvuotna - Omasvuono", True),
        ("Biel / Bienne", "Bienne", True),
        ("Sande (Vestfold)", "Sande", True),
        ("Skjerstad", "Bodø", False),
        ("(A)", "Bodø", False),
    ],
)
def test_names_are_related(one: str, other: str, expected: bool) -> None:
    assert related(one, other) is expected
    assert related(other, one) is expected
