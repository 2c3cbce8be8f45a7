"""Stores by URL: what is refused, and that nothing of it is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.store.registry import STORES, StoreRefused, make
from gateway.store.valkey_client import Address, address_of

KEYS = (b"k" * 32,)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "must be sqlite or begin with one of redis://"),
        ("mysql://u:hunter2@h", "must be sqlite or begin with one of redis://"),
        ("sqlite:///tmp/hunter2", "must be sqlite, without anything"),
        ("redis://", "must name a host"),
        ("redis://u:hunter2@:6379", "must name a host"),
        ("redis://h:hunter2", "has a port that is not one"),
        ("redis://h?hunter2", "its options must be name=value"),
        ("redis://h/hunter2", "must end with the number of a database"),
        ("redis://h/0/1", "must end with the number of a database"),
        ("redis://h?password=hunter2", "has an option that is not one of ca_file,"),
        ("redis://h?prefix=", "the prefix must be"),
        ("redis://h?prefix=%7Bhunter2%7D", "the prefix must be"),
        ("redis+sentinel://h", "must name the service"),
        ("redis+sentinel://h/main/hunter2", "must end with the number of a database"),
        ("redis://h?tls=hunter2", "tls must be true or false"),
        ("redis://a,b", "one host"),
        ("rediss://h?ca_file=/none", "its certificates cannot be read: No such file"),
        ("rediss://h?cert_file=/none", "its certificates cannot be read: No such file"),
    ],
)
def test_what_is_no_store_is_refused_in_one_line(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(StoreRefused) as refused:
        make(url, tmp_path, KEYS)
    message = str(refused.value)
    assert message.startswith("store.url: ")
    assert said in message
    assert "hunter2" not in message
    assert "\n" not in message


def test_urls_mean_what_they_say() -> None:
    assert address_of("redis://h") == Address((("h", 6379),))
    assert address_of("redis://us%40er:p%2Fw@[::1]:7000/2?prefix=a.b") == Address(
        (("::1", 7000),), "", 2, "us@er", "p/w", False, "a.b"
    )
    assert address_of("rediss://:pw@h?ca_file=/ca").tls is True
    watched = address_of("redis+sentinel://:pw@a,b:1/main/3?tls=true&sentinel_password=s")
    assert watched.hosts == (("a", 26379), ("b", 1))
    assert (watched.service, watched.database, watched.tls) == ("main", 3, True)
    assert watched.options == {"sentinel_password": "s"}


def test_an_address_shows_no_password() -> None:
    address = address_of("redis+sentinel://u:hunter2@a,b:1/main?sentinel_password=hunter2")
    assert str(address) == "a:26379,b:1/main"
    assert "hunter2" not in repr(address)


def test_every_store_can_be_made(tmp_path: Path) -> None:
    urls = ["sqlite", "redis://host", "rediss://host", "redis+sentinel://host/main"]
    assert {url.partition(":")[0] for url in urls} == set(STORES)
    for url in urls:
        make(url, tmp_path, KEYS)
