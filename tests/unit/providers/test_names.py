"""Header names in lower case, and how many of them are remembered."""

from __future__ import annotations

from gateway.providers.names import KNOWN, LONGEST, REMEMBERED, lower


def test_a_name_is_remembered_in_both_spellings() -> None:
    assert lower(b"X-Request-Id") == b"x-request-id"
    assert KNOWN[b"X-Request-Id"] is KNOWN[b"x-request-id"]


def test_there_is_an_end_to_what_is_remembered() -> None:
    long = b"X" * (LONGEST + 1)
    assert lower(long) == b"x" * (LONGEST + 1) and long not in KNOWN
    for number in range(REMEMBERED):
        assert lower(b"X-%d" % number) == b"x-%d" % number
    assert len(KNOWN) <= REMEMBERED + 1
    assert lower(b"X-Another") == b"x-another" and b"X-Another" not in KNOWN
