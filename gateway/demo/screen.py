"""What the demo shows: one compact screen in a terminal, plain lines elsewhere, and the closing summary.

Shapes and words carry every meaning; colour only helps.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway.demo.board import Answered, Board, Row
from gateway.demo.ports import HOST

_SCALE = "0        50    100"
_STRIP = len(_SCALE)
WIDE = 100
"""Columns from which everything is shown."""
_EXAMPLE = """\
curl URL/chat/completions -H 'content-type: application/json' \\
  -H 'authorization: Bearer KEY' \\
  -d '{"model":"solver","metadata":{"rating":"2700"},"messages":[{"role":"user","content":"Hi"}]}'

from openai import OpenAI
client = OpenAI(base_url="URL", api_key="KEY")
answer = client.chat.completions.create(model="solver", metadata={"rating": "2700"},
    messages=[{"role": "user", "content": "Hi"}])
print(answer.choices[0].message.content)"""
_NARROW_EXAMPLE = """\
curl URL/chat/completions \\
  -H 'content-type: application/json' \\
  -H 'authorization: Bearer KEY' \\
  -d '{"model":"solver","metadata":{"rating":"2700"},
       "messages":[{"role":"user","content":"Hi"}]}'

from openai import OpenAI
client = OpenAI(base_url="URL",
                api_key="KEY")
answer = client.chat.completions.create(
    model="solver", metadata={"rating": "2700"},
    messages=[{"role": "user", "content": "Hi"}])
print(answer.choices[0].message.content)"""
_OTHER_LINES = 11
"""Lines of the screen besides the newest answers and the example."""
_CANDIDATE = {
    "good": "the candidate passes more",
    "bad": "the candidate passes fewer",
    "same": "the candidate passes as many",
}
_REASONS = {
    "wrong_answer": "wrong answer",
    "runtime_error": "crashed",
    "time_limit": "too slow",
    "no_program": "no program",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the running gateway is and how the demo was started; `prometheus_port` 0: without Prometheus."""

    scenario: str
    port: int
    admin_port: int
    key: str
    prometheus_port: int = 0
    note: str = ""

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus is; empty without."""
        return f"http://{HOST}:{self.prometheus_port}" if self.prometheus_port else ""


def screen(place: Place, board: Board, seconds: float, size: ConsoleDimensions) -> RenderableType:
    """The whole screen: at its best on 100 columns and 30 lines, still whole on 80 and 24."""
    example = _EXAMPLE if size.width >= WIDE else _NARROW_EXAMPLE
    room = max(0, size.height - _OTHER_LINES - example.count("\n") - 1)
    recent = list(board.recent)[max(0, len(board.recent) - room) :]
    return Group(
        _title(place, board, seconds),
        Text(),
        Padding(table(board.rows(), size.width), (0, 0, 0, 2)),
        Text(),
        *(_recent(answered) for answered in recent),
        Text(),
        Padding(how_to_call(place, size.width), (0, 0, 0, 2)),
    )


def line(board: Board, seconds: float) -> str:
    """One plain line: where things stand."""
    parts = [
        f"{row.segment}/{row.variant} {row.requests} requests, {_share(row.pass_rate)} passed,"
        f" p95 {_seconds(row.latency_p95)} s"
        for row in board.rows()
    ]
    return f"{_clock(seconds)}  {board.requests} requests, {board.errors} errors  |  " + "  |  ".join(parts)


def table(rows: list[Row], width: int) -> Table:
    """Per segment and assigned variant: split, latency, validation result, cost; in `width` columns."""
    wide = width >= WIDE
    grid = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    grid.add_column("segment")
    grid.add_column("variant")
    for name in ("weight", "share", "requests", "err", "p50 s", "p95 s", "passed"):
        grid.add_column(name, justify="right", no_wrap=True)
    if wide:
        grid.add_column("95 % interval\n" + _SCALE, width=_STRIP, no_wrap=True)
    grid.add_column("$/1000\nrequests", justify="right", no_wrap=True)
    grid.add_column("$/1000\npassed", justify="right", no_wrap=True)
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
            *([_strip(row)] if wide else []),
            _thousand(row.cost_per_request),
            _thousand(row.cost_per_success),
        )
        before = row.segment
    return grid


def how_to_call(place: Place, width: int) -> RenderableType:
    """`curl` and the `openai` client against the running gateway, in lines of `width` columns."""
    text = Text(no_wrap=True, overflow="ignore")
    text.append("call it yourself, while this runs\n", style="dim")
    example = _EXAMPLE if width >= WIDE else _NARROW_EXAMPLE
    url = f"http://{HOST}:{place.port}/v1"
    text.append(example.replace("URL", url).replace("KEY", place.key), style="cyan")
    return text


def _title(place: Place, board: Board, seconds: float) -> RenderableType:
    rate = board.requests / seconds if seconds > 0 else 0.0
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(" headgate demo ", style="bold reverse")
    text.append(f"  {_CANDIDATE[place.scenario]}", style="bold")
    text.append(f"  {_clock(seconds)}  {board.requests} requests, {rate:.1f}/s, {board.errors} errors")
    text.append(f"\n metrics http://{HOST}:{place.admin_port}/metrics", style="dim")
    if place.prometheus_port:
        text.append(f"   prometheus {place.prometheus_url}", style="dim")
    text.append("   Ctrl-C ends", style="dim")
    if place.note:
        text.append(f"   {place.note}", style="dim")
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
    return "–" if seconds is None else f"{seconds:.2f}"


def _thousand(cost: float | None) -> str:
    return "–" if cost is None else f"{cost * 1000:.3f}"
