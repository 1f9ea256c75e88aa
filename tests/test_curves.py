"""A curve of any length is short, keeps its ends, and grows without its points moving."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diclam.curves import smooth, thin


@given(count=st.integers(0, 5000), most=st.integers(3, 500))
def test_a_thinned_curve_is_short_and_keeps_its_ends(count: int, most: int) -> None:
    points = list(range(count))
    kept = thin(points, most)
    assert len(kept) <= most
    assert kept[:1] == points[:1]
    assert kept[-1:] == points[-1:]
    assert kept == sorted(set(kept))
    if count <= most - 1:
        assert kept == points


@given(count=st.integers(2, 2000))
def test_points_of_a_growing_curve_keep_their_places(count: int) -> None:
    before, after = thin(list(range(count))), thin(list(range(count + 1)))
    # Either nothing but the newest point changes, or every other point goes.
    assert set(before[:-1]) <= set(after) or set(after[:-1]) <= set(before)


def test_smoothing_follows_the_values_without_a_first_pull() -> None:
    assert smooth([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])
    first, second, third = smooth([3.0, 2.0, 1.0])
    assert first == pytest.approx(3.0)
    assert second is not None
    assert third is not None
    assert 3.0 > second > third > 1.0
    assert smooth([]) == []


def test_what_is_no_number_stays_a_gap() -> None:
    assert smooth([1.0, None, 1.0]) == [pytest.approx(1.0), None, pytest.approx(1.0)]
