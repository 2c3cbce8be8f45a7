"""`headgate explain`, from a configuration and from a gateway that is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.explain import command
from gateway.state import open_state

CONFIG = """
upstreams:
  sim: {provider: simulated}
routes:
  solver:
    variants: {base: {upstream: sim, model: m}, tuned: {upstream: sim, model: "ft:m"}}
    segments:
      - name: hard
        when: {difficulty: {gte: 2500}}
        rollout: {baseline: base, candidate: tuned, stages: [10, 50, 100]}
      - {name: rest, variant: base}
    fallbacks: [base]
"""
BODY = {"model": "solver", "messages": [{"role": "user", "content": "hi"}], "user": "alice"}
HARD = ("--header", "x-headgate-difficulty: 2700")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("HEADGATE_STATE", "HEADGATE_ADMIN_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    (tmp_path / "body.json").write_text(json.dumps(BODY))
    return tmp_path


def explain(*arguments: str, body: str = "body.json", stdin: str | None = None) -> Result:
    return CliRunner().invoke(command, ["--request", body, *arguments], input=stdin)


def test_from_a_configuration(files: Path) -> None:
    result = explain("--config", "headgate.yaml", "--json", *HARD)
    assert result.exit_code == 0
    explanation = json.loads(result.stdout)
    assert (explanation["segment"], explanation["reason"]) == ("hard", "rollout")
    assert (explanation["key_source"], explanation["difficulty"]["score"]) == ("user", 2700.0)
    assert explanation["conditions"][0]["held"] is True
    assert "buckets are an example" in result.stderr


def test_buckets_are_those_of_the_state_directory(files: Path) -> None:
    open_state(files / "one")
    open_state(files / "two")
    results = [explain("--json", "--state", name, *HARD) for name in ("one", "one", "two")]
    assert all(result.exit_code == 0 and not result.stderr for result in results)
    first, again, other = (json.loads(result.stdout)["bucket"] for result in results)
    assert first == again != other


@pytest.mark.parametrize(
    ("endpoint", "field"), [("completions", "prompt"), ("embeddings", "input"), ("responses", "input")]
)
def test_another_endpoint(files: Path, endpoint: str, field: str) -> None:
    body = json.dumps({"model": "solver", field: "hi", "user": "alice"})
    result = explain("--json", "--endpoint", endpoint, *HARD, body="-", stdin=body)
    assert (result.exit_code, json.loads(result.stdout)["segment"]) == (0, "hard")
    refused = explain("--endpoint", endpoint)
    assert refused.exit_code == 1 and f"'{field}' must be" in refused.stderr


def test_for_people(files: Path) -> None:
    drawn = explain(*HARD)
    assert drawn.exit_code == 0
    for part in ("hard", "by the segment's rollout", "sticky key from user", "difficulty gte 2500", "yes"):
        assert part in drawn.stdout
    fixed = explain(body="-", stdin=json.dumps(BODY)).stdout
    for part in ("the segment's only one", "none drawn", "unknown", "no"):
        assert part in fixed


def test_a_shadow(files: Path) -> None:
    written = CONFIG.replace("variant: base}", "variant: base, shadow: {variant: tuned, percent: 2.5}}")
    (files / "headgate.yaml").write_text(written)
    assert "tuned, 2.5 % of what is answered" in explain().stdout
    assert "shadow" in explain(*HARD).stdout and "% of what is answered" not in explain(*HARD).stdout


def test_a_route_without_conditions(files: Path) -> None:
    written = CONFIG.partition("    segments:")[0] + "    variant: base\n"
    (files / "headgate.yaml").write_text(written)
    assert "condition" not in explain().stdout


def test_a_request_without_a_key_draws_anew(files: Path) -> None:
    body = json.dumps({name: value for name, value in BODY.items() if name != "user"})
    assert "drawn anew for every request" in explain(*HARD, body="-", stdin=body).stdout


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "a JSON object"),
        ("{}", "'model'"),
        ('{"model": "other", "messages": [{}]}', "no such model"),
    ],
)
def test_requests_that_cannot_be_explained(files: Path, body: str, message: str) -> None:
    result = explain(body="-", stdin=body)
    assert result.exit_code == 1
    assert message in result.stderr


def test_mistakes_of_use(files: Path) -> None:
    assert explain("--config", "headgate.yaml", "--url", "http://127.0.0.1:1").exit_code == 2
    assert explain("--header", "no colon").exit_code == 2
    for url in ("127.0.0.1:8081", "ftp://x", "http://", "http://x:99999"):
        assert explain("--url", url).exit_code == 2


def test_a_configuration_with_mistakes(files: Path) -> None:
    (files / "bad.yaml").write_text(CONFIG.replace("upstream: sim, model: m", "upstream: nowhere, model: m"))
    result = explain("--config", "bad.yaml")
    assert result.exit_code == 1
    assert "bad.yaml" in result.stderr and "nowhere" in result.stderr


def test_a_state_directory_that_cannot_be_used(files: Path) -> None:
    (files / "state" / "keys").mkdir(parents=True)
    (files / "state" / "keys" / "unit.key").write_text("not a key")
    result = explain("--state", "state")
    assert result.exit_code == 1
    assert "unit.key" in result.stderr


class Admin(BaseHTTPRequestHandler):
    """An admin plane that answers what the test says."""

    asked: list[tuple[str, str | None, Any]] = []
    answer: tuple[int, bytes] = (200, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append((self.path, self.headers["authorization"], json.loads(body)))
        self.send_response(self.answer[0])
        self.end_headers()
        self.wfile.write(self.answer[1])

    def log_message(self, *_: object) -> None:
        """Tests have nothing to say."""


@pytest.fixture
def admin() -> Iterator[str]:
    Admin.asked = []
    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_asking_a_gateway(files: Path, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_ADMIN_KEY", "hg_admin")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    Admin.answer = (200, json.dumps({"route": "solver"}).encode())
    result = explain("--url", admin, "--json", *HARD)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"route": "solver"}
    question = {"request": BODY, "headers": {"x-headgate-difficulty": "2700"}}
    assert Admin.asked == [("/admin/v1/explain", "Bearer hg_admin", question)]


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (404, b'{"error": {"message": "There is no such model for this key."}}', "no such model"),
        (401, b'{"error": {"message": "No."}}', "No. (HEADGATE_ADMIN_KEY is not set)"),
        (200, b"<html>", "is it a gateway"),
        (302, b"{}", "answered 302"),
        (500, b"[]", "answered 500"),
    ],
)
def test_a_gateway_that_refuses(files: Path, admin: str, status: int, content: bytes, message: str) -> None:
    Admin.answer = (status, content)
    result = explain("--url", admin)
    assert result.exit_code == 1
    assert message in result.stderr
    assert Admin.asked[0][1] is None


def test_a_gateway_that_is_not_there(files: Path) -> None:
    result = explain("--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "cannot ask the gateway at 127.0.0.1:1" in result.stderr
