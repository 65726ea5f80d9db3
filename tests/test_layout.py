from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geomerge.layout import Frame, arrange

SIDES = st.floats(1, 1e6)


@given(SIDES, SIDES, st.floats(5, 50), st.floats(5, 50), st.integers(1, 3))
def test_maps_show_the_extent_stay_on_the_page_and_never_meet(
    across: float, up: float, width: float, height: float, count: int
) -> None:
    frame = Frame(margin=0.3, above=0.5, below=0.6, gap=0.2, heading=0.1)
    found = arrange((width, height), (0, 0, across, up), count, frame)
    west, south, east, north = found.shown
    assert west <= 1e-6 * across
    assert south <= 1e-6 * up
    assert east >= across * (1 - 1e-6)
    assert north >= up * (1 - 1e-6)
    for left, base, wide, high in found.boxes:
        assert left >= 0.3 - 1e-9
        assert left + wide <= width - 0.3 + 1e-9
        assert base >= 0.6 - 1e-9
        assert base + high + 0.1 <= height - 0.5 + 1e-9
        assert abs(wide * found.inch - (east - west)) <= 1e-6 * (east - west)
    for one, other in zip(found.boxes, found.boxes[1:], strict=False):
        assert one[0] + one[2] <= other[0] + 1e-9 or other[1] + other[3] <= one[1] + 1e-9


def test_what_is_wide_stands_one_above_the_other() -> None:
    frame = Frame(margin=0, above=0, below=0, gap=0, heading=0)
    wide, tall = (arrange((8, 8), extent, 2, frame) for extent in ((0, 0, 20, 10), (0, 0, 10, 20)))
    assert [box[:2] for box in wide.boxes] == [(0, 4), (0, 0)]
    assert [box[:2] for box in tall.boxes] == [(0, 0), (4, 0)]
