"""`headgate serve`: runs the gateway."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import time

import click

from config.environment import from_environment
from config.load import Loaded
from config.problems import ConfigError
from gateway.control.controller.first import first_look
from gateway.control.controller.keep import kept as kept_rollouts
from gateway.control.estimators import Estimators
from gateway.control.source import Secrets, Source, compile_source, fingerprint, load_printed, signing_keys_of
from gateway.control.telemetry.settings import telemetry_of
from gateway.log import VALUELESS, configure
from gateway.loopback import is_loopback
from gateway.providers.registry import ProviderRefused
from gateway.state import Unusable, adopt_unit_key, open_state, take_replica
from gateway.store.registry import StoreRefused
from gateway.supervisor.child import StillBorn
from gateway.supervisor.sockets import Unavailable, listen, raise_descriptor_limit
from gateway.supervisor.supervisor import Listeners, Supervisor

DEFAULT_FILE = Path("headgate.yaml")
MOST_WORKERS = 8
PORT = click.IntRange(0, 65535)
log = logging.getLogger("headgate.supervisor")


def usable_processors() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path, dir_okay=False), envvar="HEADGATE_CONFIG",
    show_envvar=True, help="The configuration.  [default: ./headgate.yaml, else environment variables]",
)  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Where applications reach the gateway.")
@click.option("--port", default=8080, show_default=True, type=PORT, help="0: a free one.")
@click.option("--admin-host", default="127.0.0.1", show_default=True, help="Where operators reach it.")
@click.option("--admin-port", default=8081, show_default=True, type=PORT, help="0: a free one.")
@click.option(
    "--workers", type=click.IntRange(1, 256), default=lambda: min(usable_processors(), MOST_WORKERS),
    show_default=f"one a processor, {MOST_WORKERS} at most", help="Worker processes.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), default=Path(".headgate"), show_default=True,
    envvar="HEADGATE_STATE", show_envvar=True, help="The directory for what outlives the processes.",
)  # fmt: skip
def command(
    path: Path | None, host: str, port: int, admin_host: str, admin_port: int, workers: int, state: Path
) -> None:
    """Run the gateway.

    SIGTERM leaves gracefully, SIGHUP reads the configuration again; edits of it are noticed by themselves.
    SIGUSR1 replaces the workers without a failed request.
    """
    try:
        source = first_source(path, state)
        # Before anything is written to the store: a start that finds its port taken must not begin a rollout.
        listeners = Listeners(listen(host, port, workers), listen(admin_host, admin_port, 1)[0])
        source = as_stored(source)
    except (ProviderRefused, StoreRefused, Unusable, Unavailable) as error:
        raise click.ClickException(str(error)) from None
    configure()
    for warning in source.loaded.warnings:
        log.warning("%s", warning, extra=VALUELESS)
    for complaint in telemetry_of(os.environ)[1]:
        log.warning("%s", complaint)
    bound: str = listeners.workers[0].getsockname()[0]
    if not source.snapshot.keys and not is_loopback(bound):
        log.warning(
            "server.keys: there are none, so other machines are refused although the gateway listens on %s",
            bound,
        )
    for fault in source.estimators.faults(source.loaded.config):
        log.error("%s", fault)
    raise_descriptor_limit()
    try:
        asyncio.run(Supervisor(listeners, source).run())
    except StillBorn as error:
        raise click.ClickException(str(error)) from None


def first_source(path: Path | None, state: Path) -> Source:
    """Loads the configuration and compiles the first snapshot, with rollouts as this machine saw them last.

    Raises Unusable, ProviderRefused, StoreRefused, click.ClickException.
    """
    if path is None and DEFAULT_FILE.is_file():
        path = DEFAULT_FILE
    loaded, prints = _load(path)
    kept = open_state(state)
    secrets = Secrets(kept.signing_key, kept.unit_key)
    telemetry, _ = telemetry_of(os.environ)
    estimators = Estimators().read(loaded.config)
    known = kept_rollouts(kept.directory, signing_keys_of(loaded.config, secrets))
    snapshot = compile_source(loaded.config, secrets, 1, known, estimators, telemetry)
    return Source(
        path.absolute() if path else None, state.absolute(), take_replica(kept.directory), loaded, prints,
        secrets, snapshot, time(), known, estimators, telemetry,
    )  # fmt: skip


def as_stored(source: Source) -> Source:
    """The source with rollouts and the shared secret as the store has them. Raises Unusable."""
    shared, documents = asyncio.run(first_look(source))
    if shared == source.secrets.unit_key and documents == source.documents:
        return source
    if shared != source.secrets.unit_key:
        adopt_unit_key(source.state, shared)
    secrets = replace(source.secrets, unit_key=shared)
    return source.moved(secrets, documents, source.snapshot.revision, time())


def _load(path: Path | None) -> tuple[Loaded, Mapping[Path, bytes]]:
    try:
        if path is None:
            return from_environment(os.environ), {}
        return load_printed(path, fingerprint([path.absolute()]))
    except ConfigError as error:
        first, others = error.problems[0], len(error.problems) - 1
        more = f" (and {others} more: see `headgate check {path}`)" if path and others else ""
        raise click.ClickException(first.located(error.source) + more) from None
