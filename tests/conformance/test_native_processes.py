"""litellm and the processes: loaded when it is needed and before it is, kept away from everything else."""

from __future__ import annotations

import json
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import trustme

from tests.conformance.native import CHAT, KEY, PATIENCE, body, on_the_image, plain, root_of, route, says
from tests.support.gateway import Gateway
from tests.support.processes import WORKER
from tests.support.scripted import (
    DONE,
    STREAM_END,
    STREAM_HEAD,
    ScriptedUpstream,
    Wait,
    answer,
    chunk,
    event,
    scripted_upstream,
)
from tests.support.terminator import Terminator

LIGHT = 100_000_000
"""Bytes that a worker without litellm stays below, and one with it does not."""
HEAVY = 280_000_000
"""Bytes that a worker with litellm stays below."""
BEFORE = """
server: {{lame_duck: 500ms}}
upstreams:
  other: {{provider: openai, base_url: "{root}/v1"}}
  google: {{provider: gemini, base_url: "{root}/v1beta/openai", api_key: "{key}"}}
routes:
"""
AFTER = BEFORE.replace("provider: gemini", "provider: gemini, api: native")


def resident(gateway: Gateway) -> float:
    """Bytes of the worker."""
    gateway.wait_until(lambda: gateway.metric("headgate_worker_resident_bytes") > 0)
    return gateway.metric("headgate_worker_resident_bytes")


def scripted(upstream: ScriptedUpstream, begun: threading.Event) -> None:
    def script(received: Any) -> list[Any]:
        if "generateContent" in received.path:
            return plain(says({"text": "natively"}))
        if received.json.get("stream"):
            return [STREAM_HEAD, chunk(event("a")), Wait(begun), chunk(event("b") + DONE), STREAM_END]
        return answer()

    upstream.script = script


def test_an_edit_that_needs_litellm_takes_new_workers_and_fails_nobody(tmp_path: Path) -> None:
    """The worker that serves would stand still for seconds if it loaded litellm itself."""
    finish = threading.Event()
    routes = route("solver", "google", "gemini-2.5-flash", alone=True) + route(
        "held", "other", "m", alone=True
    )
    with scripted_upstream() as upstream:
        scripted(upstream, finish)
        text = BEFORE.format(root=root_of(upstream), key=KEY) + routes
        with on_the_image(tmp_path, text) as gateway:
            (first,) = gateway.children(WORKER)
            assert resident(gateway) < LIGHT
            with gateway.open(CHAT, body("held", stream=True)) as held:
                held.read_event()
                (tmp_path / "headgate.yaml").write_text(
                    AFTER.format(root=root_of(upstream), key=KEY) + routes
                )
                statuses, natively = [], False
                end = time.monotonic() + PATIENCE
                while not natively and time.monotonic() < end:
                    response = gateway.post(CHAT, body("solver"))
                    statuses.append(response.status)
                    natively = b"natively" in response.body
                assert natively and set(statuses) == {200}
                finish.set()
                assert held.begin().read().endswith(b"[DONE]\n\n")
            gateway.wait_until(lambda: first not in gateway.children(WORKER))
            assert gateway.logged("which takes new workers")
            assert gateway.post(CHAT, body("solver")).headers["x-headgate-revision"] == "2"
            gateway.wait_until(lambda: LIGHT < resident(gateway) < HEAVY)


def test_an_openai_shaped_path_never_loads_it(tmp_path: Path) -> None:
    with scripted_upstream() as upstream:
        text = BEFORE.format(root=root_of(upstream), key=KEY) + route("solver", "google", "gemini-2.5-flash")
        native = "  unused: {provider: gemini, api: native}\n  lite: {provider: litellm}\nroutes:\n"
        with on_the_image(tmp_path, text.replace("routes:\n", native, 1)) as gateway:
            assert gateway.post(CHAT, body("solver")).status == 200
            assert gateway.post(CHAT, body("unused/gemini-2.5-flash")).status == 404
            assert resident(gateway) < LIGHT


def test_the_environment_leads_nowhere(tmp_path: Path, monkeypatch: Any) -> None:
    """Keys, addresses and proxies that litellm would take from the environment, or from a `.env` file."""
    monkeypatch.chdir(tmp_path)
    with scripted_upstream() as upstream, scripted_upstream() as trap:
        upstream.script = lambda received: (
            plain(says({"text": "yes"})) if "generateContent" in received.path else answer()
        )
        canary = "sk-canary-of-the-environment-0123456789"
        (tmp_path / ".env").write_text(f"LITELLM_LOCAL_MODEL_COST_MAP=False\nGEMINI_API_KEY={canary}\n")
        names = (
            "GEMINI_API_KEY",
            "GOOGLE_API_KEY",
            "OPENAI_API_KEY",
            "LANGFUSE_SECRET_KEY",
            "LITELLM_API_KEY",
        )
        proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        places = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "GEMINI_API_BASE", "LITELLM_MODEL_COST_MAP_URL",
                  "LANGFUSE_HOST", *proxies)  # fmt: skip
        environ = dict.fromkeys(names, canary) | dict.fromkeys(places, root_of(trap)) | {"NO_PROXY": ""}
        text = f"""
upstreams:
  google: {{provider: gemini, api: native, base_url: "{root_of(upstream)}"}}
  lite: {{provider: litellm, base_url: "{upstream.url}"}}
  other: {{provider: openai, base_url: "{upstream.url}"}}
routes:
""" + "".join((route("native", "google", "gemini-2.5-flash"), route("lite", "lite", "openai/m")))
        with on_the_image(tmp_path, text, environ=environ) as gateway:
            for name in ("native", "lite"):
                assert gateway.post(CHAT, body(name)).headers["x-headgate-served-variant"] == "it"
                gateway.post(CHAT, body(name, stream=True))
            assert canary not in json.dumps([received.headers for received in upstream.received])
            assert not gateway.logged(canary)
            assert all(entry.get("logger", "").startswith("headgate") for entry in gateway.log), gateway.log
        assert trap.received == [] and trap.connections == 0


def test_who_is_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with scripted_upstream() as upstream:
        upstream.script = lambda received: (
            plain(says({"text": "yes"})) if "generateContent" in received.path else answer()
        )
        terminator = Terminator(upstream, context)
        terminator.start()
        root = f"https://localhost:{terminator.port}"
        text = f"""
upstreams:
  google: {{provider: gemini, api: native, base_url: "{root}", ca_file: authority.pem}}
  lite: {{provider: litellm, base_url: "{root}/v1", ca_file: authority.pem}}
  stranger: {{provider: gemini, api: native, base_url: "{root}"}}
  alien: {{provider: litellm, base_url: "{root}/v1"}}
  other: {{provider: openai, base_url: "{upstream.url}"}}
routes:
""" + "".join(
            (
                route("google", "google", "gemini-2.5-flash", alone=True),
                route("lite", "lite", "openai/m", alone=True),
                route("stranger", "stranger", "gemini-2.5-flash", alone=True),
                route("alien", "alien", "openai/m", alone=True),
            )
        )
        try:
            with on_the_image(tmp_path, text) as gateway:
                assert [gateway.post(CHAT, body(name)).status for name in ("google", "lite")] == [200, 200]
                for name in ("stranger", "alien"):
                    refused = gateway.post(CHAT, body(name))
                    assert (refused.status, refused.error["code"]) == (502, "upstream_error")
                gateway.wait_for_metric(4, "headgate_attempts_total", result="refused")
        finally:
            terminator.stop()
