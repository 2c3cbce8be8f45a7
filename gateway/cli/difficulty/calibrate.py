"""`headgate difficulty calibrate`: the score above which a wanted share of requests lies."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import click

from gateway.cli.difficulty import options
from gateway.cli.difficulty.score import rows
from gateway.model_file import HEURISTIC
from gateway.training.examples import body_of
from routing.difficulty.estimate import ModelEstimator
from routing.difficulty.quantile import RollingSample

SIZE = 1_000_000
"""Requests that are looked at, the newest."""


@click.command()
@click.option(
    "--share",
    required=True,
    callback=options.share_of,
    metavar="SHARE",
    help="The share to send on, such as 20%.",
)
@click.option("--model", default=HEURISTIC, show_default=True, metavar="MODEL", help="A model file.")
@click.option(
    "--data", "file", type=click.File("rb"), default="-", help="Requests as JSON lines.  [default: stdin]"
)
@options.as_json
def command(share: float, model: str, file: BinaryIO, as_json: bool) -> None:
    """Find each task's threshold for a share of requests.

    A gateway with `gain: {top: 20%}` keeps its thresholds itself, over recent requests; this shows where they
    would lie for requests of your own, and what a constant such as `difficulty: {gte: 2000}` has to be.
    """
    estimator = ModelEstimator(options.load_model(model))
    samples: dict[str, RollingSample] = {}
    unknown = 0
    for _, row in rows(file):
        estimate = estimator.estimate(body_of(row))
        if estimate.score is None:
            unknown += 1
        else:
            for task in (estimate.task, "*"):
                samples.setdefault(task, RollingSample(size=SIZE)).add(estimate.score)
    if not samples:
        raise click.ClickException(
            "no request has a text to judge; give requests as JSON lines on stdin or by --data"
        )
    found: dict[str, Any] = {
        task: {"requests": len(sample), "threshold": sample.threshold(share)}
        for task, sample in sorted(samples.items())
    }
    if as_json:
        click.echo(json.dumps({"share": share, "model": estimator.hash, "unknown": unknown, "tasks": found}))
        return
    for task, figures in found.items():
        name = "all tasks together" if task == "*" else task
        top = f"the top {share:.4g} score {figures['threshold']:.4g} or more"
        click.echo(f"{name:20} {figures['requests']:7} requests: {top}")
    if unknown:
        click.echo(f"{'without a text':20} {unknown:7} requests")
