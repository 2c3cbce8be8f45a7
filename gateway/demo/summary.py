"""What the demo says when it ends: how the rollout went, and what each variant did and cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console

from gateway.demo.board import Board
from gateway.demo.panel import conclusion, told
from gateway.demo.ports import HOST
from gateway.demo.scenario import ROUTE, SEGMENT
from gateway.demo.screen import WIDE, Place, line, variants
from gateway.demo.watch import Seen


def as_text(board: Board, seen: Seen, seconds: float) -> str:
    """For people."""
    console = Console()
    with console.capture() as shown:
        console.print(variants(board.rows(), console.width >= WIDE))
    ended = conclusion(seen) if seen.rests else f"interrupted while {seen.phase} at {seen.weight:g} %"
    return "\n".join(
        [
            line(board, seconds).partition("  |  ")[0],
            "",
            f"{ROUTE}/{SEGMENT}: {ended}",
            *(f"  {told(one)}" for one in seen.moved),
            "",
            shown.get().rstrip("\n"),
        ]
    )


def as_json(place: Place, board: Board, seen: Seen, seconds: float) -> str:
    """For programs."""
    summary = {
        "scenario": place.scenario,
        "url": f"http://{HOST}:{place.port}/v1",
        "prometheus": place.prometheus_url or None,
        "seconds": round(seconds, 3),
        "requests": board.requests,
        "errors": board.errors,
        "variants": [asdict(row) for row in board.rows()],
        "rollout": _rollout(seen),
    }
    return json.dumps(summary)


def _rollout(seen: Seen) -> dict[str, Any]:
    settled = seen.settled_at
    return {
        "route": ROUTE,
        "segment": SEGMENT,
        "phase": seen.phase,
        "phase_reason": seen.reading.get("phase_reason"),
        "weight": seen.weight,
        "settled_seconds": None if settled is None else round(settled, 3),
        "transitions": [one.to_json() for one in seen.moved],
        "verdict": seen.reading.get("verdict"),
        "guardrails": list(seen.guardrails),
    }
