"""Advice: what a person is asked to do about a rollout, what may be done, and the command that does it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from gateway.cli.rollout.admin import Reading, name_of
from routing.rollout.phases import FOLLOWS, PHASES, possible


def advice(reading: Reading, suffix: str) -> Iterator[tuple[str, Text]]:
    """Labels and texts; `suffix` is what commands need here besides the rollout's name."""
    wanted = reading.get("recommendation")
    if wanted is not None:
        yield (
            "Wanted",
            Text.assemble(
                (f"{wanted} is recommended and waits for you:", "bold yellow"),
                f"\nheadgate rollout {FOLLOWS.get(wanted, wanted)} {name_of(reading)}{suffix}",
            ),
        )
    if reading.get("settle"):
        yield (
            "Settle",
            Text.assemble(
                ("the configuration does not say so yet:", "bold yellow"),
                f"\n{reading['settle']['text']}",
            ),
        )
    can = actions(reading)
    if can:
        yield "You can", Text(", ".join(can), style="dim")


def actions(reading: Reading) -> list[str]:
    """What may be asked for in this phase, as the commands are called."""
    phase = next((known for known in PHASES if known == reading["phase"]), None)
    if phase is None or (phase == "promoted" and not reading.get("settle")):
        return []  # once settled, the configuration is what has to be edited
    return [action.replace("_", "-") for action in possible(phase)]
