"""`headgate upstream`: a real process, real sockets, the official client, and a look at the raw bytes."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from openai import APIStatusError, OpenAI

from gateway.demo.scenario import BOOK

PATIENCE = 20.0
COMMAND = [sys.executable, "-P", "-m", "gateway.cli.main", "upstream"]
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
    "generationConfig": {"maxOutputTokens": 4},
}


@contextlib.contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command on a free port, and its base URL once it has said it is ready."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("simulated upstream at http://127.0.0.1:"), line
        yield process, line.split(" at ")[1].strip()
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("--book", str(BOOK), "--pass-rate", "100%") as (_, url):
        yield url


@pytest.fixture
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=url, api_key="none", max_retries=0, timeout=PATIENCE) as client:
        yield client


def post(url: str, path: str, body: Any, **faults: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    headers = {f"x-simulated-{name.replace('_', '-')}": value for name, value in faults.items()}
    with contextlib.closing(connection):
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response, response.read()


def exchange(url: str, body: Any, **faults: str) -> tuple[bytes, bool]:
    """The raw answer on the wire, and whether the connection was reset."""
    parts = urlsplit(url)
    lines = "".join(f"x-simulated-{name.replace('_', '-')}: {value}\r\n" for name, value in faults.items())
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(data)}\r\n\r\n"
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE) as sock:
        sock.sendall(head.encode() + data)
        received = b""
        try:
            while block := sock.recv(65_536):
                received += block
        except ConnectionResetError:
            return received, True
    return received, False


def calls(url: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/simulated/calls")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    return found


def test_chat_through_the_official_client(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="solver", messages=[{"role": "user", "content": "# Ferry Seats\n…"}]
    )
    assert answer.model == "solver" and answer.choices[0].finish_reason == "stop"
    assert "(n + k - 1) // k" in (answer.choices[0].message.content or "")
    assert answer.usage is not None and answer.usage.total_tokens > 10


def test_a_stream_through_the_official_client(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="solver",
        messages=[{"role": "user", "content": "# Ferry Seats"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "```python" in text
    assert chunks[-1].usage is not None and chunks[-1].choices == []


def test_the_other_endpoints_through_the_official_client(client: OpenAI) -> None:
    assert client.completions.create(model="m", prompt="hello").choices[0].text
    stream = client.completions.create(
        model="m", prompt="hello", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].usage is not None and chunks[-2].choices[0].finish_reason == "stop"
    vectors = client.embeddings.create(model="m", input=["a", "b"], dimensions=16).data
    assert [len(vector.embedding) for vector in vectors] == [16, 16]
    assert vectors[0].embedding != vectors[1].embedding
    plain = client.embeddings.create(model="m", input="a", dimensions=16, encoding_format="float").data[0]
    assert plain.embedding == pytest.approx(vectors[0].embedding, rel=1e-5)
    assert client.responses.create(model="m", input="hello").output_text
    kinds = [event.type for event in client.responses.create(model="m", input="hello", stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert [model.id for model in client.models.list()] == ["simulated"]


def test_gemini_under_the_openai_prefix(url: str) -> None:
    with OpenAI(base_url=url.replace("/v1", "/v1beta/openai"), api_key="none") as client:
        answer = client.chat.completions.create(
            model="gemini-2.5-flash", messages=[{"role": "user", "content": "x"}]
        )
    assert answer.choices[0].message.content


def test_gemini_in_its_own_format(url: str) -> None:
    path = "/v1beta/models/gemini-2.5-flash"
    _, body = post(url, f"{path}:generateContent", GEMINI)
    whole = json.loads(body)
    assert whole["modelVersion"] == "gemini-2.5-flash"
    assert whole["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert whole["usageMetadata"]["candidatesTokenCount"] == 4

    _, body = post(url, f"{path}:streamGenerateContent", GEMINI)
    array = json.loads(body)
    response, body = post(url, f"{path}:streamGenerateContent?alt=sse", GEMINI)
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line]
    assert response.getheader("content-type", "").startswith("text/event-stream")
    for chunks in (array, events):
        assert len(chunks) == 4
        assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == [None] * 3 + ["MAX_TOKENS"]


def test_errors_speak_the_format_of_their_path(url: str) -> None:
    _, body = post(url, "/v1/chat/completions", HELLO, status="503")
    assert json.loads(body)["error"]["type"] == "server_error"
    response, body = post(url, "/v1beta/models/g:generateContent", GEMINI, status="503")
    assert response.status == 503 and json.loads(body)["error"]["status"] == "UNAVAILABLE"


def test_faults_reach_the_official_client(client: OpenAI) -> None:
    with pytest.raises(APIStatusError) as caught:
        client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "x"}],
            extra_headers={"x-simulated-status": "429", "x-simulated-retry-after": "7"},
        )
    assert caught.value.status_code == 429 and caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_is_a_reset_after_what_was_sent(url: str, stream: bool) -> None:
    body = {**HELLO, "stream": stream}
    assert exchange(url, body, reset_after="head") == (b"", True)
    received, reset = exchange(url, body, reset_after="2")
    assert reset and received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.count(b"data: ") == (2 if stream else 0)


def test_a_plain_end_is_none(url: str) -> None:
    received, reset = exchange(url, {**HELLO, "stream": True}, end_after="2")
    assert not reset and received.count(b"data: ") == 2 and not received.endswith(b"0\r\n\r\n")


def test_a_short_body(url: str) -> None:
    received, reset = exchange(url, HELLO, end_after="1")
    head, _, body = received.partition(b"\r\n\r\n")
    promised = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert not reset and len(body) == 64 < promised


def test_a_body_told_by_the_end_of_the_connection(url: str) -> None:
    received, _ = exchange(url, HELLO, framing="close")
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head and b"content-length" not in head
    assert json.loads(body)["object"] == "chat.completion"


def test_a_huge_line_is_as_long_as_asked(url: str) -> None:
    _, body = post(url, "/v1/chat/completions", {**HELLO, "stream": True}, huge_line="3000000")
    assert max(len(line) for line in body.split(b"\n")) == 3_000_000 + len(b"data: ")


def test_connections_are_kept_and_requests_on_them_answered_in_order(url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    with contextlib.closing(connection):
        for number in range(3):
            connection.request("POST", "/v1/chat/completions", json.dumps({**HELLO, "model": f"m{number}"}))
            assert json.loads(connection.getresponse().read())["model"] == f"m{number}"


def test_it_remembers_what_it_was_asked() -> None:
    with running() as (_, url):
        post(url, "/v1/chat/completions", HELLO)
        post(url, "/v1/chat/completions", HELLO, status="500")
        exchange(url, HELLO, reset_after="head")
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
            data = json.dumps(HELLO).encode()
            head = b"POST /v1/chat/completions HTTP/1.1\r\nx-simulated-latency: 60\r\n"
            sock.sendall(head + b"content-length: %d\r\n\r\n%b" % (len(data), data))
            wait_until(lambda: calls(url)["open"] == 1)
        wait_until(lambda: calls(url)["open"] == 0)
        seen = calls(url)
    assert (seen["received"], seen["complete"], seen["broken"], seen["abandoned"]) == (4, 2, 1, 1)
    assert json.loads(seen["calls"][0]["body"]) == HELLO
    assert [call["end"] for call in seen["calls"]] == ["complete", "complete", "broken", "abandoned"]


def wait_until(holds: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_leaves_in_order_with_streams_open(number: signal.Signals) -> None:
    with running() as (process, url):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps({**HELLO, "stream": True}),
            {"x-simulated-stall-after": "1"},
        )
        response = connection.getresponse()
        process.send_signal(number)
        _, complaint = process.communicate(timeout=PATIENCE)
        response.close()
        connection.close()
    assert (process.returncode, complaint) == (0, "")


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and f"--port {port}" in done.stderr


@pytest.mark.parametrize(
    ("options", "status", "complaint"),
    [
        (["--latency", "fast"], 2, "--latency"),
        (["--latency", "2s,1s"], 2, "--latency"),
        (["--pass-rate", "800=2"], 2, "--pass-rate"),
        (["--error-rate", "101%"], 2, "--error-rate"),
        (["--book", "nowhere.json"], 1, "nowhere.json"),
    ],
)
def test_options_that_cannot_be_are_refused(options: list[str], status: int, complaint: str) -> None:
    done = subprocess.run(
        [*COMMAND, "--port", "0", *options], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == status and complaint in done.stderr
