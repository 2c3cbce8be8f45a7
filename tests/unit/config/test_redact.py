from __future__ import annotations

import json
from pathlib import Path

from config.redact import redacted
from config.schema import Config
from tests.unit.config.made import HASH, loaded

SECRETS = ["canary-" + name * 8 for name in ("sign", "apik", "head", "quer", "stor", "prom", "hook")]


def full() -> Config:
    signing, api_key, header, query, store, prometheus, hook = SECRETS
    return loaded(f"""
        server:
          signing_keys: ["{signing}"]
          keys: [{{name: a, hash: "{HASH}"}}]
        upstreams:
          one:
            provider: openai
            api_key: "{api_key}"
            headers: {{x-key: "{header}"}}
            query: {{key: "{query}"}}
          two: {{provider: gemini, api_key: "{api_key}"}}
          three: {{provider: litellm, api_key: "{api_key}"}}
          toy: {{provider: simulated, pass_rate: {{800: 99%, 2500: 40.5%}}}}
        store: {{url: "rediss://user:{store}@redis.example:6380/0"}}
        prometheus: {{url: "https://{prometheus}@prometheus.example/path"}}
        routes:
          r:
            variants:
              a: {{upstream: one, model: m, parameters: {{stop: null, temperature: 0.3}}}}
              b: {{upstream: toy, model: m}}
            segments:
              - name: some
                when: {{difficulty: {{gte: 2500}}, header.x-beta: {{in: [a, b]}}, percent: 12.5}}
                variant: a
              - name: rest
                rollout:
                  baseline: a
                  candidate: b
                  stages: [10, 50]
                  notify: ["https://hooks.example/{hook}"]
                  guardrails: {{validation_passed: off, needs_review: {{margin: 2.5pt}}}}
            validators: [{{type: json_schema, schema: {{type: object}}}}]
    """).config


def test_no_secret_is_in_any_dump_or_representation() -> None:
    config = full()
    for text in (json.dumps(redacted(config)), repr(config), str(config), config.model_dump_json()):
        assert "canary" not in text


def test_what_is_no_secret_is_shown_as_it_is_written() -> None:
    shown = redacted(full())
    assert shown["server"]["signing_keys"] == ["***"]
    assert shown["server"]["keys"][0] == {
        "name": "a", "application": "a", "hash": HASH, "scopes": ["chat", "outcomes"],
    }  # fmt: skip
    assert shown["server"]["limits"]["body"] == "20MiB"
    assert shown["upstreams"]["one"]["headers"] == {"x-key": "***"}
    assert shown["upstreams"]["toy"]["pass_rate"] == {"800": "99%", "2500": "40.5%"}
    assert shown["store"] == {"url": "rediss://redis.example:6380"}
    assert shown["prometheus"] == {"url": "https://prometheus.example"}
    route = shown["routes"]["r"]
    assert route["variants"]["a"]["parameters"] == {"stop": None, "temperature": 0.3}
    some, rest = route["segments"]
    assert some["when"] == {
        "difficulty": {"gte": 2500}, "header.x-beta": {"in": ["a", "b"]}, "percent": 12.5,
    }  # fmt: skip
    plan = rest["rollout"]
    assert plan["notify"] == ["***"]
    assert plan["stages"][0] == {"weight": 10, "min_samples": 300, "min_duration": "1d", "max_duration": "7d"}
    assert plan["guardrails"]["validation_passed"] == "off"
    assert plan["guardrails"]["needs_review"]["margin"] == "2.5pt"
    assert route["validators"] == [{"type": "json_schema", "schema": {"type": "object"}}]
    assert route["difficulty"]["from"] == ["header"]


def test_a_dump_reads_back_as_the_same_configuration() -> None:
    shown = redacted(full())
    shown["server"]["signing_keys"] = ["s" * 32]
    shown["routes"]["r"]["segments"][1]["rollout"]["notify"] = ["https://hooks.example/x"]
    again = redacted(loaded(json.dumps(shown), base=Path("/nowhere")).config)
    shown["server"]["signing_keys"] = ["***"]
    shown["routes"]["r"]["segments"][1]["rollout"]["notify"] = ["***"]
    assert again == shown


def test_a_store_on_this_machine_is_shown() -> None:
    config = loaded("""
        upstreams: {a: {provider: openai, base_url: "http://[::1]:80/v1/"}}
        routes: {r: {variants: {v: {upstream: a, model: m}}, variant: v}}
    """).config
    assert redacted(config)["store"] == {"url": "sqlite"}
    assert redacted(config)["upstreams"]["a"]["base_url"] == "http://[::1]:80/v1"


def test_sentinels_are_shown_without_what_opens_them() -> None:
    config = loaded("""
        server: {signing_keys: [0123456789abcdef0123456789abcdef]}
        store: {url: "redis+sentinel://user:hunter2@a:26379,b,[::1]:1/main?sentinel_password=hunter2"}
        upstreams: {a: {provider: openai, base_url: "http://[::1]:80/v1/"}}
        routes: {r: {variants: {v: {upstream: a, model: m}}, variant: v}}
    """).config
    assert redacted(config)["store"] == {"url": "redis+sentinel://a:26379,b,[::1]:1"}
