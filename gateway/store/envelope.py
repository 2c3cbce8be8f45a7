"""What a store keeps, signed: documents, audit entries, secrets and heartbeats, as bytes.

A document's bytes begin with its revision in clear, so that a script on a server can compare it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.store.base import Document, Entry, Lease, Tampered
from gateway.store.signature import Signer


class Envelope:
    """Packs and unpacks."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._read: dict[str, tuple[bytes, Document]] = {}

    # Documents

    def document(self, rollout: str, document: Document, expected: int, lease: Lease | None) -> bytes:
        """A document to be put in the place of revision `expected`. Raises ValueError if it is not newer."""
        if document.revision <= expected:
            raise ValueError(f"revision {document.revision} does not follow {expected}")
        fence = document.fence if lease is None else lease.token
        content = {"revision": document.revision, "fence": fence, "body": document.body}
        return b"%d " % document.revision + self._signer.sign(f"document {rollout}", content)

    def open_document(self, rollout: str, stored: bytes) -> Document:
        """Raises Tampered."""
        claimed, _, signed = stored.partition(b" ")
        try:
            content = self._signer.open(f"document {rollout}", signed)
        except Tampered as error:
            raise Tampered(str(error), self.revision(stored)) from None
        if b"%d" % content["revision"] != claimed:
            raise Tampered(f"the document {rollout} in the store is under a wrong revision")
        return Document(content["revision"], content["body"], content["fence"])

    def document_or_none(self, rollout: str, stored: bytes) -> Document | None:
        """The document; None for one that is not ours. The same object as long as the bytes are the same."""
        if self._knows(rollout, stored):
            return self._read[rollout][1]
        try:
            document = self.open_document(rollout, stored)
        except Tampered:
            return None
        self._read[rollout] = stored, document
        return document

    def _knows(self, rollout: str, stored: bytes) -> bool:
        """Whether these are the bytes of which the document was read last: they are read time and again."""
        return rollout in self._read and self._read[rollout][0] == stored

    def renewed_document(self, rollout: str, stored: bytes) -> bytes | None:
        """The same, signed with the newest key; None when it is already."""
        if self._knows(rollout, stored):
            return None  # it was looked at before it was read
        revision, _, signed = stored.partition(b" ")
        renewed = self._signer.renewed(f"document {rollout}", signed)
        return None if renewed is None else revision + b" " + renewed

    @staticmethod
    def revision(stored: bytes | None) -> int:
        """The revision that a stored document claims; 0 for none."""
        claimed = (stored or b"").partition(b" ")[0]
        return int(claimed) if claimed.isdigit() else 0

    # Audit

    def entry(self, rollout: str, entry: Entry) -> bytes:
        """An audit entry."""
        return self._signer.sign(f"entry {rollout}", {"time": entry.time, "body": entry.body})

    def open_entry(self, rollout: str, stored: bytes) -> Entry:
        """An entry, authentic or not: a log is worth reading even if its key is gone."""
        content, authentic = self._signer.peek(f"entry {rollout}", stored)
        match content:
            case {"time": int(time), "body": dict(body)}:
                return Entry(time, body, authentic)
        return Entry(0, {}, authentic=False)

    # Secrets

    def secret(self, name: str, value: bytes) -> bytes:
        """A secret."""
        return self._signer.sign(f"secret {name}", b64encode(value).decode())

    def open_secret(self, name: str, stored: bytes) -> bytes:
        """Raises Tampered."""
        return b64decode(self._signer.open(f"secret {name}", stored))

    def renewed_secret(self, name: str, stored: bytes) -> bytes | None:
        """The same, signed with the newest key; None when it is already."""
        return self._signer.renewed(f"secret {name}", stored)

    # Homes of stored responses

    def home(self, name: bytes, value: bytes) -> bytes:
        """Where a response lives."""
        return self._signer.sign(f"home {name.hex()}", b64encode(value).decode())

    def open_home(self, name: bytes, stored: bytes | None) -> bytes | None:
        """The same; None for what is not there, or is not ours."""
        if stored is None:
            return None
        try:
            return b64decode(self._signer.open(f"home {name.hex()}", stored))
        except Tampered:
            return None

    # Heartbeats

    def beat(self, replica: str, body: Mapping[str, Any]) -> bytes:
        """A heartbeat."""
        return self._signer.sign(f"replica {replica}", body)

    def open_beats(self, stored: Iterable[tuple[str, bytes]]) -> dict[str, Mapping[str, Any]]:
        """Heartbeats by replica; those that are not ours are left out."""
        opened = ((replica, self._signer.peek(f"replica {replica}", signed)) for replica, signed in stored)
        return {replica: body for replica, (body, authentic) in opened if authentic}
