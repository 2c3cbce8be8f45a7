"""`headgate demo`: the gateway, simulated models and a simulated application, live in the terminal."""

from __future__ import annotations

from dataclasses import replace

import click
import uvloop

from gateway.cli.number import Number
from gateway.demo.ports import PortTaken, choose, choose_ports
from gateway.demo.process import Failed
from gateway.demo.prometheus import USUAL_PORT, PrometheusMissing, program
from gateway.demo.scenario import CANDIDATES
from gateway.demo.session import Options, hold


@click.command(name="demo")
@click.option(
    "--scenario",
    type=click.Choice(list(CANDIDATES)),
    default="good",
    show_default=True,
    help="How the fine-tuned candidate does against its baseline.",
)
@click.option(
    "--speed",
    type=Number(0.1, 100),
    default=1.0,
    show_default=True,
    help="Times as fast: more requests a second, and shorter stages.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Data port.  [default: 8080, or a free one]")
@click.option(
    "--admin-port", type=click.IntRange(1, 65535), help="Admin port.  [default: 8081, or a free one]"
)
@click.option("--requests", type=click.IntRange(1), help="End after so many requests.")
@click.option("--duration", type=Number(1), help="End after so many seconds.")
@click.option(
    "--until-settled", is_flag=True, help="End once the rollout has gone as far as it goes by itself."
)
@click.option(
    "--prometheus", "with_prometheus", is_flag=True, help="Start a local Prometheus that scrapes the gateway."
)
@click.option(
    "--prometheus-port", type=click.IntRange(1, 65535), help="Its port.  [default: 9090, or a free one]"
)
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the closing summary, as JSON.")
def command(
    scenario: str,
    speed: float,
    port: int | None,
    admin_port: int | None,
    requests: int | None,
    duration: float | None,
    until_settled: bool,
    with_prometheus: bool,
    prometheus_port: int | None,
    as_json: bool,
) -> None:
    """See Headgate at work: no keys, no network, nothing to configure.

    Starts the gateway with simulated models and an application that sends programming tasks, runs the
    returned programs on the tasks' samples and reports what came of them. The rollout of the fine-tuned model
    moves on that evidence: a good one takes over within a minute, a bad one goes back sooner.
    """
    if prometheus_port and not with_prometheus:
        raise click.UsageError("--prometheus-port goes with --prometheus")
    try:
        ports = choose_ports(port, admin_port)
        options = Options(scenario, speed, requests, duration, until_settled, as_json)
        if with_prometheus:
            its_port = choose("--prometheus-port", prometheus_port, USUAL_PORT, (ports.data, ports.admin))
            options = replace(options, prometheus=program(), prometheus_port=its_port)
        uvloop.run(hold(options, ports))
    except (PortTaken, PrometheusMissing, Failed) as error:
        raise click.ClickException(str(error)) from None
