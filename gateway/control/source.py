"""What a control plane starts from, and leaves to its successor: the configuration that is being served.

The supervisor makes the first one; after every reload the control plane hands the supervisor a newer one, so
that whichever process is started next begins where the others are. Pickled: it only ever travels over
sockets that the supervisor made itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.load import Loaded, load
from config.schema import Config
from gateway.control.controller.wishes import states_of, wishes_of
from gateway.control.estimators import Estimators
from gateway.control.telemetry.settings import Telemetry
from gateway.providers.registry import verify
from gateway.store.registry import make
from routing.compile import compile_snapshot
from routing.rollout.document import Document
from routing.snapshot import Snapshot

NO_ESTIMATORS = Estimators()


@dataclass(frozen=True, slots=True)
class Secrets:
    """The deployment's own secrets, 32 bytes each: see `gateway.state`."""

    signing_key: bytes = field(repr=False)
    unit_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """The configuration as loaded, the snapshot compiled from it, and since when (seconds, wall clock).

    `path` is None when the configuration came from environment variables: then there is nothing to watch.
    `state` is the state directory, `replica` what this gateway is called among the replicas. `prints` are the
    content hashes of the files it was read from. `documents` are the rollouts' as last known, by name.
    """

    path: Path | None
    state: Path
    replica: str
    loaded: Loaded
    prints: Mapping[Path, bytes]
    secrets: Secrets = field(repr=False)
    snapshot: Snapshot
    since: float
    documents: Mapping[str, Document] = field(default_factory=dict)
    estimators: Estimators = NO_ESTIMATORS
    """As last read well: a start after a crash has them, too."""
    telemetry: Telemetry | None = None
    """What the environment asks to be sent; the same for as long as the gateway runs."""

    def succeeded_by(self, loaded: Loaded, prints: Mapping[Path, bytes], now: float) -> Source:
        """The source after a good edit: the next revision. Raises ProviderRefused, StoreRefused."""
        estimators = self.estimators.read(loaded.config)
        revision = self.snapshot.revision + 1
        snapshot = compile_source(
            loaded.config, self.secrets, revision, self.documents, estimators, self.telemetry
        )
        return replace(
            self, loaded=loaded, prints=prints, snapshot=snapshot, since=now, estimators=estimators
        )

    def moved(self, secrets: Secrets, documents: Mapping[str, Document], revision: int, now: float) -> Source:
        """The same configuration under a new revision, with rollouts and secrets as they are now."""
        snapshot = _compile(self.loaded.config, secrets, revision, documents, self.estimators, self.telemetry)
        return replace(self, secrets=secrets, documents=documents, snapshot=snapshot, since=now)

    def dump(self) -> bytes:
        """The message of `Kind.SOURCE`."""
        return pickle.dumps(self, protocol=5)

    @staticmethod
    def read(message: bytes) -> Source:
        """The inverse of `dump`."""
        source = pickle.loads(message)
        assert isinstance(source, Source)
        return source


def compile_source(
    config: Config,
    secrets: Secrets,
    revision: int,
    documents: Mapping[str, Document],
    estimators: Estimators = NO_ESTIMATORS,
    telemetry: Telemetry | None = None,
) -> Snapshot:
    """The snapshot of a configuration, its rollouts as the documents have them.

    Raises ProviderRefused when a worker could not make the provider of an upstream, StoreRefused for a store
    that cannot be. Not to be called where an event loop runs.
    """
    snapshot = _compile(config, secrets, revision, documents, estimators, telemetry)
    make(config.store.url.get_secret_value(), Path(), snapshot.signing_keys)
    asyncio.run(_verify(snapshot))
    return snapshot


def signing_keys_of(config: Config, secrets: Secrets) -> tuple[bytes, ...]:
    """The keys that the configuration gives, else the deployment's own."""
    keys = tuple(
        hashlib.blake2b(key.get_secret_value().encode(), digest_size=32, person=b"headgate-signing").digest()
        for key in config.server.signing_keys
    )
    return keys or (secrets.signing_key,)


def _compile(
    config: Config,
    secrets: Secrets,
    revision: int,
    documents: Mapping[str, Document],
    estimators: Estimators,
    telemetry: Telemetry | None,
) -> Snapshot:
    keys = signing_keys_of(config, secrets)
    states = states_of(wishes_of(config).values(), documents)
    snapshot = compile_snapshot(
        config,
        revision=revision,
        signing_keys=keys,
        unit_key=secrets.unit_key,
        rollouts=states,
        estimators=estimators.known,
    )
    return snapshot if telemetry is None else replace(snapshot, tracing=telemetry.tracing)


async def _verify(snapshot: Snapshot) -> None:
    """In an event loop of its own, since providers belong to one."""
    verify(snapshot.upstreams.values())


def load_printed(path: Path, before: Mapping[Path, bytes]) -> tuple[Loaded, dict[Path, bytes]]:
    """The configuration in a file, and the content hashes of all its files. Raises ConfigError.

    A hash is taken before its file is read, so that no edit falls between: those in `before` were, and where
    the configuration names other files it is read again.
    """
    known = {**before}
    while True:
        loaded = load(path, os.environ)
        others = [file for file in loaded.files if file not in known]
        if not others:
            return loaded, {file: known[file] for file in loaded.files}
        known |= fingerprint(others)


def fingerprint(files: Iterable[Path]) -> dict[Path, bytes]:
    """The content hash of each file; empty for one that cannot be read."""
    return {file: _hash(file) for file in files}


def _hash(file: Path) -> bytes:
    try:
        return hashlib.blake2b(file.read_bytes(), digest_size=16).digest()
    except OSError:
        return b""
