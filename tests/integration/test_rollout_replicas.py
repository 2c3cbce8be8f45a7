"""Replicas of one gateway: they move together, agree on what is on trial, and do without the store."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from tests.integration.test_rollouts import (
    KEYS,
    act,
    ask_to,
    configure,
    insist_to,
    reading,
    same,
    served,
    variant,
)  # fmt: skip
from tests.support.client import PATIENCE
from tests.support.gateway import running_gateway


def test_replicas_move_together_and_correct_a_store_that_lost_everything(tmp_path, upstream, valkey):
    configs = [configure(tmp_path / name, upstream, store=valkey.url) for name in ("one", "two")]
    with running_gateway(configs[0], keys=KEYS) as one, running_gateway(configs[1], keys=KEYS) as two:
        one.wait_until(lambda: one.metric("headgate_leader") + two.metric("headgate_leader") == 1)
        with ThreadPoolExecutor(2) as pool:  # both at once: each is one transition
            both = [pool.submit(insist_to, gateway, "set-weight", weight=60) for gateway in (one, two)]
        assert [future.result().status for future in both] in ([200, 200], [200, 409], [409, 200])
        two.wait_until(lambda: same(two, reading(one)) and reading(two)["weight"] == 60)
        users = range(40)
        two.wait_until(
            lambda: [variant(one, user) for user in users] == [variant(two, user) for user in users]
        )
        before = reading(one)
        valkey.say("FLUSHALL")
        one.wait_until(lambda: b"solver/all" in valkey.say("HKEYS", "headgate:{state}:documents"))
        assert same(one, before) and same(two, before)
        valkey.stall()
        assert served(one, 20)["tuned"] > 0
        assert ask_to(one, "abort").status == 503
        one.wait_until(lambda: one.metric("headgate_store_reached") == 0)
        valkey.go_on()
        one.wait_for_metric(1, "headgate_store_reached")
        one.wait_until(lambda: ask_to(one, "abort").status in (200, 409))
        two.wait_until(lambda: served(two, 8) == {"base": 8})


def test_a_start_without_the_store_serves_what_was_served_last(tmp_path, upstream, valkey):
    config = configure(tmp_path / "one", upstream, store=valkey.url)
    with running_gateway(config, keys=KEYS) as gateway:
        act(gateway, "set-weight", weight=100)
        gateway.wait_until(lambda: (tmp_path / "one/state/rollouts.json").exists())
        gateway.wait_until(lambda: served(gateway, 5) == {"tuned": 5})
    valkey.kill()
    with running_gateway(config, keys=KEYS) as gateway:
        assert served(gateway, 8) == {"tuned": 8}
    other = configure(tmp_path / "two", upstream, store=valkey.url)
    with running_gateway(other, keys=KEYS) as gateway:  # has never seen it: the baseline
        assert served(gateway, 8) == {"base": 8}


def test_a_reading_says_when_the_store_does_not_answer(tmp_path, upstream, valkey):
    config = configure(tmp_path / "one", upstream, store=valkey.url)
    with running_gateway(config, keys=KEYS) as gateway:
        gateway.wait_for_metric(1 / 0.02, "headgate_rollout_evidence_threshold", metric="validation_passed")
        gateway.wait_until(lambda: reading(gateway)["warnings"] == [])
        valkey.stall()
        gateway.wait_until(lambda: bool(reading(gateway)["warnings"]))
        told = r"the store does not answer; figures are of \d{4}-\d\d-\d\d \d\d:\d\d UTC"
        assert re.fullmatch(told, *reading(gateway)["warnings"])
        valkey.go_on()
        gateway.wait_until(lambda: reading(gateway)["warnings"] == [])
        act(gateway, "pause")
        gateway.wait_until(lambda: (tmp_path / "one/state/rollouts.json").exists())
    valkey.kill()
    with running_gateway(config, keys=KEYS) as gateway:
        assert reading(gateway)["warnings"] == ["the store does not answer; figures are not known"]


def test_a_new_definition_waits_for_every_replica(tmp_path, upstream, valkey):
    configs = [configure(tmp_path / name, upstream, store=valkey.url) for name in ("one", "two")]
    with running_gateway(configs[0], keys=KEYS) as one, running_gateway(configs[1], keys=KEYS) as two:
        act(one, "set-weight", weight=100)
        two.wait_until(lambda: served(two, 5) == {"tuned": 5})
        configure(tmp_path / "one", upstream, store=valkey.url, candidate="tuned-model-2")
        one.wait_until(lambda: one.logged("configuration reloaded"))
        one.wait_until(lambda: served(one, 8) == {"base": 8})  # has a candidate that is not the one on trial
        told = "this replica's configuration has other variants: it serves the baseline until they agree"
        assert (reading(one)["warnings"], reading(two)["warnings"]) == ([told], [])
        assert served(two, 8) == {"tuned": 8}
        assert reading(one)["epoch"] == reading(two)["epoch"] == 1
        configure(tmp_path / "two", upstream, store=valkey.url, candidate="tuned-model-2")
        # Some thirteen seconds of an idle machine: replicas have to agree for a while.
        two.wait_until(lambda: reading(two)["epoch"] == 2 and reading(one)["epoch"] == 2, 3 * PATIENCE)
