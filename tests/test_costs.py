"""What each step of a run takes is measured, told, and recorded."""

from __future__ import annotations

import logging

import pytest

from geomerge.costs import Costs


def test_steps_stand_in_the_order_in_which_they_end(caplog: pytest.LogCaptureFixture) -> None:
    costs = Costs()
    with caplog.at_level(logging.INFO, "geomerge"), costs.of("write"), costs.of("write layers"):
        pass
    assert [cost.step for cost in costs.done] == ["write layers", "write"]
    assert costs.done[0].seconds <= costs.done[1].seconds
    assert [message.partition(":")[0] for message in caplog.messages] == ["write layers", "write"]


def test_the_record_is_for_a_file() -> None:
    costs = Costs()
    with costs.of("cut"):
        pass
    record = costs.record()
    assert set(record) == {"seconds", "steps"}
    assert set(record["steps"][0]) == {"step", "seconds", "peak_mb"}


def test_a_step_that_fails_is_not_done() -> None:
    costs = Costs()
    with pytest.raises(ValueError, match="cut"), costs.of("cut"):
        raise ValueError("cut")
    assert costs.done == []
