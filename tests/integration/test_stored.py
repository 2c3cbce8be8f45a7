"""Responses that upstreams store: what follows one goes where it was made, whoever of us is asked.

Two simulated upstreams, each with responses of its own, behind gateways with two workers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.support.gateway import Gateway, hash_of, running_gateway
from tests.support.simulated import SimulatedUpstream, simulated_upstream
from tests.support.valkey import Server

KEYS = {
    "app": "hg_app",
    "other": "hg_other",
    "narrow": "hg_narrow",
    "direct": "hg_direct",
    "admin": "hg_admin",
}
CONFIG = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}", scopes: [chat]}}
    - {{name: other, application: others, hash: "{other}", scopes: [chat, pin]}}
    - {{name: narrow, application: tests, hash: "{narrow}", scopes: [chat], routes: [left]}}
    - {{name: direct, application: tests, hash: "{direct}", scopes: [chat, direct, pin]}}
    - {{name: admin, application: operators, hash: "{admin}", scopes: [admin]}}
  signing_keys: ["a signing key for tests that is long enough"]
  lame_duck: 0s
upstreams:
  left: {{provider: openai, base_url: "{left}"}}
  right: {{provider: openai, base_url: "{right}"}}
  google: {{provider: gemini, base_url: "{right}", api_key: x}}
store: {{url: "{store}"}}
routes:
  solver:
    variants:
      one: {{upstream: left, model: model-one}}
      two: {{upstream: right, model: model-two}}
    weights: {{one: 50, two: 50}}
    fallbacks: [one, two]
  left:
    variants: {{only: {{upstream: left, model: model-left}}}}
    variant: only
  google:
    variants: {{only: {{upstream: google, model: gemini-2.5-flash}}}}
    variant: only
  mixed:
    variants:
      one: {{upstream: left, model: model-one}}
      gemini: {{upstream: google, model: gemini-2.5-flash}}
    weights: {{one: 1, gemini: 99}}
"""


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[SimulatedUpstream, SimulatedUpstream]]:
    with simulated_upstream() as left, simulated_upstream() as right:
        yield left, right


@contextlib.contextmanager
def serving(directory, upstreams, store="sqlite", workers=2) -> Iterator[Gateway]:
    left, right = upstreams
    hashes = {name: hash_of(key) for name, key in KEYS.items()}
    config = directory / "headgate.yaml"
    config.write_text(CONFIG.format(left=left.url, right=right.url, store=store, **hashes))
    with running_gateway(config, keys=KEYS, options=["--workers", str(workers)]) as gateway:
        gateway.wait_until(lambda: gateway.get("/health/ready", port=gateway.admin_port).status == 200)
        yield gateway


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def gateway(upstreams, directory) -> Iterator[Gateway]:
    with serving(directory, upstreams) as gateway:
        yield gateway


@pytest.fixture
def client(gateway) -> OpenAI:
    return client_of(gateway)


def client_of(gateway: Gateway, key: str = "app") -> OpenAI:
    """A client that connects anew for each request, so that any worker may get it."""
    return OpenAI(
        base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key=KEYS[key], max_retries=0,
        default_headers={"connection": "close"},
    )  # fmt: skip


def asked(upstream: SimulatedUpstream, id: str) -> list[str]:
    """What the upstream was asked that names a response: methods, and paths."""
    return [f"{call.method} {call.path}" for call in upstream.calls if id in call.path or id in call.body]


def test_a_conversation_stays_where_it_began(client, upstreams):
    models = set()
    while len(models) < 2:
        first = client.responses.create(model="solver", input="hello")
        second = client.responses.create(model="solver", input="and?", previous_response_id=first.id)
        third = client.responses.create(model="solver", input="so?", previous_response_id=second.id)
        assert first.model == second.model == third.model
        models.add(first.model)
        assert third.usage.input_tokens > second.usage.input_tokens > first.usage.input_tokens
    assert all(upstream.calls for upstream in upstreams)


def test_a_stream_can_be_followed_before_it_has_ended(client):
    for _ in range(4):
        with client.responses.create(model="solver", input="hello", stream=True) as stream:
            first = next(iter(stream)).response
            second = client.responses.create(model="solver", input="and?", previous_response_id=first.id)
            assert second.model == first.model
            kinds = [event.type for event in stream]
        assert kinds[-1] == "response.completed"


def test_a_response_is_asked_for_where_it_was_made(client, upstreams):
    for _ in range(4):
        made = client.responses.create(model="solver", input="hello", background=True)
        assert client.responses.retrieve(made.id).output_text
        assert [item.content[0].text for item in client.responses.input_items.list(made.id)] == ["hello"]
        assert client.responses.cancel(made.id).status == "completed"
        replayed = list(client.responses.retrieve(made.id, stream=True, starting_after=1))
        assert [event.sequence_number for event in replayed[:2]] == [2, 3]
        assert replayed[-1].type == "response.completed"
        client.responses.delete(made.id)
        with pytest.raises(NotFoundError):
            client.responses.retrieve(made.id)
        here, elsewhere = upstreams if made.model == "model-one" else upstreams[::-1]
        assert len(asked(here, made.id)) == 6 and not asked(elsewhere, made.id)


def test_another_application_has_no_such_response(client, gateway):
    made = client.responses.create(model="solver", input="hello")
    other = client_of(gateway, "other")
    with pytest.raises(NotFoundError) as missing:
        other.responses.retrieve(made.id)
    assert missing.value.code == "response_not_found"
    with pytest.raises(BadRequestError) as refused:
        other.responses.create(model="solver", input="and?", previous_response_id=made.id)
    assert (refused.value.code, refused.value.param) == (
        "previous_response_not_found",
        "previous_response_id",
    )
    with pytest.raises(NotFoundError):
        client_of(gateway, "narrow").responses.retrieve(made.id)


def test_a_model_that_is_not_where_the_response_is(client, gateway):
    while (made := client.responses.create(model="solver", input="hi")).model != "model-two":
        pass
    with pytest.raises(BadRequestError) as refused:
        client.responses.create(model="left", input="and?", previous_response_id=made.id)
    assert refused.value.code == "previous_response_not_found"
    pinned = client_of(gateway, "direct").with_options(default_headers={"x-headgate-variant": "one"})
    with pytest.raises(BadRequestError):
        pinned.responses.create(model="solver", input="and?", previous_response_id=made.id)
    with pytest.raises(BadRequestError):
        client_of(gateway, "direct").responses.create(
            model="left/any", input="and?", previous_response_id=made.id
        )


def test_a_model_named_directly_can_be_followed(gateway):
    client = client_of(gateway, "direct")
    made = client.responses.create(model="right/any", input="hi")
    assert client.responses.retrieve(made.id).id == made.id
    follows = client.responses.create(model="right/any", input="and?", previous_response_id=made.id)
    assert follows.previous_response_id == made.id


def test_what_nobody_remembers_is_asked_of_everybody(client, gateway, upstreams):
    made = [
        OpenAI(base_url=upstream.url, api_key="x").responses.create(model="m", input="hi")
        for upstream in upstreams
    ]
    for response in made:
        assert client.responses.retrieve(response.id).id == response.id
    with pytest.raises(NotFoundError) as missing:
        client.responses.retrieve("resp_nowhere")
    assert missing.value.status_code == 404
    assert all(asked(upstream, "resp_nowhere") for upstream in upstreams)
    with pytest.raises(BadRequestError):  # the upstream's own refusal
        client.responses.create(model="solver", input="and?", previous_response_id="resp_nowhere")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/responses/resp_1", 405),
        ("GET", "/v1/responses/resp_1/cancel", 405),
        ("GET", "/v1/responses/resp_1/other", 404),
        ("GET", "/v1/responses/%2e%2e", 404),
        ("GET", "/v1/responses/..", 404),
        ("GET", "/v1/responses/a%2fb", 404),
        ("GET", "/v1/responses/%252e%252e/cancel", 404),
        ("GET", "/v1/responses/", 404),
    ],
)
def test_paths_that_are_none(gateway, upstreams, method, path, status):
    for upstream in upstreams:
        upstream.reset()
    assert gateway.request(method, path, b"{}" if method == "POST" else None).status == status
    assert not any(upstream.calls for upstream in upstreams)


def test_requests_for_stored_responses_are_counted(client, gateway):
    labels = {"path": "responses", "status": "ok"}
    before = gateway.metric("headgate_passthrough_requests_total", **labels)
    client.responses.retrieve(client.responses.create(model="solver", input="hi").id)
    gateway.wait_for_metric(before + 1, "headgate_passthrough_requests_total", **labels)


def test_an_endpoint_that_no_variant_serves(client, gateway):
    with pytest.raises(BadRequestError) as refused:
        client.responses.create(model="google", input="hi")
    assert refused.value.code == "unsupported_endpoint"
    got = gateway.post("/v1/responses", {"model": "mixed", "input": "hi"})
    assert (got.headers["x-headgate-variant"], got.headers["x-headgate-reason"]) == ("one", "unsupported")
    assert gateway.post("/v1/embeddings", {"model": "google", "input": "hi"}).status == 200


def test_replicas_share_what_they_know(upstreams, tmp_path):
    folders = [tmp_path / name for name in ("valkey", "here", "there")]
    for folder in folders:
        folder.mkdir()
    server = Server(folders[0]).start()
    try:
        with (
            serving(folders[1], upstreams, server.url, 1) as here,
            serving(folders[2], upstreams, server.url, 1) as there,
        ):
            for _ in range(6):
                first = client_of(here).responses.create(model="solver", input="hello")
                follow = client_of(there).responses
                second = follow.create(model="solver", input="and?", previous_response_id=first.id)
                assert second.model == first.model
                assert client_of(here).responses.retrieve(second.id).id == second.id
    finally:
        server.kill()


def test_a_restart_forgets_nothing(client, gateway, upstreams, directory):
    """The last one here: it ends the gateway of the others."""
    made = [client.responses.create(model="solver", input="hello") for _ in range(6)]
    gateway.stop()
    with serving(directory, upstreams, workers=1) as gateway:
        client = client_of(gateway)
        for first in made:
            second = client.responses.create(model="solver", input="and?", previous_response_id=first.id)
            assert second.model == first.model
