"""Outcomes: reported over HTTP, attributed by the request id, durable once acknowledged, counted once."""

from __future__ import annotations

import json
import os
import signal

import pytest
from click.testing import CliRunner

from gateway.cli import outcome
from gateway.data.errors import Unwritten
from tests.integration.conftest import CONFIG, KEYS
from tests.support.gateway import hash_of, running_gateway

CHAT, OUTCOMES = "/v1/chat/completions", "/v1/outcomes"
BODY = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}


def asked(gateway, **more):
    """The id of a request that was answered."""
    answer = gateway.post(CHAT, BODY | more)
    assert answer.status == 200
    return answer.headers["x-request-id"]


def report(gateway, request_id, *, key="app", **fields):
    return gateway.post(OUTCOMES, {"request_id": request_id, **fields}, key=key)


def insist(gateway, request_id, **fields):
    """The answer to a report that is made again while the gateway says so, as clients do."""
    return gateway.insist(lambda: report(gateway, request_id, **fields))


def statuses(answer):
    return [one["status"] for one in answer.json["data"]]


def taken(gateway, request_id, **fields):
    """What became of a report that is insisted on.

    One that a busy machine's disk was too slow for may have been written all the same.
    """
    answers = []

    def ask():
        answers.append(report(gateway, request_id, **fields))
        return answers[-1]

    assert gateway.insist(ask).status == 200
    (status,) = statuses(answers[-1])
    return "recorded" if status == "duplicate" and len(answers) > 1 else status


def test_one_outcome(gateway):
    request_id = asked(gateway)
    before = gateway.metric("headgate_outcomes_total", metric="validation_passed", value="true")
    assert taken(gateway, request_id, validation_passed=True) == "recorded"
    again = insist(gateway, request_id, validation_passed=True)
    assert again.status == 200
    assert again.json == {"object": "list", "data": [{"request_id": request_id, "status": "duplicate"}]}
    gateway.wait_for_metric(
        before + 1, "headgate_outcomes_total", route="solver", segment="ordinary", variant="base",
        metric="validation_passed", value="true",
    )  # fmt: skip
    assert gateway.metric("headgate_outcomes_total", metric="validation_passed", value="true") == before + 1


def test_a_contradiction_is_told_and_counted(gateway):
    request_id = asked(gateway)
    before = gateway.metric("headgate_outcomes_total", metric="validation_passed", value="conflict")
    assert taken(gateway, request_id, validation_passed=True) == "recorded"
    answer = insist(gateway, request_id, validation_passed=False)
    assert (answer.status, answer.error["code"]) == (409, "outcome_conflict")
    assert statuses(answer) == ["conflict"]
    assert answer.headers["x-should-retry"] == "false"
    assert insist(gateway, request_id, validation_passed=False).status == 409
    assert (
        gateway.metric("headgate_outcomes_total", metric="validation_passed", value="conflict") == before + 1
    )


def test_fields_may_come_apart(gateway):
    request_id = asked(gateway)
    for fields in ({"validation_passed": True}, {"needs_review": False}, {"score": 0.5}, {"items": 3}):
        assert taken(gateway, request_id, **fields) == "recorded"
    known = gateway.admin("GET", f"/admin/v1/requests/{request_id}").json
    assert [(one["field"], one["value"], one["source"]) for one in known["outcomes"]] == [
        ("validation_passed", True, "application"),
        ("needs_review", False, "application"),
        ("score", 0.5, "application"),
        ("items", 3, "application"),
    ]


def test_many_outcomes_at_once(gateway):
    other = gateway.post(CHAT, BODY | {"model": "slow"}, key="narrow").headers["x-request-id"]

    def ask():
        first, second = asked(gateway), asked(gateway)  # anew: a report that was not confirmed may be known
        tampered = first[:-1] + ("A" if first[-1] != "A" else "B")
        given = [first, second, first, tampered, other]
        outcomes = [{"request_id": one, "validation_passed": True} for one in given]
        outcomes += [{"request_id": first, "validation_passed": "yes"}, 7, {"request_id": second, "score": 2}]
        return gateway.post(OUTCOMES, {"outcomes": outcomes})

    answer = gateway.insist(ask)
    assert answer.status == 200
    assert statuses(answer) == [
        "recorded", "recorded", "duplicate", "invalid", "unknown", "invalid", "invalid", "invalid",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"reason": "x" * 300}, "reason"), ({"score": 5}, "score"),
     ({"validation_pased": True}, "validation_pased"), ({}, "validation_passed")],
)  # fmt: skip
def test_one_of_many_that_makes_no_sense_is_told_why(gateway, fields, param):
    request_id = asked(gateway)
    wrong = {"request_id": request_id} | fields
    answer = gateway.post(OUTCOMES, {"outcomes": [wrong, {"request_id": request_id, "needs_review": False}]})
    told, counted = answer.json["data"]
    assert (told["request_id"], told["status"]) == (request_id, "invalid")
    assert told["error"] == gateway.post(OUTCOMES, wrong).error
    assert told["error"]["param"] == param
    assert counted == {"request_id": request_id, "status": "recorded"}


def test_nothing_but_an_id_is_repeated_of_one_that_makes_no_sense(gateway):
    mine = ["canary", "canary" * 18 + "!", 7, None]
    outcomes = [{"request_id": one, "score": 5} for one in mine] + ["canary", {"score": 1}]
    answer = gateway.post(OUTCOMES, {"outcomes": outcomes})
    assert statuses(answer) == ["invalid"] * 6
    assert {one["request_id"] for one in answer.json["data"]} == {None}
    assert all(one["error"]["message"] for one in answer.json["data"])
    assert b"canary" not in answer.body


def test_one_of_many_whose_id_is_forged_is_told_so(gateway):
    answer = gateway.post(OUTCOMES, {"outcomes": [{"request_id": "A" * 108, "score": 1}]})
    (told,) = answer.json["data"]
    assert (told["request_id"], told["status"]) == ("A" * 108, "invalid")
    assert (told["error"]["param"], told["error"]["code"]) == ("request_id", "outcome_invalid")


def test_an_id_of_another_application_is_not_known(gateway):
    theirs = gateway.post(CHAT, BODY | {"model": "slow"}, key="narrow").headers["x-request-id"]
    answer = insist(gateway, theirs, validation_passed=True)
    assert (answer.status, answer.error["code"]) == (404, "outcome_unknown")


def test_an_id_of_a_request_that_was_refused_is_not_known(gateway):
    refused = gateway.post(CHAT, {"model": "solver"}).headers["x-request-id"]
    assert insist(gateway, refused, validation_passed=True).status == 404


@pytest.mark.parametrize(
    "request_id", ["", "A" * 108, "x", "\ud83d\ude00"], ids=["empty", "forged", "short", "no id"]
)
def test_what_is_no_id_of_ours_is_refused(gateway, request_id):
    answer = report(gateway, request_id, validation_passed=True)
    assert (answer.status, answer.error["param"]) == (400, "request_id")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"validation_passed": "true"}, "validation_passed"),
        ({"validation_passed": 1}, "validation_passed"),
        ({"needs_review": "no"}, "needs_review"),
        ({"score": 1.01}, "score"),
        ({"score": -1}, "score"),
        ({"score": True}, "score"),
        ({"score": "0.5"}, "score"),
        ({"items": 0}, "items"),
        ({"items": 1.5}, "items"),
        ({"items": 10**9}, "items"),
        ({"reason": 7}, "reason"),
        ({"reason": "x" * 257}, "reason"),
        ({"validation_pased": True}, "validation_pased"),
        ({}, "validation_passed"),
        ({"validation_passed": None}, "validation_passed"),
        ({"request_id": None, "score": 1}, "request_id"),
        ({"outcomes": []}, "request_id"),
    ],
)
def test_what_makes_no_sense_is_named(gateway, fields, param):
    answer = gateway.post(OUTCOMES, {"request_id": "A" * 108} | fields)
    assert (answer.status, answer.error["param"]) == (400, param)


@pytest.mark.parametrize("outcomes", [[], {}, None, [{}] * 1001])
def test_too_many_or_none(gateway, outcomes):
    answer = gateway.post(OUTCOMES, {"outcomes": outcomes})
    assert (answer.status, answer.error["param"]) == (400, "outcomes")


def test_the_scope_is_needed(gateway):
    assert report(gateway, asked(gateway), key="narrow", score=1).status == 403
    assert report(gateway, "x", key="nobody", score=1).status == 401
    assert gateway.get(OUTCOMES).status == 405


def test_the_command_names_the_variable_that_is_not_set(gateway):
    environ = {"HEADGATE_URL": f"http://127.0.0.1:{gateway.port}", "HEADGATE_API_KEY": ""}
    refused = CliRunner().invoke(outcome.command, ["A" * 108, "--passed"], env=environ)
    assert refused.exit_code == 1
    assert refused.stderr.endswith("(HEADGATE_API_KEY is not set)\n")
    assert "is not set" not in command(gateway, "A" * 108, "--passed", key="pinner").stderr


def command_runs(gateway, *arguments, key="app"):
    """What the command did, each time that it was run, until the gateway could say what came of it."""
    environ = {"HEADGATE_URL": f"http://127.0.0.1:{gateway.port}", "HEADGATE_API_KEY": KEYS[key]}
    return gateway.until_heard(
        lambda: CliRunner().invoke(outcome.command, list(arguments), env=environ),
        lambda run: Unwritten.message not in run.stderr,
    )


def command(gateway, *arguments, key="app"):
    return command_runs(gateway, *arguments, key=key)[-1]


def test_the_command(gateway):
    request_id = asked(gateway)
    *unheard, done = command_runs(
        gateway, request_id, "--passed", "--score", "0.5", "--reason", "looks right"
    )
    assert done.exit_code == 0
    assert done.stdout == "recorded\n" or (unheard and done.stdout == "duplicate\n")
    again = command(gateway, request_id, "--passed", "--json")
    assert json.loads(again.stdout)["data"] == [{"request_id": request_id, "status": "duplicate"}]
    refused = command(gateway, request_id, "--failed")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Another value was reported before" in refused.stderr
    assert command(gateway, request_id).exit_code == 2
    assert command(gateway, request_id, "--score", "7").exit_code == 2
    for odd in ("nan", "-NaN"):
        done = command(gateway, request_id, f"--score={odd}")
        assert (done.exit_code, "is not in the range 0<=x<=1" in done.stderr) == (2, True)
    assert command(gateway, request_id, "--passed", "--url", "nowhere").exit_code == 2
    assert "key" in command(gateway, request_id, "--passed", key="admin").stderr


CRASHING = CONFIG.replace("lame_duck: 0s", "lame_duck: 0s\n  drain: 1s")


@pytest.fixture
def own(upstream, tmp_path):
    path = tmp_path / "headgate.yaml"
    path.write_text(CRASHING.format(url=upstream.url, **{name: hash_of(key) for name, key in KEYS.items()}))
    with running_gateway(path, keys=KEYS) as gateway:
        yield gateway


def test_what_was_acknowledged_survives_the_control_plane(own):
    """Killed between reports: the next one knows what the last one was told, and nothing counts twice."""
    ids = [asked(own) for _ in range(5)]
    for killed in range(3):
        for request_id in ids:
            answer = insist(own, request_id, validation_passed=True)
            assert statuses(answer) == ["duplicate" if killed else "recorded"]
        (plane,) = own.children("gateway.control.main")
        os.kill(plane, signal.SIGKILL)
    for request_id in ids:
        assert insist(own, request_id, validation_passed=False).status == 409


def test_reports_wait_for_a_control_plane_that_is_being_replaced(own):
    request_id = asked(own)
    (plane,) = own.children("gateway.control.main")
    os.kill(plane, signal.SIGKILL)
    assert statuses(insist(own, request_id, score=0.25)) in (["recorded"], ["duplicate"])
    assert statuses(insist(own, request_id, score=0.25)) == ["duplicate"]


def test_without_a_control_plane_the_client_is_told_to_come_back(own):
    request_id = asked(own)
    (plane,) = own.children("gateway.control.main")
    os.kill(plane, signal.SIGSTOP)
    try:
        answer = report(own, request_id, validation_passed=True)
        assert (answer.status, answer.error["code"]) == (503, "outcome_not_written")
        assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("1", "true")
        assert own.post(CHAT, BODY).status == 200
    finally:
        os.kill(plane, signal.SIGCONT)
    own.wait_until(lambda: report(own, request_id, validation_passed=True).status == 200)
    own.wait_for_metric(1, "headgate_outcomes_total", metric="validation_passed", value="true")
    assert own.metric("headgate_outcomes_total") == 1
