"""What is passed through: its paths only, bodies streamed both ways."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests.support.files import BLOCK, FileUpstream, file_upstream
from tests.support.gateway import Gateway, hash_of, running_gateway

KEYS = {name: f"hg_{name}" for name in ("app", "plain")}
CONFIG = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}", scopes: [chat, passthrough]}}
    - {{name: plain, application: tests, hash: "{plain}", scopes: [chat]}}
  limits: {{body: 64KiB}}
  lame_duck: 0s
upstreams:
  files: {{provider: openai, base_url: "{url}", api_key: upstream-secret}}
passthrough: {{upstream: files, paths: [files, uploads, fine_tuning, audio], body: {limit}B}}
routes:
  solver:
    variants: {{only: {{upstream: files, model: m}}}}
    variant: only
"""
MIB = 1 << 20


def _system_holds() -> int:
    """Bytes on their way that the sockets of two connections may hold: each end's largest buffers."""
    files = (Path(f"/proc/sys/net/ipv4/tcp_{name}") for name in ("rmem", "wmem"))
    return 2 * sum(int(file.read_text().split()[-1]) for file in files)


HELD = _system_holds() + 8 * MIB
"""More than this would be held by a gateway that does not wait …"""
ROOM = 24 * MIB
"""… and more memory than this be taken for it."""
LARGE = 2 * HELD // MIB * MIB


def resident(gateway: Gateway) -> int:
    """Bytes of memory that the worker holds."""
    (worker,) = gateway.children("gateway.data.worker")
    return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def shared() -> Iterator[FileUpstream]:
    with file_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(shared, tmp_path_factory) -> Iterator[Gateway]:
    config = tmp_path_factory.mktemp("gateway") / "headgate.yaml"
    hashes = {name: hash_of(key) for name, key in KEYS.items()}
    config.write_text(CONFIG.format(url=shared.url, limit=LARGE, **hashes))
    with running_gateway(config, keys=KEYS) as gateway:
        yield gateway


@pytest.fixture
def upstream(shared) -> Iterator[FileUpstream]:
    shared.reset()
    yield shared
    shared.open()


@contextlib.contextmanager
def connected(gateway: Gateway, head: str, *, receive: int = 0) -> Iterator[socket.socket]:
    """A connection on which a head has been sent."""
    with socket.socket() as client:
        if receive:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        client.settimeout(20)
        client.connect(("127.0.0.1", gateway.port))
        key = f"Authorization: Bearer {KEYS['app']}\r\n"
        client.sendall(f"{head}\r\nHost: x\r\n{key}\r\n".replace("\n\n", "\n").encode())
        yield client


def answered(client: socket.socket) -> bytes:
    """A whole answer of a known length."""
    answer = b""
    while True:
        answer += client.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if length and len(body) >= int(length[1]):
            return answer


def test_an_upload_arrives_byte_for_byte(gateway, upstream):
    body = BLOCK * 40
    sent = {"content-type": "multipart/form-data; boundary=x", "cookie": "a=b", "x-api-key": "mine"}
    got = gateway.post("/v1/files?purpose=user%20data", body, headers=sent)
    (taken,) = upstream.taken
    assert got.json["digest"] == hashlib.sha256(body).hexdigest() == taken.digest
    assert (taken.method, taken.path) == ("POST", "/v1/files?purpose=user%20data")
    assert taken.headers["content-type"] == sent["content-type"]
    assert taken.headers["content-length"] == str(len(body))
    assert taken.headers["authorization"] == "Bearer upstream-secret"
    assert not {"cookie", "x-api-key"} & taken.headers.keys()
    assert got.headers["x-upstream-request-id"] == "up-1" and "set-cookie" not in got.headers
    assert got.headers.get("server") != "inside" and len(got.headers["x-request-id"]) > 80


def test_an_upload_whose_length_is_not_known(gateway, upstream):
    with connected(gateway, "PUT /v1/uploads/u/parts HTTP/1.1\r\nTransfer-Encoding: chunked") as client:
        for _ in range(50):
            client.sendall(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK))
        client.sendall(b"0\r\n\r\n")
        answer = answered(client)
    assert answer.startswith(b"HTTP/1.1 200") and hashlib.sha256(BLOCK * 50).hexdigest().encode() in answer
    assert upstream.taken[0].headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("framing", ["", "&chunked=1"])
def test_a_download_is_what_the_upstream_sends(gateway, upstream, framing):
    size = 5 * MIB + 123
    got = gateway.get(f"/v1/files/file-1/content?give={size}{framing}")
    assert (got.status, len(got.body)) == (200, size)
    assert hashlib.sha256(got.body).digest() == hashlib.sha256((BLOCK * 81)[:size]).digest()
    assert got.headers["content-type"] == "text/x-c++"
    assert got.headers["content-disposition"] == 'attachment; filename="a.cc"'
    assert ("content-length" in got.headers) is not bool(framing)
    (taken,) = upstream.taken
    assert "content-length" not in taken.headers and "content-type" not in taken.headers


def test_the_official_client(gateway, upstream):
    with OpenAI(base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key=KEYS["app"]) as client:
        made = client.files.create(file=("a.jsonl", b"{}\n" * 1000), purpose="fine-tune")
        assert made.bytes and made.bytes > 3000
        assert client.files.content("file-1").read()
        assert client.files.delete("file-1").id == "file-1"
        assert client.fine_tuning.jobs.create(model="gpt-4.1-mini", training_file="file-1").id
        assert client.audio.transcriptions.create(file=("a.wav", b"RIFF"), model="whisper-1")
    assert [(one.method, one.path) for one in upstream.taken] == [
        ("POST", "/v1/files"), ("GET", "/v1/files/file-1/content"), ("DELETE", "/v1/files/file-1"),
        ("POST", "/v1/fine_tuning/jobs"), ("POST", "/v1/audio/transcriptions"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/organization/users", 404),
        ("GET", "/v1/images/x", 404),  # not among the paths of this configuration
        ("DELETE", "/v1/models/solver", 405),
        ("DELETE", "/v1/models/ft:gpt", 405),
        ("GET", "/v1/files/../organization/users", 404),
        ("GET", "/v1/files/%2e%2e/organization/users", 404),
        ("GET", "/v1/files/.%2e/organization", 404),
        ("GET", "/v1/files/..%2forganization", 404),
        ("GET", "/v1/files/%252e%252e/organization", 404),
        ("GET", "/v1/files/..%5corganization", 404),
        ("GET", "/v1/files//organization", 404),
        ("GET", "/v1/files/%zz", 404),
        ("GET", "/v1/files;/../organization", 404),
        ("GET", "/v1/filesystem", 404),
        ("OPTIONS", "/v1/files", 405),
        ("HEAD", "/v1/files", 405),
    ],
)
def test_nothing_else_is_passed(gateway, upstream, method, path, status):
    assert gateway.request(method, path).status == status
    assert not upstream.taken


def test_it_needs_its_scope(gateway, upstream):
    assert gateway.get("/v1/files", key="plain").error["code"] == "insufficient_scope"
    assert gateway.post("/v1/files", BLOCK, key="nobody").status == 401
    assert not upstream.taken


def test_a_body_may_not_pass_its_limit(gateway, upstream):
    head = f"POST /v1/files HTTP/1.1\r\nContent-Length: {LARGE + 1}\r\nExpect: 100-continue"
    with connected(gateway, head) as client:
        assert client.recv(65536).startswith(b"HTTP/1.1 413")
    assert not upstream.taken
    with connected(gateway, "POST /v1/files HTTP/1.1\r\nTransfer-Encoding: chunked") as client:
        with contextlib.suppress(ConnectionError):
            for _ in range(LARGE // len(BLOCK) + 1):
                client.sendall(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK))
        assert client.recv(65536).startswith(b"HTTP/1.1 413")
    assert upstream.taken[0].over.wait(20)


def test_a_client_that_asks_before_it_sends(gateway, upstream):
    head = f"POST /v1/files HTTP/1.1\r\nContent-Length: {len(BLOCK)}\r\nExpect: 100-continue"
    with connected(gateway, head) as client:
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BLOCK)
        assert answered(client).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("status", "told", "code"),
    [
        (401, 502, "upstream_error"),
        (403, 502, "upstream_error"),
        (302, 502, "upstream_error"),
        (500, 502, "upstream_error"),
        (429, 429, "rate_limit_exceeded"),
        (402, 429, "insufficient_quota"),
        ("429&code=insufficient_quota", 429, "insufficient_quota"),
    ],
)
def test_what_concerns_us_is_told_in_our_own_words(gateway, upstream, status, told, code):
    got = gateway.post(f"/v1/files?status={status}", BLOCK)
    assert (got.status, got.error["code"]) == (told, code)
    assert got.headers["x-upstream-request-id"] == "up-1"


@pytest.mark.parametrize("status", [201, 400, 404, 409, 413, 422])
def test_what_concerns_the_client_passes(gateway, upstream, status):
    got = gateway.post(f"/v1/files?status={status}", BLOCK)
    assert (got.status, got.json["bytes"]) == (status, len(BLOCK))
    assert gateway.get(f"/v1/files/file-1?status={status}").status == status


def test_an_answer_before_the_end_of_the_body_ends_it(gateway, upstream):
    with connected(gateway, f"POST /v1/files?early=400 HTTP/1.1\r\nContent-Length: {32 * MIB}") as client:
        client.sendall(BLOCK)
        answer = answered(client)
    assert answer.startswith(b"HTTP/1.1 400") and b"no more of that" in answer
    assert b"connection: close" in answer
    assert upstream.taken[0].over.wait(20)


def test_a_client_that_leaves_ends_its_upload_and_its_download(gateway, upstream):
    with connected(gateway, f"POST /v1/files HTTP/1.1\r\nContent-Length: {32 * MIB}") as client:
        client.sendall(BLOCK * 10)
        gateway.wait_until(lambda: bool(upstream.taken) and upstream.taken[0].size > 0)
    assert upstream.taken[0].over.wait(20)
    with connected(gateway, f"GET /v1/files/f/content?give={64 * MIB} HTTP/1.1") as client:
        assert client.recv(1000)
    assert upstream.taken[1].over.wait(20)
    gateway.wait_for_metric(2, "headgate_passthrough_requests_total", path="files", status="cancelled")


def test_a_client_waits_for_a_slow_upstream(gateway, upstream):
    before = resident(gateway)
    with connected(gateway, f"POST /v1/files?hold=up HTTP/1.1\r\nContent-Length: {LARGE}") as client:
        client.settimeout(1.0)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < LARGE:
                sent += client.send(BLOCK)
        assert sent < HELD, "somebody holds what the upstream does not take"
        assert resident(gateway) - before < ROOM
        upstream.open()
        client.settimeout(20)
        client.sendall((BLOCK * 2)[sent % len(BLOCK) :][: (-sent) % len(BLOCK)])
        for _ in range(-(-sent // len(BLOCK)), LARGE // len(BLOCK)):
            client.sendall(BLOCK)
        assert hashlib.sha256(BLOCK * (LARGE // len(BLOCK))).hexdigest().encode() in answered(client)


def test_an_upstream_waits_for_a_slow_client(gateway, upstream):
    before = resident(gateway)
    head = f"GET /v1/files/f/content?give={LARGE} HTTP/1.1\r\nConnection: close"
    with connected(gateway, head, receive=65536) as client:
        first = client.recv(65536)
        seen = -1
        while seen != upstream.taken[0].sent:
            seen = upstream.taken[0].sent
            with contextlib.suppress(TimeoutError):
                upstream.taken[0].over.wait(0.5)
        assert seen < HELD, "somebody holds what the client does not read"
        assert resident(gateway) - before < ROOM
        length = len(first) - first.index(b"\r\n\r\n") - 4
        while part := client.recv(1 << 20):
            length += len(part)
        assert length == LARGE


def test_an_upstream_that_breaks_off(gateway, upstream):
    with pytest.raises(http.client.IncompleteRead):
        gateway.get("/v1/files/f/content?give=1000000&break=500000")
    assert gateway.get("/v1/files/f/content?break=0").error["code"] == "upstream_error"
    assert len(upstream.taken) == 3, "a request that only reads is made once more"
    assert gateway.post("/v1/files?break=0", BLOCK).error["code"] == "upstream_error"
    assert len(upstream.taken) == 4


def test_a_query_in_another_code(gateway, upstream):
    with connected(gateway, "GET /v1/files?purpose=@@@ HTTP/1.1".replace("@@@", "\u00e9")) as client:
        assert answered(client).startswith(b"HTTP/1.1 400")
    assert not upstream.taken


def test_what_is_passed_is_counted(gateway, upstream):
    name = "headgate_passthrough_requests_total"
    before = {status: gateway.metric(name, path="audio", status=status) for status in ("ok", "client_error")}
    gateway.post("/v1/audio/speech", BLOCK)
    gateway.post("/v1/audio/speech?status=422", BLOCK)
    gateway.get("/v1/audio/../models")
    gateway.wait_for_metric(before["ok"] + 1, name, path="audio", status="ok")
    gateway.wait_for_metric(before["client_error"] + 2, name, path="audio", status="client_error")
