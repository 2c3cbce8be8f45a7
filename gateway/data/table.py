"""The snapshot as a worker serves it, with what follows from it: providers, the sealer, header lines."""

from __future__ import annotations

from gateway.data.breakers import Breakers, breakers_of
from gateway.data.cors import CrossOrigin
from gateway.data.passage import Passage
from gateway.providers.base import Provider
from gateway.providers.registry import make
from routing.decision import Decision
from routing.request_id import Sealer
from routing.snapshot import Key, Snapshot, Variant


class Table:
    """Built once a snapshot; requests hold the one that they began with.

    `previous` lends its providers where an upstream has not changed, so that a reload costs no connection.
    """

    def __init__(self, snapshot: Snapshot, process_salt: bytes, previous: Table | None = None) -> None:
        self.snapshot = snapshot
        self.limits = snapshot.limits
        self.sealer = Sealer(snapshot.signing_keys, process_salt)
        self.cross_origin = None if snapshot.cors is None else CrossOrigin(snapshot.cors)
        self.tracing = snapshot.tracing
        self.passthrough = None if snapshot.passthrough is None else Passage(snapshot.passthrough)
        self.full = snapshot.response_headers == "full"
        self.callers: dict[bytes, Key] = {}
        """Keys by the whole authorization header, of callers that have been authenticated."""
        self.providers: dict[str, Provider] = {}
        self._lines: dict[tuple[str, str, str, str, str], bytes] = {}
        before = previous.snapshot if previous is not None else None
        self.breakers: dict[str, Breakers] = breakers_of(
            snapshot, previous.breakers if previous is not None else {}, before
        )
        for name, upstream in snapshot.upstreams.items():
            if previous is not None and previous.snapshot.upstreams.get(name) == upstream:
                self.providers[name] = previous.providers[name]
            else:
                self.providers[name] = make(upstream)

    def retire(self, successor: Table) -> None:
        """Closes the providers that the successor has not taken over, once their calls have ended."""
        for name, provider in self.providers.items():
            if successor.providers.get(name) is not provider:
                provider.close()

    def lines(self, decision: Decision, served: str) -> bytes:
        """The response header lines that depend on the decision alone."""
        if decision.reason == "direct":  # the model is the client's choice: not to be remembered
            return self._make_lines(decision, decision.variant)
        key = (decision.route.name, decision.segment.name, decision.variant.name, served, decision.reason)
        lines = self._lines.get(key)
        if lines is None:
            lines = self._lines[key] = self._make_lines(decision, decision.route.variants.get(served))
        return lines

    def _make_lines(self, decision: Decision, served: Variant | None) -> bytes:
        """`served` is None for a request that was refused before anything was tried."""
        return (
            f"x-headgate-route: {decision.route.name}\r\nx-headgate-segment: {decision.segment.name}\r\n"
            f"x-headgate-variant: {decision.variant.name}\r\n"
            f"x-headgate-served-variant: {served.name if served else ''}\r\n"
            f"x-headgate-model: {served.model if served else ''}\r\n"
            f"x-headgate-reason: {decision.reason}\r\nx-headgate-revision: {self.snapshot.revision}\r\n"
        ).encode()
