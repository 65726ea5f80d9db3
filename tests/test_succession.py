"""Who has the land of a unit afterwards, how much of it, and how far that is known."""

from __future__ import annotations

import math
from typing import Any

import pytest

from geomerge.plan import Plan
from geomerge.steps import steps
from geomerge.succession import Heir, by_amount, completed, heirs
from geomerge.trails import trails

MERGE = {"merge": ["A", "B"], "into": "M"}


def shares(*events: dict[str, Any], codes: str = "ABC", since: int = 0) -> dict[str, Any]:
    """Return share by old and new code; a text "~0.5" where it is an estimate, "?" where it is not known."""
    dated = [{"date": f"20{20 + number}-01-01", **event} for number, event in enumerate(events)]
    road = steps(Plan.model_validate({"events": dated}), codes)
    found = heirs(road, trails(road, codes), since, len(road))
    return {f"{heir.old}{heir.new or '-'}": _share(heir) for heir in found}


def _share(heir: Heir) -> Any:
    if math.isnan(heir.share):
        return "?"
    return f"~{heir.share:.4g}" if heir.estimated else round(heir.share, 9)


def part(old: str, new: str, share: float | None = None, **more: str) -> dict[str, Any]:
    size = {} if share is None else {"share": share, "by": "area"}
    return {"transfer": old, "to": new, **size, **more}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([MERGE], {"AM": 1, "BM": 1, "CC": 1}),
        ([{"abolish": "A"}], {"A-": 1, "BB": 1, "CC": 1}),
        ([part("A", "B", 0.25)], {"AA": 0.75, "AB": 0.25, "BB": 1, "CC": 1}),
        # where nobody knows, nobody says
        ([part("A", "B")], {"AA": "?", "AB": "?", "BB": 1, "CC": 1}),
        ([part("A", "B", 0.25), part("A", "C")], {"AA": "?", "AB": 0.25, "AC": "?", "BB": 1, "CC": 1}),
        # a part of a part
        ([part("A", "B", 0.5), part("A", "C", 0.5)], {"AA": 0.25, "AB": 0.5, "AC": 0.25, "BB": 1, "CC": 1}),
        # what meets again is whole, known or not
        ([part("A", "B"), {"merge": ["A", "B"], "into": "M"}], {"AM": 1, "BM": 1, "CC": 1}),
        # the land of a unit of several is taken to be spread evenly, which is said
        ([MERGE, part("M", "C", 0.2)], {"AC": "~0.2", "AM": "~0.8", "BC": "~0.2", "BM": "~0.8", "CC": 1}),
        # a former unit takes its own land, whatever the share says of the whole
        ([MERGE, part("M", "C", 0.2, former="A")], {"AC": 1, "BM": 1, "CC": 1}),
        # a part beside a former unit applies to the rest
        (
            [MERGE, part("M", "C", 0.5, former="A"), part("M", "C", 0.1, date="2021-01-01", note="strip")],
            {"AC": 1, "BC": 0.2, "BM": 0.8, "CC": 1},
        ),
    ],
)
def test_shares(events: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert shares(*events) == expected


def test_from_the_unit_itself_the_share_of_a_former_unit_is_known() -> None:
    events = [MERGE, part("M", "C", 0.2, former="A")]
    assert shares(*events, since=1) == {"CC": 1, "MC": 0.2, "MM": 0.8}


def test_land_that_goes_elsewhere_because_of_what_it_was_has_no_even_share() -> None:
    events = [
        part("A", "B", 0.5),  # B: all of B, and half of A
        {"merge": ["A", "B", "C"], "into": "M"},
        {"split": "M", "into": [{"code": "X", "former": "B", "share": 0.4, "by": "area"},
                                {"code": "Y", "remainder": True}]},
    ]  # fmt: skip
    assert shares(*events) == {"AX": "?", "AY": "?", "BX": 1, "CY": 1}
    # from the day on which A and B stand apart
    assert shares(*events, since=1) == {"AY": 1, "BX": 1, "CY": 1}


def test_labels_and_evidence_of_the_events_on_the_way_are_told() -> None:
    events = [{**part("A", "B", 0.25), "evidence": "derived"}, {"renumber": "B", "to": "X", "evidence": "official"}]
    dated = [{"date": f"20{20 + number}-01-01", **event} for number, event in enumerate(events)]
    road = steps(Plan.model_validate({"events": dated}), "AB")
    found = {f"{heir.old}{heir.new}": heir for heir in heirs(road, trails(road, "AB"), 0, 2)}
    assert found["AX"].events == {"2020-01-01 transfer A > B", "2021-01-01 renumber B > X"}
    assert found["AX"].evidence == {"derived", "official"}
    assert found["AA"].events == frozenset()
    assert (found["AX"].by, found["BX"].by) == ({"area"}, frozenset())


def test_the_only_share_that_is_missing_follows_from_the_others() -> None:
    found = completed([Heir("A", "B", share=0.3, by=frozenset(["area"])), Heir("A", "C", share=math.nan)])
    assert [heir.share for heir in found] == [0.3, 0.7]
    assert [heir.by for heir in found] == [{"area"}, {"area"}]
    two = [Heir("A", "B", share=0.3), Heir("A", "C", share=math.nan), Heir("A", "D", share=math.nan)]
    assert completed(two) == two


@pytest.mark.parametrize(("amounts", "expected"), [((3, 1), [0.75, 0.25]), ((3, math.nan), None), ((0, 0), None)])
def test_amounts_share_a_unit_out(amounts: tuple[float, float], expected: list[float] | None) -> None:
    found = by_amount([Heir("M", "A", amount=amounts[0]), Heir("M", "B", amount=amounts[1])])
    if expected is None:
        assert all(math.isnan(heir.share) for heir in found)
    else:
        assert [heir.share for heir in found] == expected
