"""One gateway for all conformance tests, and each client's report of it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.programs import TOOLS, Client, Report
from tests.conformance.serving import serving
from tests.conformance.tally import Tally
from tests.support.gateway import Gateway

CLIENT = "client"
"""The property of a test that says for which client it counts."""
TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    """Everybody counts into one tally."""
    config.stash[TALLY] = Tally()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was counted, the tests of each client among it."""
    tally = config.stash[TALLY]
    for outcome in ("passed", "failed", "error", "skipped"):
        for one in terminalreporter.getreports(outcome):
            for client in (value for name, value in one.user_properties if name == CLIENT):
                _count(tally, client, outcome, one)
    if lines := tally.lines():
        terminalreporter.section("counts")
        terminalreporter.write_line("\n".join(lines))


def _count(tally: Tally, client: str, outcome: str, one: pytest.TestReport) -> None:
    if outcome == "skipped":
        reason = one.longrepr[2] if isinstance(one.longrepr, tuple) else str(one.longrepr)
        tally.count(client, skipped=Counter([reason.removeprefix("Skipped: ")]))
    else:
        tally.count(client, passed=outcome == "passed", failed=outcome != "passed")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Where a test adds what it counts."""
    return request.config.stash[TALLY]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A running gateway."""
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="session")
def reports() -> dict[tuple[str, str], Report]:
    """What each client that has run reported, by client and route."""
    return {}


@pytest.fixture
def report(
    request: pytest.FixtureRequest, gateway: Gateway, reports: dict[tuple[str, str], Report]
) -> Report:
    """What the client that the test is parametrised with saw of the route."""
    client: Client
    client, route = request.param
    request.node.user_properties.append((CLIENT, f"{client.name}: {route}"))
    if (client.name, route) not in reports:
        key = gateway.headers("judge")["authorization"].removeprefix("Bearer ")
        reports[client.name, route] = client.drive(f"http://127.0.0.1:{gateway.port}/v1", key, route)
    return reports[client.name, route]


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
