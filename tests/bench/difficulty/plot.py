"""Draws docs/difficulty/*.svg from the figures that the bench keeps.

`python -m tests.bench.difficulty.plot FILE`, where FILE is what `--json=FILE` of the bench names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[3] / "docs" / "difficulty"
SETS = {
    "gsm8k": "GSM8K: Mixtral-8x7B and GPT-4",
    "mmlu": "MMLU: Mixtral-8x7B and GPT-4",
    "routerbench": "RouterBench subset: Mixtral-8x7B and GPT-4",
    "livecodebench-1": "LiveCodeBench: GPT-4o-mini and o3-mini",
}
COLOURS = {
    "oracle": "#999999", "ours": "#0b6bcb", "length": "#c2680a", "keywords": "#7a3fa0", "random": "#444444",
}  # fmt: skip
WIDTH, HEIGHT = 520, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 100, 34, 46


def draw(title: str, found: dict[str, Any]) -> str:
    """Accuracy against the share of requests that the strong model gets, a line for each router."""
    weak, strong = found["weak"], found["strong"]
    lines = {name: [(x, weak + y * (strong - weak)) for x, y in found[name]["curve"]] for name in COLOURS} | {
        "random": [(0.0, weak), (1.0, strong)]
    }
    low = min(y for points in lines.values() for _, y in points)
    high = max(y for points in lines.values() for _, y in points)

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + x * (WIDTH - LEFT - RIGHT)
        return across, HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12"><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{title}</text>',
    ]
    for at in range(6):
        x, y = place(at / 5, low)[0], place(0, low + at / 5 * (high - low))[1]
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{at * 20} %</text>')
        value = 100 * (low + at / 5 * (high - low))
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0f} %</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">requests to the strong model</text>'
    )
    for number, (name, colour) in enumerate(COLOURS.items()):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in lines[name]))
        dash = ' stroke-dasharray="4 3"' if name in ("random", "oracle") else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        label = f'<text x="{WIDTH - RIGHT + 12}" y="{TOP + 14 + 18 * number}" fill="{colour}">{name}</text>'
        parts.append(label)
    return "\n".join([*parts, "</svg>\n"])


def main(arguments: list[str]) -> None:
    """Draws every set."""
    gains = json.loads(Path(arguments[0]).read_text())["gains"]
    OUT.mkdir(exist_ok=True)
    for name, title in SETS.items():
        (OUT / f"{name.partition('-')[0]}.svg").write_text(draw(title, gains[name]))


if __name__ == "__main__":
    main(sys.argv[1:])
