"""`headgate rollout`: what is asked of the admin API, what is printed, and how it is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from gateway.cli.rollout.command import command
from tests.support.admin import AdminPort, admin_port
from tests.support.ports import free_ports
from tests.support.rollouts import HISTORY, LEAST, acted, opened, told

ACTIONS = {
    "promote": "promoted", "pause": "paused", "resume": "resumed", "abort": "aborted", "retry": "retried",
    "undo": "undone",
}  # fmt: skip


@pytest.fixture
def port() -> Iterator[AdminPort]:
    with admin_port() as port:
        port.readings["solver/hard"] = LEAST
        port.readings["reviews/ko"] = LEAST | {"route": "reviews", "segment": "ko"}
        port.readings["reviews/en"] = LEAST | {"route": "reviews", "segment": "en"}
        port.histories["solver/hard"] = HISTORY
        yield port


def rollout(port: AdminPort, *arguments: str, **environ: str | None) -> Result:
    given = {"HEADGATE_ADMIN_URL": port.url, "HEADGATE_ADMIN_KEY": "hg_admin", "COLUMNS": "100"} | environ
    return CliRunner().invoke(command, list(arguments), env=given)


def complaint(result: Result) -> str:
    """The one line on stderr of what was refused."""
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    (line,) = result.stderr.splitlines()
    return line.removeprefix("Error: ")


def test_a_list(port: AdminPort) -> None:
    result = rollout(port, "list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "name", "solver/hard", "reviews/ko", "reviews/en",
    ]  # fmt: skip
    assert json.loads(rollout(port, "list", "--json").stdout) == list(port.readings.values())
    ((method, path, _, headers), _) = port.asked
    assert (method, path, headers["authorization"]) == ("GET", "/admin/v1/rollouts", "Bearer hg_admin")


def test_a_list_warns_of_what_its_figures_are_not(port: AdminPort) -> None:
    port.readings["solver/hard"] = LEAST | {"warnings": ["the store does not answer; figures are not known"]}
    result = rollout(port, "list")
    assert result.stderr == "warning: solver/hard: the store does not answer; figures are not known\n"


def test_an_empty_list(port: AdminPort) -> None:
    port.readings.clear()
    result = rollout(port, "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "there is no rollout\n")
    assert rollout(port, "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("name", ["solver/hard", "solver"])
def test_one(port: AdminPort, name: str) -> None:
    result = rollout(port, "get", name)
    assert result.exit_code == 0
    assert result.stdout.startswith("Name:     solver/hard   tuned against base\n")
    assert "running → rolled back" in result.stdout
    assert json.loads(rollout(port, "get", name, "--json").stdout) == LEAST


def test_commands_that_are_shown_find_the_gateway_too(port: AdminPort) -> None:
    port.readings["solver/hard"] = LEAST | {"recommendation": "promote"}
    assert "headgate rollout promote solver/hard\n" in rollout(port, "get", "solver").stdout
    elsewhere = rollout(port, "get", "solver", "--url", port.url).stdout
    assert f"headgate rollout promote solver/hard --url {port.url}\n" in elsewhere


def test_its_history(port: AdminPort) -> None:
    lines = rollout(port, "history", "solver").stdout.splitlines()
    assert lines[0].split() == ["time", "(UTC)", "from", "→", "to", "weight", "cause", "actor", "reasons"]
    assert any("running: inconclusive" in line for line in lines)
    moved = rollout(port, "history", "solver", "--transitions").stdout
    assert "running → rolled back" in moved and "running: inconclusive" not in moved
    assert json.loads(rollout(port, "history", "solver", "--json").stdout) == HISTORY
    told = json.loads(rollout(port, "history", "solver", "--json", "--transitions").stdout)
    assert [entry["cause"] for entry in told] == ["started", "harm"]


def test_the_history_of_a_rollout_that_is_not_configured_any_more(port: AdminPort) -> None:
    port.readings.clear()
    assert json.loads(rollout(port, "history", "solver/hard", "--json").stdout) == HISTORY


@pytest.mark.parametrize(("action", "done"), ACTIONS.items())
def test_what_is_asked_for(port: AdminPort, action: str, done: str) -> None:
    result = rollout(port, action, "solver/hard", "--reason", "a look at the logs", "--if-match", "17")
    assert result.exit_code == 0
    assert result.stdout == (
        f"rollout 'solver/hard' {done}\n"
        "solver/hard running at 10 %, stage 1 of 3; inconclusive, hold:"
        " validation_passed: 212 of 300 samples\n"
    )
    ((method, path, sent, headers),) = port.asked
    assert (method, path) == ("POST", f"/admin/v1/rollouts/solver/hard/{action}")
    assert sent == {"reason": "a look at the logs"} | ({"full": False} if action == "promote" else {})
    assert headers["if-match"] == "17"


def test_promote_to_the_end_and_as_json(port: AdminPort) -> None:
    port.readings["solver/hard"] = promoted = told(acted(opened(), [("promote", None)] * 3))
    result = rollout(port, "promote", "solver", "--full")
    assert result.stdout.startswith("rollout 'solver/hard' fully promoted\nsolver/hard promoted at 100 %")
    assert json.loads(rollout(port, "promote", "solver", "--full", "--json").stdout) == promoted
    assert [sent for method, _, sent, _ in port.asked if method == "POST"] == [
        {"reason": "", "full": True}
    ] * 2
    assert all("if-match" not in headers for *_, headers in port.asked)


@pytest.mark.parametrize(("written", "weight"), [("30", 30), ("12.5", 12.5), ("0%", 0), ("99.99 %", 99.99)])
def test_a_weight_by_hand(port: AdminPort, written: str, weight: float) -> None:
    result = rollout(port, "set-weight", "solver/hard", written)
    assert result.stdout.startswith(f"rollout 'solver/hard' weight set to {weight:g} %\n")
    assert port.asked[0][2] == {"reason": "", "weight": weight}


@pytest.mark.parametrize(
    "arguments",
    [
        ["set-weight", "solver/hard", "101"], ["set-weight", "solver/hard", "1.005"],
        ["set-weight", "solver/hard", "much"], ["set-weight", "solver/hard"], ["get"], ["get", "a/b/c"],
        ["get", "solver/"], ["get", "/hard"], ["get", ""], ["pause", "solver", "--if-match", "new"],
        ["list", "--url", "localhost"], ["dance", "solver"],
    ],
)  # fmt: skip
def test_wrong_usage(port: AdminPort, arguments: list[str]) -> None:
    assert rollout(port, *arguments).exit_code == 2
    assert port.asked == []


def test_names_that_are_not_clear(port: AdminPort) -> None:
    several = "route reviews has 2 rollouts; name one of reviews/ko, reviews/en"
    assert complaint(rollout(port, "get", "reviews")) == several
    known = "there are: solver/hard, reviews/ko, reviews/en"
    assert complaint(rollout(port, "get", "voice")) == f"there is no rollout voice; {known}"
    assert complaint(rollout(port, "pause", "solver/none")) == f"there is no rollout solver/none; {known}"
    port.readings.clear()
    assert complaint(rollout(port, "abort", "solver")) == "there is no rollout solver; there are: none"


def test_names_are_quoted(port: AdminPort) -> None:
    rollout(port, "get", "a b:c@d/é?")
    assert port.asked[0][1] == "/admin/v1/rollouts/a%20b%3Ac%40d/%C3%A9%3F"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (409, "illegal_transition", "undo is not possible while running; possible are: promote, pause"),
        (412, "precondition_failed", "The rollout is at another revision now."),
        (503, "store_unavailable", "The store cannot be reached now."),
        (403, "insufficient_scope", "This key does not have the scope 'admin'."),
    ],
)
def test_a_refusal_is_one_line(port: AdminPort, status: int, code: str, message: str) -> None:
    port.refusal = status, code, message
    assert complaint(rollout(port, "undo", "solver/hard")) == message
    assert complaint(rollout(port, "undo", "solver/hard", "--json")) == message


@pytest.mark.parametrize("answer", [None, "hello", {"object": "list"}, [{"id": "gpt"}], [None]])
def test_something_else_answers(port: AdminPort, answer: object) -> None:
    port.answer = lambda method, path, body: (200, answer)  # type: ignore[method-assign]
    stranger = "that is not a gateway's admin port, which is usually 8081"
    for arguments in (["list"], ["get", "solver"], ["get", "solver/hard"], ["pause", "solver/hard"]):
        assert complaint(rollout(port, *arguments)) == stranger
    port.answer = lambda method, path, body: (404, {"error": {"message": "?", "code": "not_found"}})  # type: ignore[method-assign]
    assert complaint(rollout(port, "list")) == stranger


def test_a_missing_key_is_named(port: AdminPort) -> None:
    port.refusal = 401, "invalid_api_key", "The API key is missing or not valid."
    told = complaint(rollout(port, "list", HEADGATE_ADMIN_KEY=None))
    assert told == "The API key is missing or not valid. (HEADGATE_ADMIN_KEY is not set)"
    assert complaint(rollout(port, "list")) == "The API key is missing or not valid."


def test_a_key_is_never_shown(port: AdminPort) -> None:
    told = complaint(rollout(port, "list", HEADGATE_ADMIN_KEY="hg_canary\n"))
    assert "HEADGATE_ADMIN_KEY" in told and "canary" not in told
    assert port.asked == []


def test_nobody_answers(port: AdminPort) -> None:
    (nobody,) = free_ports(1)
    url = f"http://user:canary@127.0.0.1:{nobody}"
    for arguments in (["list"], ["get", "solver"], ["get", "-w", "solver/hard"], ["abort", "solver/hard"]):
        told = complaint(rollout(port, *arguments, "--url", url))
        assert told.startswith(f"cannot ask the gateway at 127.0.0.1:{nobody}: ") and "canary" not in told


def test_a_page_without_its_history(port: AdminPort) -> None:
    answer = port.answer

    def without(method: str, path: str, body: object) -> tuple[int, object]:
        if path.endswith("/history"):
            return 503, {
                "error": {"message": "The store cannot be reached now.", "code": "store_unavailable"}
            }
        return answer(method, path, body)

    port.answer = without  # type: ignore[method-assign]
    shown = rollout(port, "get", "solver")
    assert shown.exit_code == 0 and "Latest" not in shown.stdout
    assert complaint(rollout(port, "history", "solver/hard")) == "The store cannot be reached now."
