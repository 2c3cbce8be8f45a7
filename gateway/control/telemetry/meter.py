"""Figures of the conventions, with the buckets that they recommend."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.metrics import MeterProvider

from gateway.channel.spans import Tried
from gateway.control.telemetry.attributes import (
    NOBODY,
    SCHEMA,
    Attributes,
    Ended,
    failure_of,
    fault_of,
    of_call,
    operation_of,
    tells_usage,
    tokens_in,
    tokens_out,
)
from gateway.control.telemetry.origins import Origin

SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
FIRST_TOKEN = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
]  # fmt: skip
TOKENS = [4.0**power for power in range(14)]


class Meter:
    """`origins` are those of the upstreams by name; replaced after a reload."""

    def __init__(self, provider: MeterProvider, version: str, *, old_names: bool) -> None:
        histogram = provider.get_meter("headgate", version, SCHEMA).create_histogram
        self._old = old_names
        self.origins: Mapping[str, Origin] = {}
        self._duration = histogram(
            "gen_ai.client.operation.duration", "s", "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )  # fmt: skip
        self._tokens = histogram(
            "gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )  # fmt: skip
        self._first_chunk = histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Time to receive the first chunk.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )  # fmt: skip
        self._request = histogram(
            "gen_ai.server.request.duration", "s",
            "Generative AI server request duration such as time-to-last byte or last output token.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )  # fmt: skip
        self._first_token = histogram(
            "gen_ai.server.time_to_first_token", "s",
            "Time to generate first token for successful responses.",
            explicit_bucket_boundaries_advisory=FIRST_TOKEN,
        )  # fmt: skip

    def count(self, ended: Ended) -> None:
        """One request, with its attempts."""
        line, exposure, spans = ended
        shared: Attributes = {}
        for tried in spans.attempts:
            shared = self._shared(ended, tried)
            attributes = shared | {"headgate.variant": tried.variant}
            fault = fault_of(tried)
            self._duration.record(tried.duration, attributes | {"error.type": fault} if fault else attributes)
            if tried.first:
                self._first_chunk.record(tried.first, attributes)
        if spans.attempts and tells_usage(ended):
            attributes = shared | {"headgate.variant": line.served}
            self._tokens.record(tokens_in(exposure), attributes | {"gen_ai.token.type": "input"})
            self._tokens.record(tokens_out(exposure), attributes | {"gen_ai.token.type": "output"})
        # What the client knows the gateway by is not the upstream's address.
        own = {name: value for name, value in shared.items() if not name.startswith("server.")}
        own |= {"headgate.segment": line.segment, "headgate.variant": line.variant}
        if line.status == "ok" and exposure.first_token:
            self._first_token.record(exposure.first_token, own)
        failure = failure_of(ended)
        self._request.record(exposure.duration, own | {"error.type": failure} if failure else own)

    def _shared(self, ended: Ended, tried: Tried) -> Attributes:
        """Of a direct request the model is the client's word: it stands under the upstream's name only."""
        direct = ended.line.reason == "direct"
        origin = self.origins.get(tried.upstream, NOBODY)
        attributes = of_call(operation_of(ended.spans), origin, tried.model, old=self._old)
        attributes["headgate.route"] = ended.line.route
        if direct:
            attributes["gen_ai.request.model"] = ended.line.route
        elif tried.answered_by:
            attributes["gen_ai.response.model"] = tried.answered_by
        return attributes
