"""What the demo shows: one compact screen in a terminal, plain lines elsewhere.

Shapes and words carry every meaning; colour only helps.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway.cli.rollout.words import weight
from gateway.demo.board import Answered, Board, Row
from gateway.demo.panel import clock, guardrails, happened, standing
from gateway.demo.ports import HOST
from gateway.demo.watch import Seen

_SCALE = "0        50    100"
_STRIP = len(_SCALE)
WIDE = 100
"""Columns from which everything is shown …"""
_TALL = 30
"""… and lines; below, what is the least important is left out."""
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
answer = client.chat.completions.create(model="solver",
    metadata={"rating": "2700"}, messages=[{"role": "user", "content": "Hi"}])
print(answer.choices[0].message.content)"""
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
    admin_key: str = ""
    prometheus_port: int = 0
    note: str = ""

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus is; empty without."""
        return f"http://{HOST}:{self.prometheus_port}" if self.prometheus_port else ""

    @property
    def admin_url(self) -> str:
        """Where the admin API is."""
        return f"http://{HOST}:{self.admin_port}"


def screen(place: Place, board: Board, seen: Seen, seconds: float, size: ConsoleDimensions) -> RenderableType:
    """The whole screen: at its best on 100 columns and 30 lines, still whole on 80 and 24."""
    wide, compact = size.width >= WIDE, size.height < _TALL
    rows = board.rows()
    above = [*_title(place, board, seconds, compact), *standing(seen, size.width, compact)]
    found = guardrails(seen.guardrails, wide, compact)
    example = how_to_call(place, size.width)
    table = variants(rows, wide, compact)
    fixed = len(above) + found.row_count + 1 + len(rows) + (1 if compact else 2) + _height(example)
    spare = max(0, size.height - fixed)
    lines = min(len(seen.moved), max(2, spare - 4), spare)
    spare -= lines
    gaps = [[Text()] if spare > rank else [] for rank in (0, 3, 1, 2)]
    answered = list(board.recent)
    recent = answered[max(0, len(answered) - max(0, spare - 5)) :]
    return Group(
        *above, *gaps[0], Padding(found, (0, 0, 0, 2)), *gaps[1], Padding(table, (0, 0, 0, 2)), *gaps[2],
        *happened(seen.moved, lines), *(_recent(one) for one in recent), *gaps[3],
        Padding(example, (0, 0, 0, 2)),
    )  # fmt: skip


def line(board: Board, seconds: float) -> str:
    """One plain line: where things stand."""
    parts = [
        f"{row.segment}/{row.variant} {row.requests} requests, {_share(row.pass_rate)} passed,"
        f" p95 {_seconds(row.latency_p95)} s"
        for row in board.rows()
    ]
    return f"{clock(seconds)}  {board.requests} requests, {board.errors} errors  |  " + "  |  ".join(parts)


def variants(rows: list[Row], wide: bool, compact: bool = False) -> Table:
    """Per segment and assigned variant: split, latency, validation result, cost."""
    grid = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    grid.add_column("segment")
    grid.add_column("variant")
    for name in ("weight", "requests", "err", "p50 s", "p95 s", "passed"):
        grid.add_column(name, justify="right", no_wrap=True)
    if wide:
        grid.add_column(_SCALE if compact else f"95 % interval\n{_SCALE}", width=_STRIP, no_wrap=True)
    grid.add_column("$/k req" if compact else "$/1000\nrequests", justify="right", no_wrap=True)
    grid.add_column("$/k pass" if compact else "$/1000\npassed", justify="right", no_wrap=True)
    before = ""
    for row in rows:
        grid.add_row(
            "" if row.segment == before else row.segment,
            Text(row.variant, style="bold"),
            weight(row.weight),
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


def how_to_call(place: Place, width: int) -> Text:
    """`curl` and the `openai` client against the running gateway, in lines of `width` columns."""
    text = Text(no_wrap=True, overflow="ignore")
    text.append("call it yourself, while this runs\n", style="dim")
    example = _EXAMPLE if width >= WIDE else _NARROW_EXAMPLE
    url = f"http://{HOST}:{place.port}/v1"
    text.append(example.replace("URL", url).replace("KEY", place.key), style="cyan")
    return text


def how_to_watch(place: Place) -> str:
    """The operator's view of the same rollout, as a command."""
    return (
        f"HEADGATE_ADMIN_URL={place.admin_url} HEADGATE_ADMIN_KEY={place.admin_key}"
        " headgate rollout get solver -w"
    )


def _height(text: Text) -> int:
    return text.plain.count("\n") + 1


def _title(place: Place, board: Board, seconds: float, compact: bool) -> list[Text]:
    rate = board.requests / seconds if seconds > 0 else 0.0
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(" headgate demo ", style="bold reverse")
    text.append(f"  {_CANDIDATE[place.scenario]}", style="bold")
    pace = "" if compact else f" {rate:.1f}/s,"
    text.append(f"  {clock(seconds)}  {board.requests} requests,{pace} {board.errors} errors")
    if compact:
        return [text]
    below = Text(f" metrics {place.admin_url}/metrics", style="dim", no_wrap=True, overflow="ellipsis")
    if place.prometheus_port:
        below.append(f"   prometheus {place.prometheus_url}")
    below.append("   Ctrl-C ends")
    if place.note:
        below.append(f"   {place.note}")
    return [text, below]


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


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f}"


def _thousand(cost: float | None) -> str:
    return "–" if cost is None else f"{cost * 1000:.3f}"
