"""Edits of the configuration while it is served: taken, refused, taken back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import Gateway, hash_of, running_gateway
from tests.support.processes import CHAT, CONTROL, SERVED, WORKER, body, kill, put, write

FAILURES = "headgate_config_reload_failures_total"
PINNED = SERVED.replace("rollout: {baseline: base, candidate: tuned, stages: [10, 50, 100]}", "variant: base")
PROMPTED = PINNED.replace("model: base,", "model: base, system: {file: prompt.txt},")
"""Not in a rollout, whose definition it would change: that takes a second revision, for the new epoch."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with running_gateway(write(tmp_path), options=["--workers", "2"]) as gateway:
        yield gateway


def revisions(gateway: Gateway) -> set[str]:
    """The revisions that requests are served with; several connections reach every worker."""
    return {gateway.post(CHAT, body()).headers["x-headgate-revision"] for _ in range(12)}


def wait_for_revision(gateway: Gateway, revision: int) -> None:
    gateway.wait_until(
        lambda: gateway.get("/health/ready", port=gateway.admin_port).json.get("revision") == revision
    )
    gateway.wait_until(lambda: revisions(gateway) == {str(revision)})


def test_an_edit_is_served_by_every_worker(gateway, tmp_path):
    assert revisions(gateway) == {"1"}
    write(tmp_path, PINNED)
    wait_for_revision(gateway, 2)
    answer = gateway.post(CHAT, body())
    assert (answer.headers["x-headgate-variant"], answer.headers["x-headgate-reason"]) == ("base", "variant")
    gateway.wait_for_metric(2, "headgate_snapshot_revision")
    assert gateway.metric("headgate_snapshot_age_seconds") < 60
    assert gateway.admin("GET", "/admin/v1/config").json["routes"]["solver"]["variant"] == "base"


def test_an_invalid_edit_is_refused_and_the_last_good_one_is_served(gateway, tmp_path):
    write(tmp_path, SERVED.replace("upstream: sim, model: tuned", "upstream: nowhere, model: tuned"))
    gateway.wait_for_metric(1, FAILURES)
    gateway.wait_until(lambda: gateway.logged("edit refused") and gateway.logged("nowhere"))
    assert revisions(gateway) == {"1"}
    write(tmp_path, PINNED)
    wait_for_revision(gateway, 2)
    assert gateway.metric(FAILURES) == 1


def test_a_refused_edit_is_told_word_for_word(gateway, tmp_path):
    unset = "{provider: openai, api_key: '${HEADGATE_TESTS_UNSET}'}"
    write(tmp_path, SERVED.replace("upstreams:\n", f"upstreams:\n  lab: {unset}\n"))
    told = "upstreams.lab.api_key: the environment variable HEADGATE_TESTS_UNSET is not set"
    gateway.wait_until(lambda: gateway.logged(told))


def test_an_upstream_that_no_worker_could_use_is_refused(gateway, tmp_path):
    (tmp_path / "tasks.json").write_text("no tasks")
    write(tmp_path, SERVED.replace("provider: simulated", "provider: simulated, book: tasks.json"))
    gateway.wait_for_metric(1, FAILURES)
    gateway.wait_until(lambda: gateway.logged("upstreams.sim"))
    assert revisions(gateway) == {"1"}


def test_another_store_waits_for_the_next_start(gateway, tmp_path):
    key = 'signing_keys: ["a-signing-key-of-thirty-two-characters"]'
    with_key = SERVED.replace("drain: 20s", f"drain: 20s\n  {key}")
    write(tmp_path, with_key + 'store: {url: "redis://127.0.0.1:1/nonsense"}')
    gateway.wait_for_metric(1, FAILURES)
    gateway.wait_until(lambda: gateway.logged("number of a database"))
    write(tmp_path, with_key + 'store: {url: "redis://127.0.0.1:1/0"}')
    wait_for_revision(gateway, 2)
    gateway.wait_until(lambda: gateway.logged("takes effect when the gateway is started again"))


def test_a_configmap_that_is_swapped_by_its_symlink(tmp_path):
    for name, text in (("first", SERVED), ("second", PINNED)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, text)
    (tmp_path / "data").symlink_to("first")
    (tmp_path / "headgate.yaml").symlink_to("data/headgate.yaml")
    with running_gateway(tmp_path / "headgate.yaml", options=["--workers", "1"]) as gateway:
        (tmp_path / "next").symlink_to("second")
        os.replace(tmp_path / "next", tmp_path / "data")
        wait_for_revision(gateway, 2)


def test_a_file_that_the_configuration_refers_to(tmp_path):
    prompt = tmp_path / "prompt.txt"
    put(prompt, "Solve in C++17.")
    config = write(tmp_path, PROMPTED)
    with running_gateway(config) as gateway:
        put(prompt, "Solve in C++20.")
        wait_for_revision(gateway, 2)
        prompt.unlink()
        gateway.wait_for_metric(1, FAILURES)
        put(prompt, "Solve in C++23.")
        wait_for_revision(gateway, 3)


def test_what_a_refused_edit_misses_may_come_later(gateway, tmp_path):
    write(tmp_path, PROMPTED)
    gateway.wait_for_metric(1, FAILURES)
    put(tmp_path / "prompt.txt", "Solve in C++17.")
    wait_for_revision(gateway, 2)
    assert gateway.metric(FAILURES) == 1


def test_hangup_reads_again(gateway, tmp_path):
    gateway.process.send_signal(signal.SIGHUP)
    wait_for_revision(gateway, 2)


def test_keys_that_are_added_count_at_once(gateway, tmp_path):
    key = f"{{name: app, application: tests, hash: '{hash_of('hg_new')}', scopes: [chat]}}"
    write(tmp_path, SERVED.replace("lame_duck: 0s", f"lame_duck: 0s\n  keys: [{key}]"))
    gateway.wait_until(lambda: gateway.post(CHAT, body(), key="wrong").status == 401)
    gateway.wait_until(lambda: gateway.post(CHAT, body(), key="hg_new").status == 200)


def test_whoever_is_started_later_begins_with_the_newest(gateway, tmp_path):
    write(tmp_path, PINNED)
    wait_for_revision(gateway, 2)
    kill(gateway, WORKER, 0)
    assert revisions(gateway) == {"2"}
    write(tmp_path, "not: [valid")
    gateway.wait_for_metric(1, FAILURES)
    kill(gateway, CONTROL)
    assert gateway.get("/health/ready", port=gateway.admin_port).json["revision"] == 2
    gateway.wait_for_metric(1, FAILURES)
    assert gateway.admin("GET", "/admin/v1/config").json["routes"]["solver"]["variant"] == "base"
    write(tmp_path)
    wait_for_revision(gateway, 3)
