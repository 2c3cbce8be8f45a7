"""One gateway for all conformance tests, and each client's report of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.programs import TOOLS, Client
from tests.conformance.serving import serving
from tests.support.gateway import Gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A running gateway."""
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="session")
def reports() -> dict[str, dict[str, Any]]:
    """What each client that has run reported."""
    return {}


@pytest.fixture
def report(
    request: pytest.FixtureRequest, gateway: Gateway, reports: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """What the client that the test is parametrised with saw."""
    client: Client = request.param
    if client.name not in reports:
        key = gateway.headers("judge")["authorization"].removeprefix("Bearer ")
        reports[client.name] = client.drive(f"http://127.0.0.1:{gateway.port}/v1", key)
    return reports[client.name]


@pytest.fixture(scope="session")
def promtool() -> str:
    """Where promtool is."""
    return _found("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Where prometheus is."""
    return _found("prometheus")


def _found(name: str) -> str:
    program = shutil.which(name, path=f"{os.environ['PATH']}:{TOOLS / 'prometheus'}")
    if program is None:
        pytest.skip(f"{name} is not installed; `make conformance` says why")
    return program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder carries the marker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.conformance)
