"""What becomes of the hard cases, by name: a target compares with other readers, this is written down."""

from __future__ import annotations

import pytest

from gateway.data.head import Heads
from routing.fallback import Result
from tests.fuzz import http_target as http
from tests.fuzz import upstream_target as upstream
from tests.fuzz.cuts import cut
from tests.fuzz.targets import CORPUS

REFUSED = {
    400: """
        bare-cr-in-value bare-lf-heads bare-lf-one-header chunked-and-length chunked-bare-lf
        chunked-data-too-long chunked-size-0x chunked-size-bad chunked-size-empty chunked-size-minus
        chunked-size-overflow
        coding-chunked-gzip coding-chunked-twice coding-identity coding-space-before-colon coding-vertical-tab
        coding-xchunked header-without-colon length-and-chunked length-and-chunked-http-1.0 length-empty
        length-hex length-list length-minus length-plus length-superscript-digit length-twenty-digits
        length-underscore name-empty no-host nul-in-target nul-in-value obs-fold obs-fold-in-length
        space-before-colon space-before-name tls-hello two-hosts two-lengths two-lengths-alike upgrade-chunked
    """,
    408: "chunked-cut-short length-short-body",
    413: "body-too-large chunked-too-large expect-continue-too-large",
    431: "chunked-extension-bomb chunked-trailers-without-end header-bomb-many header-bomb-one target-bomb",
}
"""The only answer that a client gets, by the seeds of its bytes."""
FAILED = {
    Result.AMBIGUOUS: """
        bare-lf-heads chunked-bad-size chunked-bare-lf garbage http-0.9 interim-alone length-and-chunked
        length-empty length-plus nul-in-value obs-fold space-before-colon status-1000 switching-protocols
        two-lengths two-lengths-alike
    """,
    Result.BROKEN: """
        chunked-cut-before-last chunked-cut-behind-zero chunked-cut-in-data coding-gzip-until-end length-short
    """,
}
"""Why an upstream's answer fails: whether anything of it had come decides who may be asked next."""
READ = 64
"""Bytes of a read: a bound is noticed in the read behind it."""


def _rows(table: dict[int, str] | dict[Result, str]) -> list[tuple[int | Result, str]]:
    return [(verdict, name) for verdict, names in table.items() for name in names.split()]


@pytest.mark.parametrize(("status", "name"), _rows(REFUSED))
def test_a_request_is_refused(status: int, name: str) -> None:
    data = (CORPUS / "http" / name).read_bytes()
    outcome = http.play(cut(data, range(READ, len(data), READ)), Heads(), 1)
    assert [answer.status for answer in outcome.answers] == [status]


@pytest.mark.parametrize(("result", "name"), _rows(FAILED))
def test_an_answer_fails(result: Result, name: str) -> None:
    data = (CORPUS / "upstream" / name).read_bytes()
    for stream in (False, True):
        outcome = upstream.play([data], stream=stream)
        assert outcome.after.end == result and outcome.free is None
