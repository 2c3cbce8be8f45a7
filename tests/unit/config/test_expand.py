from __future__ import annotations

import pytest

from config.expand import expand
from tests.unit.config.made import loaded, mistakes, small

ENVIRON = {"NAME": "value", "EMPTY": "", "TRICK": "${NAME}"}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("${NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ("${MISSING:-default}", "default"),
        ("${MISSING:-https://a:1/b-c}", "https://a:1/b-c"),
        ("${MISSING:-}", ""),
        ("${NAME:-default}", "value"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("$${NAME}", "${NAME}"),
        ("$$", "$"),
        ("^a$", "^a$"),
        ("$5 and $NAME", "$5 and $NAME"),
        ("${TRICK}", "${NAME}"),
    ],
)
def test_variables_expand_once(written: str, text: str) -> None:
    assert expand(written, ENVIRON) == text


@pytest.mark.parametrize("written", ["${}", "${NAME", "${1A}", "${NAME-default}", "${NAME:default}"])
def test_malformed_references_are_refused(written: str) -> None:
    with pytest.raises(LookupError, match="malformed"):
        expand(written, ENVIRON)


def test_missing_variables_are_named_all_at_once_with_their_lines() -> None:
    text = small("""
        variant: ${WHICH}
        retries: ${RETRIES}
    """)
    first, second = mistakes(text)
    assert first.startswith("9: routes.solver.variant: the environment variable WHICH is not set")
    assert second.startswith("10: routes.solver.retries: the environment variable RETRIES is not set")


@pytest.mark.parametrize("quote", ["", '"'])
def test_an_expanded_scalar_takes_its_fields_type(quote: str) -> None:
    text = f"""
        upstreams:
          openai:
            provider: openai
            api_key: {quote}${{KEY}}{quote}
            ask_usage: {quote}${{ASK}}{quote}
        routes:
          r:
            variants: {{v: {{upstream: openai, model: x}}}}
            variant: v
            retries: {quote}${{RETRIES}}{quote}
    """
    config = loaded(text, {"KEY": "12345", "ASK": "false", "RETRIES": "3"}).config
    upstream = config.upstreams["openai"]
    assert upstream.provider == "openai"
    assert upstream.api_key is not None and upstream.api_key.get_secret_value() == "12345"
    assert upstream.ask_usage is False
    assert config.routes["r"].retries == 3
    told = mistakes(text, {"KEY": "12345", "ASK": "maybe", "RETRIES": "3.5"})
    assert told == [
        "6: upstreams.openai.ask_usage: must be true or false",
        "11: routes.r.retries: must be a whole number",
    ]


def test_a_variable_without_quotes_between_braces_is_explained() -> None:
    (told,) = mistakes("upstreams: {openai: {provider: openai, api_key: ${KEY}}}\n")
    assert told.startswith("1: is not YAML") and '"${NAME}"' in told


def test_a_value_never_becomes_yaml() -> None:
    text = small("variant: ${WHICH}")
    assert loaded(text, {"WHICH": "base"}).config.routes["solver"].variant == "base"
    assert "must be 1 to 64" in mistakes(text, {"WHICH": "base\nretries: 2"})[0]
