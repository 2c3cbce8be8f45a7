"""The documents that this machine has seen last, signed, in its state directory: to start without a store."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.store.base import Tampered
from gateway.store.signature import Signer
from routing.rollout.document import Document, InvalidDocument

log = logging.getLogger("headgate.control")
FILE = "rollouts.json"
_SUBJECT = "kept rollouts"


def keep(directory: Path, keys: tuple[bytes, ...], documents: Mapping[str, Document]) -> None:
    """Writes them, whole or not at all. Raises OSError."""
    body = {name: document.to_json() for name, document in documents.items()}
    descriptor, draft = tempfile.mkstemp(prefix=f".{FILE}.", dir=directory)
    try:
        with open(descriptor, "wb") as file:
            file.write(Signer(keys).sign(_SUBJECT, body))
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, directory / FILE)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def kept(directory: Path, keys: tuple[bytes, ...]) -> dict[str, Document]:
    """What was kept; what cannot be read, or was not signed by us, is as good as none, and said."""
    try:
        body = Signer(keys).open(_SUBJECT, (directory / FILE).read_bytes())
        return {name: Document.from_json(plain) for name, plain in body.items()}
    except FileNotFoundError:
        return {}
    except (OSError, Tampered, msgspec.DecodeError, InvalidDocument) as error:
        log.warning("%s cannot be used: %s; rollouts start from the store", directory / FILE, error)
        return {}
