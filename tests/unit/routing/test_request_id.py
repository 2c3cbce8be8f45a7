"""Request ids: sealed, opened, and never forged."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from routing import request_id
from routing.decide import decide
from routing.request_id import (
    MAX_SUBKEYS,
    Identity,
    InvalidRequestId,
    Opener,
    Sealer,
    identity_of,
    is_alone,
    nonce_of,
)  # fmt: skip
from routing.snapshot import Fixed
from tests.unit.routing.made import BASE, NONCE, facts, key, rollout, route, segment, snapshot

OLD, NEW = b"o" * 32, b"n" * 32
SALT = b"worker"
WORD, BYTE = st.integers(0, 2**32 - 1), st.integers(0, 255)
LONG = st.integers(0, 2**64 - 1)
IDENTITIES = st.builds(Identity, LONG, WORD, WORD, WORD, WORD, WORD, WORD, BYTE, BYTE, BYTE, LONG)


@given(st.binary(min_size=12, max_size=12), st.binary(min_size=6, max_size=6), IDENTITIES)
def test_round_trip(nonce: bytes, salt: bytes, identity: Identity) -> None:
    token = Sealer((NEW,), salt).seal(nonce, identity)
    assert re.fullmatch(r"[A-Za-z0-9_-]{80,128}", token)
    assert Opener((NEW,)).open(token) == identity
    assert nonce_of(token) == nonce


@given(st.integers(0, 107), st.from_regex(r"[A-Za-z0-9_-]", fullmatch=True))
def test_any_tampered_character_is_refused(at: int, other: str) -> None:
    token = Sealer((NEW,), SALT).seal(NONCE, Identity(time=1, unit=2))
    tampered = token[:at] + other + token[at + 1 :]
    if tampered != token:
        with pytest.raises(InvalidRequestId):
            Opener((NEW,)).open(tampered)


@given(st.text(max_size=120) | st.from_regex(r"[A-Za-z0-9_-]{108}", fullmatch=True))
def test_whatever_is_no_request_id_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequestId):
        Opener((NEW, OLD)).open(token)


@pytest.mark.parametrize("change", ["{}=", "{}\n", " {}", "{}A", "+{}", "é{}"])
def test_there_is_one_spelling(change: str) -> None:
    token = Sealer((NEW,), SALT).seal(NONCE, Identity())
    for written in (change.format(token), change.format(token[1:])):
        with pytest.raises(InvalidRequestId):
            Opener((NEW,)).open(written)


def test_the_first_key_seals_and_all_open() -> None:
    old, new = Sealer((OLD,), SALT), Sealer((NEW, OLD), SALT)
    both = Opener((NEW, OLD))
    identity = Identity(time=1_800_000_000_000, application=7)
    assert both.open(old.seal(NONCE, identity)) == both.open(new.seal(NONCE, identity)) == identity
    with pytest.raises(InvalidRequestId):
        Opener((OLD,)).open(new.seal(NONCE, identity))


def test_nothing_can_be_sealed_under_a_key_that_nobody_has() -> None:
    """An unknown key id is worked on under a decoy, which must open nothing."""
    raw = urlsafe_b64decode(Sealer((NEW,), SALT).seal(NONCE, Identity()))
    head = raw[:1] + b"???" + raw[4:10]
    decoy = request_id._subkey(request_id._DECOY, head[4:])
    assert isinstance(decoy, AESGCM)
    forged = head + NONCE + decoy.encrypt(NONCE, bytes(43), head)
    with pytest.raises(InvalidRequestId):
        Opener((NEW,)).open(urlsafe_b64encode(forged).decode())


def test_subkeys_are_remembered_within_bounds() -> None:
    opener, count = Opener((NEW,)), MAX_SUBKEYS + 2
    tokens = [Sealer((NEW,), salt.to_bytes(6, "big")).seal(NONCE, Identity(salt)) for salt in range(count)]
    for _ in range(2):
        assert [opener.open(token).time for token in tokens] == list(range(count))
        assert opener.open(tokens[-1]).time == count - 1
    assert len(opener._subkeys) == MAX_SUBKEYS


def test_the_identity_of_a_decision() -> None:
    plan = rollout(5_000, epoch=3, period=2, reference=1)
    asked = facts(user="u", metadata={"rating": 2300})
    decision = decide(snapshot(route(segment(plan))), asked)
    identity = identity_of(decision, key(), 1_800_000_000_000)
    assert identity == Identity(
        time=1_800_000_000_000, application=99, route=77, segment=decision.segment.hash,
        variant=decision.variant.hash, epoch=3, period=2, reference=1, compared=1, stratum=3,
        unit=decision.unit,
    )  # fmt: skip
    plain = identity_of(decide(snapshot(route(segment(Fixed(BASE)))), facts()), key(), 5)
    assert (plain.epoch, plain.period, plain.compared, plain.unit) == (0, 0, 0, 0)


def test_without_a_sticky_key_the_request_is_the_unit_and_requests_are_numbered_by_their_time() -> None:
    keyless = snapshot(route(segment(rollout(5_000)), sticky=()))
    times = range(1_800_000_000_000, 1_800_000_000_003)
    units = [identity_of(decide(keyless, facts()), key(), time).unit for time in times]
    assert units == sorted(set(units))
    assert all(is_alone(unit, time) for unit, time in zip(units, times, strict=True))
    assert not is_alone(units[0], times[1])
    user = identity_of(decide(snapshot(route(segment(rollout(5_000)))), facts(user="u")), key(), times[0])
    assert not is_alone(user.unit, times[0])
