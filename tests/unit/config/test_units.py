from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.units import (
    duration,
    points,
    share,
    size,
    weight,
    write_duration,
    write_points,
    write_share,
    write_size,
)


@pytest.mark.parametrize(
    ("read", "written", "value"),
    [
        (duration, "300ms", 0.3),
        (duration, "0s", 0.0),
        (duration, "24h", 86_400.0),
        (duration, "7d", 604_800.0),
        (size, "20MiB", 20 * 1024 * 1024),
        (size, "0B", 0),
        (share, "80%", 8_000),
        (share, "0.01%", 1),
        (share, "100 %", 10_000),
        (weight, 10, 1_000),
        (weight, 12.5, 1_250),
        (weight, 33.33, 3_333),
        (weight, "10%", 1_000),
        (weight, 0, 0),
        (points, "2pt", 0.02),
        (points, "2.5 points", 0.025),
        (points, "1 point", 0.01),
        (points, 0, 0.0),
    ],
)
def test_units_are_read(read: Callable[[object], float], written: object, value: float) -> None:
    assert read(written) == value


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (duration, 30), (duration, "1.5h"), (duration, "-1s"), (duration, "1w"), (duration, "s"),
        (duration, None),
        (size, 1024), (size, "1KB"), (size, "1.5MiB"), (size, "-1B"),
        (share, 80), (share, "80"), (share, "101%"), (share, "-1%"), (share, "0.001%"), (share, "١%"),
        (weight, True), (weight, "10"), (weight, 100.01), (weight, -1), (weight, 12.345), (weight, [10]),
        (points, 2), (points, "2%"), (points, "101pt"), (points, False), (points, "-1pt"),
    ],
)  # fmt: skip
def test_what_is_no_unit_is_refused(read: Callable[[object], float], written: object) -> None:
    with pytest.raises(ValueError, match="must|has more"):
        read(written)


@given(st.integers(0, 10**12))
def test_durations_and_sizes_are_written_as_they_are_read(number: int) -> None:
    assert duration(write_duration(number / 1_000)) == pytest.approx(number / 1_000)
    assert size(write_size(number % 2**40)) == number % 2**40


@given(st.integers(0, 10_000))
def test_shares_and_points_are_written_as_they_are_read(number: int) -> None:
    assert share(write_share(number)) == number
    assert points(write_points(number / 10_000)) == pytest.approx(number / 10_000)
