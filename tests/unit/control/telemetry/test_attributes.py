"""Names of OpenTelemetry's conventions: who answers, what went wrong, and what the same was called before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.channel.records import Exposure, Line
from gateway.channel.spans import Spans, Tried
from gateway.control.telemetry.attributes import (
    Ended,
    failure_of,
    fault_of,
    of_attempt,
    of_call,
    of_request,
    operation_of,
)
from gateway.control.telemetry.origins import origins_of
from routing.snapshot import Upstream

LINE = Line("tests", "solver", "all", "base", "base", "variant", 0, 0, 0, "fixed", "none", 0, "ok", 0, False,
            False, False)  # fmt: skip
EXPOSURE = Exposure(bytes(12), 10.0, 0, 0, 1.0, 0.0, 1, 60, 40, 15, 5, -1.0, 1)


def ended(spans: Spans, **fields: Any) -> Ended:
    """A request with these fields of its line or its exposure."""
    of_line = {name: value for name, value in fields.items() if name in Line.__struct_fields__}
    rest = {name: value for name, value in fields.items() if name not in of_line}
    line, exposure = msgspec.structs.replace(LINE, **of_line), msgspec.structs.replace(EXPOSURE, **rest)
    return Ended(line, exposure, spans)


def tried(result: str = "ok", code: int = 200, **fields) -> Tried:
    return Tried(
        b"s" * 8, "main", "base", "m", fields.pop("asked", {}), 0.0, 1.0, 0.0, result, code, **fields
    )


@pytest.mark.parametrize(
    "upstream, model, expected",
    [
        (Upstream("u", "openai", "https://api.openai.com/v1"), "m", ("openai", "api.openai.com", 443)),
        (Upstream("u", "openai", "http://vllm:8000/v1"), "m", ("openai", "vllm", 8000)),
        (Upstream("u", "openai", "https://api.groq.com/openai/v1"), "m", ("groq", "api.groq.com", 443)),
        (Upstream("u", "openai", "https://a.openai.azure.com"), "m",
         ("azure.ai.openai", "a.openai.azure.com", 443)),
        (Upstream("u", "openai", "https://api.groq.com.org/v1"), "m", ("openai", "api.groq.com.org", 443)),
        (Upstream("u", "openai", "https://notapi.groq.com/v1"), "m", ("openai", "notapi.groq.com", 443)),
        (Upstream("u", "gemini", "https://generativelanguage.googleapis.com/v1beta/openai"), "m",
         ("gcp.gemini", "generativelanguage.googleapis.com", 443)),
        (Upstream("u", "gemini", "http://127.0.0.1:9"), "m", ("gcp.gemini", "127.0.0.1", 9)),
        (Upstream("u", "litellm"), "gemini/gemini-2.5-flash", ("gcp.gemini", "", 0)),
        (Upstream("u", "litellm"), "anthropic/claude", ("anthropic", "", 0)),
        (Upstream("u", "litellm"), "gpt", ("litellm", "", 0)),
        (Upstream("u", "simulated"), "m", ("simulated", "", 0)),
    ],
)  # fmt: skip
def test_who_answers(upstream, model, expected):
    (origin,) = origins_of([upstream])
    assert (origin.provider_of(model), origin.address, origin.port) == expected
    assert ("server.address" in of_call("chat", origin, model, old=False)) == bool(expected[1])


def test_earlier_names_beside_the_present_ones():
    (origin,) = origins_of([Upstream("u", "openai", "https://api.x.ai/v1")])
    now, both = (of_call("chat", origin, "grok", old=old) for old in (False, True))
    assert both == now | {"gen_ai.system": "xai"} and now["gen_ai.provider.name"] == "x_ai"
    spans = Spans("/chat/completions", attempts=[tried()])
    now, both = (of_attempt(ended(spans), 1, old=old) for old in (False, True))
    assert both == now | {"gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 20}


@pytest.mark.parametrize(
    "result, code, fault",
    [("ok", 200, ""), ("cancelled", 200, ""), ("server_error", 503, "503"),
     ("server_error", 200, "server_error"), ("timeout", 0, "timeout"), ("rate_limited", 429, "429"),
     ("broken", 200, "broken")],
)  # fmt: skip
def test_what_went_wrong_with_an_attempt(result, code, fault):
    assert fault_of(tried(result, code)) == fault


@pytest.mark.parametrize(
    "status, code, failure",
    [("ok", 200, ""), ("client_error", 400, ""), ("cancelled", 200, ""), ("cancelled", 503, "503"),
     ("upstream_error", 200, "upstream_error"), ("upstream_error", 429, ""), ("timeout", 504, "504")],
)  # fmt: skip
def test_what_went_wrong_with_a_request(status, code, failure):
    assert failure_of(ended(Spans("", code=code), status=status)) == failure


def test_who_left_before_an_answer_was_given_none():
    def said(**fields) -> bool:
        return "http.response.status_code" in of_request(
            ended(Spans("/x"), status="cancelled", **fields), None
        )

    assert not said()
    assert said(first_token=0.1)


def test_a_rollout_and_what_is_not_one():
    spans = Spans("/chat/completions")
    plain = of_request(ended(spans), None)
    assert not {"headgate.stage", "headgate.epoch", "headgate.probability", "headgate.cost_usd"} & set(plain)
    staged = of_request(ended(spans, epoch=2, period=3, weight=1000, cost=0.5), 1)
    assert staged["headgate.stage"] == 1 and staged["headgate.epoch"] == 2
    assert (staged["headgate.probability"], staged["headgate.cost_usd"]) == (0.1, 0.5)


def test_numbers_keep_their_types():
    spans = Spans("/chat/completions", attempts=[tried(asked={"seed": 7.0, "n": 1.0, "temperature": 1.0})])
    said = of_attempt(ended(spans), 1, old=False)
    assert type(said["gen_ai.request.seed"]) is int and type(said["gen_ai.request.temperature"]) is float
    assert "gen_ai.request.choice.count" not in said
    spans.attempts[0].asked["n"] = 2.0
    assert of_attempt(ended(spans), 1, old=False)["gen_ai.request.choice.count"] == 2


@pytest.mark.parametrize(
    "fields", [{"estimated": True}, dict.fromkeys(("input", "cached_input", "output", "reasoning"), 0)]
)
def test_usage_that_nobody_told_is_none(fields):
    said = of_attempt(ended(Spans("/x", attempts=[tried()]), **fields), 1, old=True)
    assert not any("usage" in name for name in said)


def test_operations():
    paths = ("/chat/completions", "/completions", "/embeddings", "/responses", "/new")
    names = [operation_of(Spans(path)) for path in paths]
    assert names == ["chat", "text_completion", "embeddings", "chat", "new"]
