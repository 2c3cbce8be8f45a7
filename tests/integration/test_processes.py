"""The processes: starting, being killed, leaving, and what is refused at the start."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import platform
import signal
import socket
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_drain import serving
from tests.support.client import PATIENCE
from tests.support.gated import gated_upstream, held_streams
from tests.support.gateway import Gateway, running_gateway
from tests.support.load import END
from tests.support.processes import CHAT, CONTROL, SERVED, WORKER, alive, body, kill, refusal, write

SLOW = {"x-simulated-tokens-per-second": "20", "x-simulated-answer": "word%20" * 60}
"""An answer that takes about three seconds."""
STREAMS = 40
"""So many are never all of one worker."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two workers, for tests that leave them as they were."""
    config = write(tmp_path_factory.mktemp("gateway"))
    with running_gateway(config, options=["--workers", "2"]) as gateway:
        yield gateway


def stream(gateway: Gateway) -> http.client.HTTPResponse:
    """A slow streamed answer of which the head has come."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    headers = SLOW | {"content-type": "application/json", "connection": "close"}
    connection.request(
        "POST", CHAT, str(body(stream=True)).replace("'", '"').replace("True", "true"), headers
    )
    return connection.getresponse()


# ── starting ─────────────────────────────────────────────────────────────────────────────────────────────


def test_one_line_says_where_it_serves(gateway):
    gateway.wait_until(lambda: gateway.logged("serving"))
    serving = next(entry for entry in gateway.log if entry.get("event") == "serving")
    assert serving["url"] == f"http://127.0.0.1:{gateway.port}"
    assert serving["admin_url"] == f"http://127.0.0.1:{gateway.admin_port}"
    assert serving["workers"] == 2
    assert serving["config"].endswith("headgate.yaml")
    assert set(serving["processes"]) == {"worker 0", "worker 1", "control plane"}


def test_both_ports_answer(gateway):
    assert gateway.post(CHAT, body()).status == 200
    for port in (gateway.port, gateway.admin_port):
        assert gateway.get("/health/live", port=port).json == {"status": "live"}
        assert gateway.get("/health/ready", port=port).json == {"status": "ready", "revision": 1}


def test_the_environment_suffices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {"OPENAI_API_KEY": "sk-canary-0123456789", "HEADGATE_STATE": str(tmp_path / "elsewhere")}
    with running_gateway(None, environ=environ) as gateway:
        assert gateway.get("/v1/models").json["data"][0]["id"] == "default"
    assert (tmp_path / "elsewhere" / "keys").is_dir()
    assert not any("canary" in str(entry) for entry in gateway.log)


def test_connections_are_dealt_out_evenly(gateway):
    gateway.wait_until(lambda: len(gateway.children(WORKER)) == 2)
    workers = gateway.children(WORKER)
    before = [len(os.listdir(f"/proc/{pid}/fd")) for pid in workers]
    with contextlib.ExitStack() as stack:
        for _ in range(256):
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
            stack.callback(connection.close)
            connection.request("GET", "/health/live")
            connection.getresponse().read()
        after = [len(os.listdir(f"/proc/{pid}/fd")) for pid in workers]
    shares = [(now - then) / 256 for then, now in zip(before, after, strict=True)]
    assert sum(shares) == pytest.approx(1, abs=0.05)
    assert all(1 / 3 < share < 2 / 3 for share in shares), shares  # a hash misses that once in 10^7


def test_secrets_are_made_once_and_kept(tmp_path):
    config = write(tmp_path)
    with running_gateway(config) as gateway:
        request_id = gateway.post(CHAT, body()).headers["x-request-id"]
    for name in ("signing.key", "unit.key"):
        assert stat.S_IMODE((tmp_path / "state" / "keys" / name).stat().st_mode) == 0o600
    with running_gateway(config) as gateway:
        held = gateway.admin("GET", f"/admin/v1/requests/{request_id}").json
    assert (held["route"], held["segment"]) == ("solver", "all")


def test_workers_take_the_core_from_the_control_plane_at_once(gateway):
    (control,) = gateway.children(CONTROL)
    if not slice_of(control):
        pytest.skip("this kernel gives every process the same slice")
    kill(gateway, WORKER, 1)
    assert all(slice_of(worker) < slice_of(control) for worker in gateway.children(WORKER))


def test_the_control_plane_takes_the_core_from_nobody(gateway):
    kill(gateway, CONTROL)
    policies = {os.sched_getscheduler(pid) for pid in gateway.children(CONTROL)}
    assert policies == {os.SCHED_BATCH}
    assert {os.sched_getscheduler(pid) for pid in gateway.children(WORKER)} == {os.SCHED_OTHER}


def slice_of(pid: int) -> int:
    """A process's slice of a core in nanoseconds (sched_getattr(2)); 0 where the kernel does not tell."""
    number = {"x86_64": 315, "aarch64": 275}.get(platform.machine())
    attributes = ctypes.create_string_buffer(48)
    if number is not None:
        ctypes.CDLL(None).syscall(number, pid, attributes, len(attributes), 0)
    return struct.unpack("=IIQiIQQQ", attributes.raw)[5]


# ── children that die ────────────────────────────────────────────────────────────────────────────────────


def test_a_killed_worker_is_replaced_and_the_other_serves_on(tmp_path):
    with (
        gated_upstream() as upstream,
        serving(tmp_path, upstream, workers=2, lame_duck="0s", drain="20s") as gateway,
    ):
        with held_streams(gateway, upstream, STREAMS) as streams:
            kill(gateway, WORKER, 1)
            upstream.open()
            whole = 0
            for answer in streams:
                with contextlib.suppress(http.client.HTTPException, OSError):
                    whole += answer.read().endswith(END)
        assert 0 < whole < STREAMS
        assert len(gateway.children(WORKER)) == 2
        assert all(gateway.post(CHAT, body()).status == 200 for _ in range(20))


def test_requests_to_a_killed_worker_wait_for_its_successor(gateway):
    statuses: list[int] = []
    for index in (0, 1):
        gateway.wait_until(lambda: len(gateway.children(WORKER)) == 2)
        os.kill(sorted(gateway.children(WORKER))[index], signal.SIGKILL)
        statuses += [gateway.post(CHAT, body()).status for _ in range(10)]
    assert statuses == [200] * 20


def test_a_killed_control_plane_fails_no_request(gateway):
    failed: list[object] = []
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            try:
                status = gateway.post(CHAT, body()).status
            except OSError as error:
                failed.append(error)
            else:
                failed.extend([status] if status != 200 else [])

    caller = threading.Thread(target=call)
    caller.start()
    try:
        kill(gateway, CONTROL)
    finally:
        done.set()
        caller.join()
    assert failed == []
    gateway.post(CHAT, body(model="nothing-else-asks-for-this"))
    gateway.wait_for_metric(1, "headgate_requests_total", route="_other")


def test_children_leave_when_the_supervisor_is_gone(tmp_path):
    with running_gateway(write(tmp_path)) as gateway:
        children = gateway.children(WORKER) + gateway.children(CONTROL)
        assert len(children) == 2
        gateway.process.kill()
        gateway.wait_until(lambda: not any(alive(pid) for pid in children))


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────────────


def test_lame_duck_then_drain(tmp_path):
    config = write(tmp_path, SERVED.replace("lame_duck: 0s", "lame_duck: 8s"))
    with running_gateway(config) as gateway:
        children = gateway.children(WORKER) + gateway.children(CONTROL)
        with stream(gateway) as answer:
            gateway.process.send_signal(signal.SIGTERM)
            gateway.wait_until(lambda: gateway.get("/health/ready").status == 503)
            assert gateway.get("/health/ready", port=gateway.admin_port).status == 503
            assert gateway.post(CHAT, body()).status == 200
            assert answer.read().endswith(b"data: [DONE]\n\n")
        assert gateway.process.wait(PATIENCE) == 0
        assert not any(alive(pid) for pid in children)
        with pytest.raises(ConnectionRefusedError):
            gateway.get("/health/live")


def test_draining_refuses_new_connections_and_finishes_old_ones(tmp_path):
    with running_gateway(write(tmp_path)) as gateway:
        with stream(gateway) as answer:
            gateway.process.send_signal(signal.SIGTERM)
            gateway.wait_until(lambda: not listens(gateway.port))
            assert answer.read().endswith(b"data: [DONE]\n\n")
        assert gateway.process.wait(PATIENCE) == 0


def test_a_stream_that_outlives_the_drain_says_so(tmp_path):
    with running_gateway(write(tmp_path, SERVED.replace("drain: 20s", "drain: 200ms"))) as gateway:
        with stream(gateway) as answer:
            gateway.process.send_signal(signal.SIGTERM)
            events = answer.read().split(b"\n\n")
        assert b'"error"' in events[-2]
        assert b"data: [DONE]" not in events
        assert gateway.process.wait(PATIENCE) == 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_terminals_interrupt_skips_the_lame_duck(tmp_path):
    config = write(tmp_path, SERVED.replace("lame_duck: 0s", "lame_duck: 1h"))
    with running_gateway(config) as gateway:
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.process.wait(PATIENCE) == 0


def test_asking_twice_ends_it_at_once(tmp_path):
    config = write(tmp_path, SERVED.replace("lame_duck: 0s", "lame_duck: 1h"))
    with running_gateway(config) as gateway:
        gateway.process.send_signal(signal.SIGTERM)
        gateway.wait_until(lambda: gateway.get("/health/ready").status == 503)
        children = gateway.children(WORKER) + gateway.children(CONTROL)

        def ended() -> bool:
            gateway.process.send_signal(signal.SIGTERM)  # until one comes late enough to be no echo
            return gateway.process.poll() is not None

        gateway.wait_until(ended)
        assert gateway.process.returncode == 0
        assert not any(alive(pid) for pid in children)


# ── refused at the start ─────────────────────────────────────────────────────────────────────────────────


def start(directory: Path, *options: str, environ: dict[str, str] | None = None) -> str:
    ports = ["--port", "0", "--admin-port", "0"]
    return refusal(*ports, *options, directory=directory, environ=environ)


def test_unwritable_state(tmp_path):
    write(tmp_path)
    (tmp_path / "file").touch()
    line = start(tmp_path, "--state", str(tmp_path / "file" / "state"))
    assert str(tmp_path / "file" / "state") in line
    assert "--state" in line


def test_damaged_key_file(tmp_path):
    write(tmp_path)
    key = tmp_path / ".headgate" / "keys" / "unit.key"
    key.parent.mkdir(parents=True)
    key.write_text("canary")
    line = start(tmp_path)
    assert str(key.relative_to(tmp_path)) in line
    assert "canary" not in line


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_taken_port(gateway, tmp_path, option, workers):
    write(tmp_path)
    port = str(gateway.port if option == "--port" else gateway.admin_port)
    line = start(tmp_path, option, port, "--workers", workers)
    assert port in line and "in use" in line
    assert not (tmp_path / ".headgate" / "state.db").exists()  # no rollout has begun


def test_unknown_host(tmp_path):
    write(tmp_path)
    assert "no.such.host.invalid" in start(tmp_path, "--host", "no.such.host.invalid")


def test_invalid_configuration(tmp_path):
    write(tmp_path, SERVED.replace("candidate: tuned", "candidate: nobody").replace("drain:", "drian:"))
    line = start(tmp_path)
    assert "headgate.yaml:4" in line and "drian" in line and "headgate check" in line


def test_an_upstream_that_no_worker_could_use(tmp_path):
    write(tmp_path, SERVED.replace("provider: simulated", "provider: simulated, book: tasks.json"))
    (tmp_path / "tasks.json").write_text("no tasks")
    assert "upstreams.sim" in start(tmp_path)


def test_a_store_that_cannot_be(tmp_path):
    key = 'signing_keys: ["a-signing-key-of-thirty-two-characters"]'
    store = 'store: {url: "redis://:canary@127.0.0.1:6379/nonsense"}'
    write(tmp_path, store + SERVED.replace("drain: 20s", key))
    line = start(tmp_path)
    assert "store.url" in line and "number of a database" in line
    assert "canary" not in line


def test_missing_configuration(tmp_path):
    assert "nowhere.yaml" in start(tmp_path, "--config", "nowhere.yaml")


def test_nothing_configured(tmp_path):
    assert "OPENAI_API_KEY" in start(tmp_path)


def test_a_folder_named_config_is_nobodys_business(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "__init__.py").write_text(
        "raise SystemExit('imported from the working directory')"
    )
    assert "OPENAI_API_KEY" in start(tmp_path)
