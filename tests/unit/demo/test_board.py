"""What the demo counts, and the programs beside it."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.board import Answered, Board, percentile, wilson
from gateway.demo.child import gateway
from gateway.demo.ports import Ports, PortTaken, choose_ports
from gateway.demo.process import Failed
from gateway.demo.scenario import places


def answered(variant: str = "base", segment: str = "hard", **more: object) -> Answered:
    fields = {
        "task": "Crew Wishes",
        "rating": 3000.0,
        "served": variant,
        "seconds": 0.5,
        "cost": 0.001,
        **more,
    }
    return Answered(segment=segment, variant=variant, **fields)  # type: ignore[arg-type]


def test_a_row_a_variant_with_shares_of_its_segment() -> None:
    board = Board(places())
    for number in range(30):
        board.add(
            answered("tuned" if number % 10 == 0 else "base", reason="wrong_answer" if number % 2 else "")
        )
    board.add(answered(error="status 502"))
    board.add(Answered("Crew Wishes", 3000.0, "", "", "", 0.1, error="no connection"))
    tuned, base, gemini = board.rows()
    assert (tuned.requests, base.requests, gemini.requests) == (3, 28, 0)
    assert (
        tuned.share == pytest.approx(3 / 31) and base.share == pytest.approx(28 / 31) and gemini.share is None
    )
    assert (base.errors, base.passed, base.failed) == (1, 12, 15)
    assert base.pass_rate == pytest.approx(12 / 27)
    assert base.cost_per_request == pytest.approx(0.001)
    assert base.cost_per_success == pytest.approx(0.027 / 12)
    assert gemini.pass_rate is None and gemini.cost_per_success is None and gemini.latency_p95 is None
    assert (board.requests, board.errors) == (32, 2)
    assert tuned.weight == 0
    board.weigh({("hard", "tuned"): 12.5})
    assert board.rows()[0].weight == 12.5


def test_an_unknown_cost_is_not_a_free_one() -> None:
    board = Board(places())
    board.add(answered(cost=None))
    row = board.rows()[1]
    assert row.passed == 1 and row.cost_per_request is None and row.cost_per_success is None


@given(st.floats(1e-9, 1.0), st.integers(0, 100), st.integers(0, 100))
def test_a_success_costs_no_less_than_a_request(cost: float, unpriced: int, failures: int) -> None:
    """Not by the last bit either, where everything passes and streams have no cost."""
    board = Board([("hard", "base")])
    board.add(answered(cost=cost))
    for _ in range(unpriced):
        board.add(answered(cost=None))
    row = board.rows()[0]
    assert row.cost_per_success == row.cost_per_request
    for _ in range(failures):
        board.add(answered(reason="wrong_answer"))
    row = board.rows()[0]
    assert row.cost_per_success is not None and row.cost_per_request is not None
    assert row.cost_per_success >= row.cost_per_request


def test_percentiles() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0], 0.95) == 3.0
    assert percentile(map(float, range(1, 101)), 0.95) == 95.0
    assert percentile([1.0, 2.0], 0.5) == 1.0


def test_the_interval_is_wilsons() -> None:
    assert wilson(8, 10) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert wilson(0, 5)[0] == 0.0 and wilson(5, 5)[1] == 1.0


def test_usual_ports_give_way_when_they_are_taken() -> None:
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 8080)):
        ports = choose_ports(None, None)
        assert ports.moved and ports.data not in (8080, ports.admin)


def test_a_gateway_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def start() -> None:
        child = gateway(tmp_path, "routes: {}\nnonsense: 1\n", choose_ports(None, None))
        try:
            await child.start()
        finally:
            await child.stop()

    with pytest.raises(Failed, match=r"the gateway did not start: .*headgate\.yaml:1: "):
        asyncio.run(start())


def test_ports_that_were_asked_for_must_be_free() -> None:
    free = choose_ports(None, None)
    assert free.data != free.admin
    with pytest.raises(PortTaken, match="--admin-port"):
        choose_ports(free.data, free.data)
    assert choose_ports(free.data, free.admin) == Ports(free.data, free.admin, moved=False)
