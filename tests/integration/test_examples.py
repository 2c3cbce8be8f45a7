"""The examples that come with Headgate, served in front of an upstream that answers like a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from openai import OpenAI

from tests.support.gateway import running_gateway
from tests.support.scripted import answer, event, scripted_upstream, stream

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
KEYS = {"OPENAI_API_KEY": "openai-key", "GEMINI_API_KEY": "gemini-key", "GROQ_API_KEY": "groq-key"}
VENDORS = ("OPENAI", "GEMINI", "GROQ", "LORA")


@pytest.mark.parametrize(
    ("name", "question", "metadata", "models"),
    [
        ("solver", "Print the sum of two integers.", {"rating": "900"}, {"gemini-2.5-flash", "gpt-4.1-mini"}),
        ("solver", "Count the lattice paths.", {"rating": "3200"}, {"gpt-4.1-mini", "tuned-model"}),
        ("reviews", "It came a week late.", {}, {"gpt-4.1-mini", "tuned-model"}),
        ("voice-order", "아이스 아메리카노 한 잔 주세요", {}, {"openai/gpt-oss-20b", "orders"}),
    ],
)
def test_an_example_serves(tmp_path, name, question, metadata, models):
    with scripted_upstream() as upstream:
        environ = KEYS | {f"{vendor}_BASE_URL": upstream.url for vendor in VENDORS}
        environ["TUNED_MODEL"] = "tuned-model"
        config = EXAMPLES / name / "headgate.yaml"
        options = ["--workers", "1", "--state", str(tmp_path / "state")]
        with running_gateway(config, options=options, environ=environ) as gateway:
            client = OpenAI(base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key="any", max_retries=0)
            messages = [{"role": "user", "content": question}]
            upstream.script = lambda received: answer("right")
            plain = client.chat.completions.create(model=name, messages=messages, metadata=metadata)
            assert plain.choices[0].message.content == "right"
            upstream.script = lambda received: stream(event("ri"), event("ght"))
            streamed = client.chat.completions.create(
                model=name, messages=messages, metadata=metadata, stream=True
            )
            assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == "right"
            client.close()
        assert len(upstream.received) == 2
        for received in upstream.received:
            assert received.json["model"] in models
            assert received.headers.get("authorization", "").removeprefix("Bearer ") in {*KEYS.values(), ""}
