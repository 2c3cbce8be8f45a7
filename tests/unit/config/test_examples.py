"""The examples that come with Headgate."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load
from tests.unit.config.made import TODAY

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"
ENVIRON = {"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k", "GROQ_API_KEY": "k"}


@pytest.mark.parametrize("name", ["solver", "reviews", "voice-order"])
def test_an_example_is_valid_with_the_variables_it_names(name: str) -> None:
    path = EXAMPLES / name / "headgate.yaml"
    found = load(path, ENVIRON, today=TODAY)
    assert all("will be retired" in warning.message for warning in found.warnings)
    assert list(found.config.routes) == [name]
    comments = path.read_text().split("\nupstreams:")[0]
    assert all(variable in comments for variable in ENVIRON if f"${{{variable}}}" in path.read_text())


@pytest.mark.parametrize("name", ["solver", "reviews", "voice-order"])
def test_an_examples_upstreams_can_be_elsewhere(name: str) -> None:
    elsewhere = {
        f"{vendor}_BASE_URL": "http://127.0.0.1:8090/v1" for vendor in ("OPENAI", "GEMINI", "GROQ", "LORA")
    }
    config = load(EXAMPLES / name / "headgate.yaml", ENVIRON | elsewhere, today=TODAY).config
    for upstream in config.upstreams.values():
        assert upstream.provider in ("openai", "gemini")
        assert upstream.base_url == "http://127.0.0.1:8090/v1"
