"""`headgate difficulty score`: the difficulty of requests, one JSON line each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from gateway.cli.difficulty import options
from gateway.cli.explain import snapshot_of
from gateway.control.errors import Refusal
from gateway.control.explain import Question, answer
from gateway.data.authenticate import LOCAL
from gateway.model_file import HEURISTIC
from gateway.training.examples import body_of
from routing.difficulty.estimate import ModelEstimator
from routing.snapshot import Snapshot

Judge = Callable[[dict[str, Any]], dict[str, Any]]
REQUEST = ("metadata", "user", "safety_identifier", "tools", "response_format")
"""Fields of a row that routing may look at besides its text."""


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="The configuration of a gateway."
)
@click.option("--route", metavar="R", help="The configuration's route that the requests go to.")
@click.option("--model", metavar="MODEL", help="A model file.  [default: heuristic, the built-in one]")
@click.argument("file", type=click.File("rb"), default="-")
def command(config: Path | None, route: str | None, model: str | None, file: BinaryIO) -> None:
    """Score requests: JSON lines from FILE or the standard input, one line of JSON for each.

    With --config and --route a row is scored as that route would: its own rating first, and with its segment.
    """
    if config is not None and model is not None:
        raise click.UsageError("--config and --model exclude each other.")
    if (config is None) != (route is None):
        raise click.UsageError("--config and --route belong together.")
    if config is not None and route is not None:
        judge = _by_route(snapshot_of(config, None), route)
    else:
        judge = _by_model(ModelEstimator(options.load_model(model or HEURISTIC)))
    for number, row in rows(file):
        found = judge(row)
        click.echo(json.dumps({"id": row.get("id", number), **found}, ensure_ascii=False))


def rows(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with its line's number. Leaves with one line when it is no JSON object."""
    name = getattr(file, "name", "<stdin>")
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise click.ClickException(f"{name}:{number}: not valid JSON") from None
        if not isinstance(row, dict):
            raise click.ClickException(f"{name}:{number}: a row is a JSON object")
        yield number, row


def _by_model(estimator: ModelEstimator) -> Judge:
    def judge(row: dict[str, Any]) -> dict[str, Any]:
        estimate = estimator.estimate(body_of(row))
        known = estimate.score is not None
        found: dict[str, Any] = {"score": estimate.score, "source": "estimate" if known else "none"}
        found["task"] = estimate.task or None
        return found if known else {**found, "reason": estimate.reason}

    return judge


def _by_route(snapshot: Snapshot, route: str) -> Judge:
    def judge(row: dict[str, Any]) -> dict[str, Any]:
        body = _chat(body_of(row)) | {name: row[name] for name in REQUEST if name in row} | {"model": route}
        try:
            found = answer(snapshot, Question(request=body, headers=_headers(row)), LOCAL)
        except Refusal as refusal:
            raise click.ClickException(refusal.message) from None
        difficulty = found["difficulty"]
        return {
            "score": difficulty["score"],
            "source": difficulty["source"],
            "task": difficulty.get("task") or None,
            "segment": found["segment"],
        }

    return judge


def _chat(body: dict[str, Any]) -> dict[str, Any]:
    """A prompt as the message that a chat would send."""
    prompt = body.get("prompt")
    return {"messages": [{"role": "user", "content": prompt}]} if isinstance(prompt, str) else body


def _headers(row: dict[str, Any]) -> dict[str, str]:
    headers = row.get("headers")
    if not isinstance(headers, dict):
        return {}
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
