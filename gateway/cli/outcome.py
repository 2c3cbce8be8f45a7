"""`headgate outcome`: reports what came of a request."""

from __future__ import annotations

import json
from typing import Any

import click

from gateway.cli.client import check_url, post, refuse
from gateway.cli.number import Number

KEY = "HEADGATE_API_KEY"


@click.command()
@click.argument("request_id")
@click.option("--passed/--failed", default=None, help="Whether the answer passed validation.")
@click.option("--needs-review/--no-review", default=None, help="Whether a person has to look at it.")
@click.option("--score", type=Number(0, 1), help="How good it is, from 0 to 1.")
@click.option("--items", type=click.IntRange(1), help="How many items the request carried.")
@click.option("--reason", help="Why, in a word or a few.")
@click.option(
    "--url", callback=check_url, envvar="HEADGATE_URL", default="http://127.0.0.1:8080", show_default=True,
    help="The gateway; the key is taken from HEADGATE_API_KEY.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the gateway's answer as JSON.")
def command(
    request_id: str,
    passed: bool | None,
    needs_review: bool | None,
    score: float | None,
    items: int | None,
    reason: str | None,
    url: str,
    as_json: bool,
) -> None:
    """Report the outcome of REQUEST_ID, the x-request-id of an answer.

    Each field counts once a request: the same again is a duplicate, another value a conflict.
    """
    said: dict[str, Any] = {
        "validation_passed": passed, "needs_review": needs_review, "score": score, "items": items,
        "reason": reason,
    }  # fmt: skip
    given = {name: value for name, value in said.items() if value is not None}
    if not given:
        raise click.UsageError("say what came of it: --passed, --failed, --needs-review, --score …")
    status, answer = post(url, "/v1/outcomes", {"request_id": request_id, **given}, key=KEY)
    if as_json:
        click.echo(json.dumps(answer))
    if status != 200:
        raise refuse(status, answer, KEY)
    if not as_json:
        click.echo(answer["data"][0]["status"])
