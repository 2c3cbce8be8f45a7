"""Every fault in its smallest form, unless an integration test shows the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.lab import Lab
from tests.chaos.row import Row
from tests.chaos.rows import ROWS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("chaos"), short=True) as lab:
        yield lab


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.key) for row in ROWS if not (row.test or row.asked)]
)
def test_what_must_be_seen(lab: Lab, row: Row) -> None:
    finding = lab.run(row)
    if finding.skipped:
        pytest.skip(finding.skipped)
    assert finding.broken() == []


@pytest.mark.parametrize("row", [pytest.param(row, id=row.key) for row in ROWS if row.test])
def test_the_others_are_shown_elsewhere(row: Row) -> None:
    file, _, name = row.test.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / "integration" / file).read_text()


def test_operators_can_read_about_all_of_them() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    assert [row.key for row in ROWS if f"`{row.key}`" not in page] == []
