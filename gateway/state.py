"""The state directory: what outlives the processes on this machine, its secrets first."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

KEY_BYTES = 32
MOST = 16
"""Gateways that may use one state directory at once."""


class Unusable(Exception):
    """A state directory that cannot be used; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class State:
    """A usable state directory and the secrets in it, made on first use.

    `signing_key` seals request ids when the configuration gives no key; `unit_key` is the deployment secret
    behind salts and unit hashes, apart so that rotating a signing key moves nobody.
    """

    directory: Path
    signing_key: bytes = field(repr=False)
    unit_key: bytes = field(repr=False)


def open_state(directory: Path) -> State:
    """Makes the directory if need be. Raises Unusable."""
    keys = directory / "keys"
    try:
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        return State(directory, _key(keys / "signing.key"), _key(keys / "unit.key"))
    except OSError as error:
        raise _unwritable(directory, error) from None


def _unwritable(directory: Path, error: OSError) -> Unusable:
    return Unusable(
        f"cannot write to the state directory {directory}: {error.strerror}; "
        "choose another with --state or HEADGATE_STATE"
    )


def _key(path: Path) -> bytes:
    """The key in a file, made at random on first use: readable by its owner only, and whole or not there.

    Several gateways may start on one directory at once: whichever names its draft first has made the key,
    and all of them read that one.
    """
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(descriptor, "w") as file:
                file.write(secrets.token_hex(KEY_BYTES) + "\n")
                file.flush()
                os.fsync(descriptor)
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.unlink(draft)
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Unusable(f"{path} does not hold a key of {KEY_BYTES} bytes in hex; restore it, or delete it")
    return key


def adopt_unit_key(directory: Path, key: bytes) -> None:
    """Keeps the deployment secret that the replicas share in place of our own. Raises Unusable."""
    try:
        descriptor, draft = tempfile.mkstemp(prefix=".unit.key.", dir=directory / "keys")
        with open(descriptor, "w") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, directory / "keys" / "unit.key")
    except OSError as error:
        raise Unusable(f"cannot write to the state directory {directory}: {error.strerror}") from None


def take_replica(directory: Path) -> str:
    """What the gateway of this process is called among the replicas, until the process ends. Raises Unusable.

    The directory's name, and the number of a place that no other gateway on it has: one that is alone has the
    same after each restart, and those beside each other differ.
    """
    try:
        name = _key(directory / "keys" / "replica.key")[:8].hex()
        return f"{name}-{take_place(directory / 'replicas').name}"
    except OSError as error:
        raise _unwritable(directory, error) from None


def take_place(directory: Path) -> Path:
    """The first numbered folder below `directory` that no other process has; ours until this one ends.

    Raises Unusable when MOST have been taken, OSError.
    """
    for number in range(MOST):
        place = directory / str(number)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return place  # the lock stays open
        os.close(lock)
    raise Unusable(f"{directory}: {MOST} gateways are using this state directory")
