"""Several gateways on one state directory: each is a replica of its own, and one of them leads."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.support.client import PATIENCE
from tests.support.gateway import running_gateway
from tests.support.processes import CHAT, CONTROL, SERVED, body, write

PLACE = "/admin/v1/rollouts/solver/all"
OTHER = SERVED.replace("model: tuned", "model: another")
TURNS = 3
HOUR = 3_600_000


@pytest.fixture
def config(tmp_path):
    return write(tmp_path)


def name_of(gateway):
    """What this gateway is called among the replicas."""
    text = gateway.get("/metrics", port=gateway.admin_port).body.decode()
    return re.search(r'headgate_replica_info\{replica="(.+)"\}', text)[1]


def leading(*gateways):
    return [gateway for gateway in gateways if gateway.metric("headgate_leader")]


def read(config, statement):
    with closing(sqlite3.connect(config.parent / "state/state.db")) as database:
        return dict(database.execute(statement).fetchall())


def wait_for_turns(config, *gateways):
    """Waits until each has taken some turns, with each of which it says that it lives."""
    for gateway in gateways:
        for _ in range(TURNS):
            before = read(config, "SELECT replica, until FROM replicas").get(name_of(gateway), 0)
            gateway.wait_until(
                lambda gateway=gateway, before=before: (
                    read(config, "SELECT replica, until FROM replicas").get(name_of(gateway), 0) > before
                )
            )


def test_one_leads_and_the_other_takes_over_when_it_dies(config):
    with running_gateway(config) as one, running_gateway(config) as two:
        wait_for_turns(config, one, two)
        one.wait_until(lambda: len(leading(one, two)) == 1)
        (leader,) = leading(one, two)
        other = two if leader is one else one
        assert name_of(one) != name_of(two)
        assert leader.logged(f"this replica leads the rollouts: {name_of(leader)}")
        leader.process.kill()
        other.wait_until(lambda: leading(other) == [other])


def test_either_reads_the_ids_that_the_other_has_sealed(config):
    with running_gateway(config) as one, running_gateway(config) as two:
        for sealing, reading in ((one, two), (two, one)):
            sealed = sealing.post(CHAT, body(user="anna")).headers["x-request-id"]
            read = reading.admin("GET", f"/admin/v1/requests/{sealed}").json
            assert (read["route"], read["segment"]) == ("solver", "all")


def test_different_files_open_an_epoch_only_once_they_agree(config, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(OTHER)
    with running_gateway(config) as one, running_gateway(other) as two:
        wait_for_turns(config, one, two)
        for gateway in (one, two):
            history = gateway.insist(lambda gateway=gateway: gateway.admin("GET", f"{PLACE}/history")).json
            assert [entry["cause"] for entry in history] == ["started"]
        config.write_text(OTHER)
        # They have to agree for ten seconds.
        two.wait_until(lambda: two.admin("GET", PLACE).json["epoch"] == 2, 3 * PATIENCE)
        history = two.insist(lambda: two.admin("GET", f"{PLACE}/history")).json
        assert [entry["cause"] for entry in history] == ["started", "definition"]


def test_a_control_plane_that_was_killed_is_succeeded_as_the_same_replica(config):
    with running_gateway(config) as gateway:
        gateway.wait_for_metric(1, "headgate_leader")
        before = name_of(gateway)
        (plane,) = gateway.children(CONTROL)
        # No successor until the lease lasts an hour: only the same replica gets it before.
        gateway.process.send_signal(signal.SIGSTOP)
        try:
            os.kill(plane, signal.SIGKILL)
            with closing(sqlite3.connect(config.parent / "state/state.db")) as database, database:
                database.execute("UPDATE leases SET until = ?", (time.time() * 1000 + HOUR,))
        finally:
            gateway.process.send_signal(signal.SIGCONT)
        gateway.wait_until(lambda: gateway.children(CONTROL) not in ([plane], []))
        gateway.wait_until(lambda: _led_by(gateway, before))
    with running_gateway(config) as gateway:
        assert name_of(gateway) == before


def _led_by(gateway, name):
    try:
        return leading(gateway) == [gateway] and name_of(gateway) == name
    except OSError:
        return False
