"""`headgate explain`: where a request would go and why; nothing is sent to any upstream."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.environment import from_environment
from config.load import load
from config.problems import ConfigError
from gateway.cli.client import ADMIN_KEY, check_url, post, refuse
from gateway.control.controller.keep import kept
from gateway.control.controller.wishes import wishes_of
from gateway.control.errors import Refusal
from gateway.control.estimators import Estimators
from gateway.control.explain import Question, answer
from gateway.control.source import Secrets, compile_source, signing_keys_of
from gateway.data.authenticate import LOCAL
from gateway.state import Unusable, open_state
from routing.rollout.epoch import first_epoch
from routing.snapshot import Snapshot

DEFAULT_FILE = Path("headgate.yaml")
EXPLAIN = "/admin/v1/explain"

EXAMPLE = Secrets(bytes(32), bytes(32))

REASONS = {
    "rollout": "by the segment's rollout",
    "weights": "by the segment's weights",
    "variant": "the segment's only one",
    "cascade": "the first of the segment's cascade",
    "unsupported": "because others do not serve the endpoint",
    "pinned": "because the request asks for it",
    "direct": "because the model is named directly",
}


def _headers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition(":") for value in values]
    if not all(name.strip() and colon for name, colon, _ in pairs):
        raise click.BadParameter("write a header as NAME:VALUE.")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration.  [default: ./headgate.yaml, else environment variables]",
)  # fmt: skip
@click.option(
    "--url", callback=check_url, help="Ask a running gateway's admin plane, with HEADGATE_ADMIN_KEY."
)
@click.option(
    "--request", "file", type=click.File("rb", lazy=True), required=True,
    help="The JSON body of a request; - reads it from the standard input.",
)  # fmt: skip
@click.option(
    "--endpoint", type=click.Choice(["chat", "completions", "embeddings", "responses"]), default="chat",
    show_default=True, help="Where it would be sent.",
)  # fmt: skip
@click.option(
    "--header", "headers", multiple=True, callback=_headers, metavar="K:V",
    help="A request header that routing may look at; repeatable.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), default=Path(".headgate"), show_default=True,
    envvar="HEADGATE_STATE", show_envvar=True, help="The gateway's state directory, with its secret.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def command(
    path: Path | None,
    url: str | None,
    file: BinaryIO,
    endpoint: str,
    headers: dict[str, str],
    state: Path,
    as_json: bool,
) -> None:
    """Say where a request would go, and why, without sending it."""
    if url is not None and path is not None:
        raise click.UsageError("--config and --url exclude each other.")
    question: dict[str, Any] = {"request": _body(file), "headers": headers}
    if endpoint != "chat":
        question["endpoint"] = endpoint
    if url is not None:
        explanation = _ask(url, question)
    else:
        explanation = _work_out(snapshot_of(path, state), question)
    if as_json:
        click.echo(json.dumps(explanation, ensure_ascii=False))
    else:
        render(explanation, Console())


def _body(file: BinaryIO) -> dict[str, Any]:
    try:
        body = json.loads(file.read())
    except (ValueError, RecursionError):
        raise click.ClickException(f"{file.name}: not valid JSON") from None
    if not isinstance(body, dict):
        raise click.ClickException(f"{file.name}: a request is a JSON object")
    return body


def snapshot_of(path: Path | None, state: Path | None) -> Snapshot:
    """The snapshot that this machine's gateway would serve; without its state buckets are examples."""
    if path is None and DEFAULT_FILE.is_file():
        path = DEFAULT_FILE
    try:
        loaded = from_environment(os.environ) if path is None else load(path, os.environ)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    secrets = EXAMPLE if state is None else _secrets(state)
    known = {} if state is None else kept(state, signing_keys_of(loaded.config, secrets))
    first = {
        name: first_epoch(wish.identity, wish.plan, 0).document
        for name, wish in wishes_of(loaded.config).items()
    }
    estimators = Estimators().read(loaded.config)
    for fault in estimators.faults(loaded.config):
        click.echo(f"warning: {fault}", err=True)
    return compile_source(loaded.config, secrets, 1, first | known, estimators)


def _secrets(state: Path) -> Secrets:
    """The deployment's secrets, without which buckets are not those of its gateway."""
    if (state / "keys" / "unit.key").is_file():
        try:
            opened = open_state(state)
        except Unusable as error:
            raise click.ClickException(str(error)) from None
        return Secrets(opened.signing_key, opened.unit_key)
    click.echo(
        f"note: {state} is not a gateway's state directory, so buckets are an example; name it with --state, "
        "or ask the gateway with --url",
        err=True,
    )
    return EXAMPLE


def _work_out(snapshot: Snapshot, question: dict[str, Any]) -> dict[str, Any]:
    try:
        return answer(snapshot, Question(**question), LOCAL)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from None


def _ask(url: str, question: dict[str, Any]) -> dict[str, Any]:
    status, explanation = post(url, EXPLAIN, question, key=ADMIN_KEY)
    if status != 200:
        raise refuse(status, explanation, ADMIN_KEY)
    return dict(explanation)


def render(explanation: dict[str, Any], console: Console) -> None:
    """Prints an explanation for people."""
    summary = Table.grid(padding=(0, 2))
    for name, value in _lines(explanation):
        summary.add_row(name, escape(value))
    console.print(summary)
    if explanation["conditions"]:
        conditions = Table("segment", "condition", "value", "held", box=None, pad_edge=False)
        for condition in explanation["conditions"]:
            value = "unknown" if condition["value"] is None else str(condition["value"])
            held = "yes" if condition["held"] else "no"
            conditions.add_row(condition["segment"], escape(condition["condition"]), escape(value), held)
        console.print()
        console.print(conditions)
    if explanation["difficulty"]["contributions"]:
        console.print()
        console.print(_parts(explanation["difficulty"]["contributions"]))


def _parts(contributions: list[dict[str, Any]]) -> Table:
    """What an estimate is made of."""
    table = Table("adds", "what", box=None, pad_edge=False)
    for part in contributions:
        table.add_row(f"{part['value']:+.4g}", escape(f"{part['kind']} {part['feature']}".strip()))
    return table


def _lines(explanation: dict[str, Any]) -> list[tuple[str, str]]:
    difficulty = explanation["difficulty"]
    score = "unknown"
    if difficulty["score"] is not None:
        score = f"{difficulty['score']:g} from {difficulty['source']}"
    if difficulty["task"] is not None:
        score += f", task {difficulty['task']}"
    if difficulty["threshold"] is not None:
        score += f", threshold {difficulty['threshold']:g}"
    if "reason" in difficulty:
        score += f" ({difficulty['reason']})"
    variant = f"{explanation['variant']} (model {explanation['model']})"
    return [
        ("route", explanation["route"]),
        ("segment", explanation["segment"]),
        ("variant", f"{variant}, {REASONS[explanation['reason']]}"),
        ("lot", _lot(explanation)),
        ("difficulty", f"{score}, stratum {difficulty['stratum']}"),
        ("fallbacks", ", ".join(explanation["fallbacks"]) or "none"),
        ("shadow", _shadow(explanation)),
        ("revision", str(explanation["revision"])),
    ]


def _shadow(explanation: dict[str, Any]) -> str:
    shadow = explanation.get("shadow")
    return "none" if shadow is None else f"{shadow['variant']}, {shadow['percent']:g} % of what is answered"


def _lot(explanation: dict[str, Any]) -> str:
    if explanation["bucket"] is None:
        return "none drawn"
    source = explanation["key_source"]
    key = "drawn anew for every request" if source == "request" else f"sticky key from {source}"
    return f"bucket {explanation['bucket']} of 10000, {key}; weight {explanation['weight']:g} %"
