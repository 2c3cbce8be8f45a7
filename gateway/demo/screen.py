"""What the demo shows: one compact screen in a terminal, plain lines elsewhere, and the closing summary.

Shapes and words carry every meaning; colour only helps.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway.demo.board import Answered, Board, Row
from gateway.demo.scenario import ROUTE

_STRIP = 16
_REASONS = {
    "wrong_answer": "wrong answer",
    "runtime_error": "crashed",
    "time_limit": "too slow",
    "no_program": "no program",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the running gateway is and how the demo was started."""

    scenario: str
    port: int
    admin_port: int
    key: str
    note: str = ""


def screen(place: Place, board: Board, seconds: float) -> RenderableType:
    """The whole screen, under 30 lines of 100 columns."""
    return Group(
        _title(place, board, seconds),
        Text(),
        table(board.rows()),
        Text(),
        *(_recent(answered) for answered in board.recent),
        Text(),
        Padding(how_to_call(place), (0, 0, 0, 2)),
    )


def line(board: Board, seconds: float) -> str:
    """One plain line: where things stand."""
    parts = [
        f"{row.segment}/{row.variant} {row.requests} requests, {_share(row.pass_rate)} passed,"
        f" p95 {_seconds(row.latency_p95)}"
        for row in board.rows()
    ]
    return f"{_clock(seconds)}  {board.requests} requests, {board.errors} errors  |  " + "  |  ".join(parts)


def table(rows: list[Row]) -> Table:
    """Per segment and assigned variant: split, latency, validation result, cost."""
    grid = Table(box=None, padding=(0, 1), pad_edge=True, header_style="dim")
    grid.add_column("segment")
    grid.add_column("variant")
    for name in ("weight", "share", "n", "err", "p50", "p95", "passed"):
        grid.add_column(name, justify="right")
    grid.add_column("0 ···· 95 % ···· 100"[:_STRIP], width=_STRIP)
    grid.add_column("$/1000", justify="right")
    grid.add_column("$/1000 passed", justify="right")
    before = ""
    for row in rows:
        grid.add_row(
            "" if row.segment == before else row.segment,
            Text(row.variant, style="bold"),
            f"{row.weight} %",
            _share(row.share),
            str(row.requests),
            str(row.errors),
            _seconds(row.latency_p50),
            _seconds(row.latency_p95),
            _share(row.pass_rate),
            _strip(row),
            _thousand(row.cost_per_request),
            _thousand(row.cost_per_success),
        )
        before = row.segment
    return grid


def how_to_call(place: Place) -> RenderableType:
    """`curl` and the `openai` client against the running gateway."""
    url = f"http://127.0.0.1:{place.port}/v1"
    text = Text(no_wrap=True, overflow="ignore")
    text.append("call it yourself, while this runs\n", style="dim")
    text.append(
        f"curl {url}/chat/completions -H 'content-type: application/json' \\\n"
        f"  -H 'authorization: Bearer {place.key}' \\\n"
        f'  -d \'{{"model":"{ROUTE}","metadata":{{"rating":"2700"}},'
        f'"messages":[{{"role":"user","content":"Hi"}}]}}\'\n\n'
        "from openai import OpenAI\n"
        f'client = OpenAI(base_url="{url}", api_key="{place.key}")\n'
        f'answer = client.chat.completions.create(model="{ROUTE}", metadata={{"rating": "2700"}},\n'
        '    messages=[{"role": "user", "content": "Hi"}])\n'
        "print(answer.choices[0].message.content)",
        style="cyan",
    )
    return text


def _title(place: Place, board: Board, seconds: float) -> RenderableType:
    rate = board.requests / seconds if seconds > 0 else 0.0
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(" headgate demo ", style="bold reverse")
    text.append(f"  candidate: {place.scenario}", style="bold")
    text.append(f"  {_clock(seconds)}  {board.requests} requests, {rate:.1f}/s, {board.errors} errors")
    text.append(f"  metrics: http://127.0.0.1:{place.admin_port}/metrics", style="dim")
    if place.note:
        text.append(f"\n {place.note}", style="dim")
    return text


def _recent(answered: Answered) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("  ✓ " if answered.passed else "  ✗ ", style="bold" if answered.passed else "bold yellow")
    text.append(f"{answered.task:<24}{answered.rating:>5.0f}  ")
    served = "" if answered.served in ("", answered.variant) else f" → {answered.served}"
    text.append(f"{answered.segment} · {answered.variant}{served}".ljust(26), style="dim")
    text.append(f"{answered.seconds:6.2f} s  ", style="dim")
    text.append(answered.error or _REASONS.get(answered.reason, "samples passed"))
    return text


def _strip(row: Row) -> Text:
    """The interval of the pass rate on a line from 0 to 100 %."""
    if row.interval is None or row.pass_rate is None:
        return Text("·" * _STRIP, style="dim")
    low, mark, high = (
        min(_STRIP - 1, int(share * _STRIP)) for share in (row.interval[0], row.pass_rate, row.interval[1])
    )
    text = Text()
    for cell in range(_STRIP):
        if cell == mark:
            text.append("●", style="bold")
        elif low <= cell <= high:
            text.append("━")
        else:
            text.append("·", style="dim")
    return text


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f} s"


def _thousand(cost: float | None) -> str:
    return "–" if cost is None else f"{cost * 1000:.3f}"
