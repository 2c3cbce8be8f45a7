"""Attributes of spans and figures, in the words of OpenTelemetry's conventions for generative AI.

The names are those of version 1.41, the last one published as a whole; the earlier ones (1.36 and before)
beside them where somebody still reads those. What Headgate alone knows is called `headgate.…`. No prompt,
no answer and no sticky key is among them.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.channel.records import Exposure, Line
from gateway.channel.spans import Spans, Tried
from gateway.control.telemetry.origins import Origin

SCHEMA = "https://opentelemetry.io/schemas/1.41.0"
Value = str | bool | int | float | list[str]
Attributes = dict[str, Value]

OPERATIONS = {
    "/chat/completions": "chat",
    "/completions": "text_completion",
    "/embeddings": "embeddings",
    "/responses": "chat",
}
ASKED = {
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
}
"""Numbers of a request …"""
WHOLE = frozenset(("max_tokens", "max_completion_tokens", "seed", "n"))
"""… and those of them that are integers."""
SYSTEMS = {"x_ai": "xai"}
"""Providers whose earlier name is another."""
NO_FAULT = frozenset(("ok", "cancelled"))
"""Results of an attempt that are no error."""
NOBODY = Origin("", "headgate")


class Ended(NamedTuple):
    """A request that has ended, as a worker reports it."""

    line: Line
    exposure: Exposure
    spans: Spans


def operation_of(spans: Spans) -> str:
    """`gen_ai.operation.name`."""
    return OPERATIONS.get(spans.path, spans.path.strip("/"))


def fault_of(tried: Tried) -> str:
    """`error.type` of an attempt: the upstream's status, or what else went wrong; empty: nothing did."""
    if tried.result in NO_FAULT:
        return ""
    return str(tried.code) if tried.code >= 400 else tried.result


def failure_of(ended: Ended) -> str:
    """`error.type` of a request: a 5xx of ours, or a stream that broke off; empty: it was no failure."""
    code, status = ended.spans.code, ended.line.status
    if code >= 500:
        return str(code)
    broken = status not in ("ok", "client_error", "cancelled") and code == 200
    return status if broken else ""


def of_request(ended: Ended, stage: int | None) -> Attributes:
    """A request's own."""
    line, exposure, spans = ended
    path = f"/v1{spans.path}"
    attributes: Attributes = {
        "http.request.method": "POST",
        "http.route": path,
        "url.path": path,
        "url.scheme": "http",
        "headgate.application": line.application,
        "headgate.route": line.route,
        "headgate.segment": line.segment,
        "headgate.variant": line.variant,
        "headgate.served_variant": line.served,
        "headgate.reason": line.reason,
        "headgate.stratum": line.stratum,
        "headgate.status": line.status,
        "headgate.attempts": exposure.attempts,
        "headgate.request_id": exposure.nonce.hex(),
    }
    if line.epoch:
        attributes["headgate.epoch"] = line.epoch
        attributes["headgate.period"] = line.period
        if stage is not None:
            attributes["headgate.stage"] = stage
    if line.weight:
        attributes["headgate.probability"] = line.weight / 10_000
    if exposure.cost >= 0:
        attributes["headgate.cost_usd"] = exposure.cost
    if line.status != "cancelled" or exposure.first_token or spans.code != 200:
        attributes["http.response.status_code"] = spans.code
    return attributes


def of_call(operation: str, origin: Origin, model: str, *, old: bool) -> Attributes:
    """What an attempt's span and its figures share."""
    provider = origin.provider_of(model)
    attributes: Attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }
    if origin.address:
        attributes["server.address"] = origin.address
        attributes["server.port"] = origin.port
    if old:
        attributes["gen_ai.system"] = SYSTEMS.get(provider, provider)
    return attributes


def of_attempt(ended: Ended, number: int, *, old: bool) -> Attributes:
    """What an attempt's span has besides; `number` counts from 1."""
    line, exposure, spans = ended
    tried = spans.attempts[number - 1]
    attributes: Attributes = {
        "headgate.route": line.route,
        "headgate.segment": line.segment,
        "headgate.variant": tried.variant,
        "headgate.upstream": tried.upstream,
        "headgate.attempt": number,
        "headgate.result": tried.result,
    }
    for name, value in tried.asked.items():
        if name != "n" or value != 1:
            attributes[ASKED[name]] = int(value) if name in WHOLE else value
    if line.streamed:
        attributes["gen_ai.request.stream"] = True
    if tried.code:
        attributes["http.response.status_code"] = tried.code
    if tried.first:
        attributes["gen_ai.response.time_to_first_chunk"] = tried.first
    if tried.id:
        attributes["gen_ai.response.id"] = tried.id
    if tried.answered_by:
        attributes["gen_ai.response.model"] = tried.answered_by
    if tried.finish:
        attributes["gen_ai.response.finish_reasons"] = tried.finish
    if number == len(spans.attempts) and tells_usage(ended):
        attributes |= _usage(exposure, old)
    return attributes


def tells_usage(ended: Ended) -> bool:
    """Whether the upstream has told what it used."""
    exposure = ended.exposure
    return not ended.line.estimated and tokens_in(exposure) + tokens_out(exposure) > 0


def tokens_in(exposure: Exposure) -> int:
    """Of the prompt, cached ones included."""
    return exposure.input + exposure.cached_input


def tokens_out(exposure: Exposure) -> int:
    """Of the answer, reasoning included."""
    return exposure.output + exposure.reasoning


def _usage(exposure: Exposure, old: bool) -> Attributes:
    usage: Attributes = {
        "gen_ai.usage.input_tokens": tokens_in(exposure),
        "gen_ai.usage.output_tokens": tokens_out(exposure),
    }
    if exposure.cached_input:
        usage["gen_ai.usage.cache_read.input_tokens"] = exposure.cached_input
    if exposure.reasoning:
        usage["gen_ai.usage.reasoning.output_tokens"] = exposure.reasoning
    if old:
        usage["gen_ai.usage.prompt_tokens"] = tokens_in(exposure)
        usage["gen_ai.usage.completion_tokens"] = tokens_out(exposure)
    return usage
