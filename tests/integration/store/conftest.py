"""Every store of the registry, each on something real."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import trustme

from gateway.store.registry import STORES
from tests.support.place import Place, unhurried
from tests.support.valkey import Between, Server, free_port, sentinel

_prefixes = count(1)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is about a bound sets its own."""
    unhurried(monkeypatch.setattr)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey server that all tests share, each under a prefix of its own."""
    running = Server(tmp_path_factory.mktemp("valkey")).start()
    yield running
    running.kill()


@pytest.fixture(scope="session")
def sentinel_port(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Sentinel's that watches the server."""
    running = sentinel(tmp_path_factory.mktemp("sentinel"), server).start()
    yield running.port
    running.kill()


@pytest.fixture(scope="session")
def tls(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A URL of the server behind TLS."""
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    between = Between(server.port, context)
    between.start()
    yield f"rediss://localhost:{between.port}?ca_file={file}"
    between.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that holds all slots of a cluster, and refuses scripts whose keys lie in several."""
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    running = Server(tmp_path_factory.mktemp("cluster"), *options).start()
    assert b"OK" in running.say("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    running.wait_for(lambda: b"cluster_state:ok" in running.say("CLUSTER", "INFO"))
    yield running
    running.kill()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server of this test alone."""
    running = Server(tmp_path).start()
    yield running
    running.kill()


@pytest.fixture(params=[*sorted(STORES), "cluster"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a store is, for each scheme; nobody has used it before."""
    prefix = f"prefix=test-{next(_prefixes)}"
    if request.param == "sqlite":
        return Place("sqlite", tmp_path)
    if request.param in ("redis", "cluster"):
        running = request.getfixturevalue("server" if request.param == "redis" else "cluster")
        return Place(f"{running.url}/0?{prefix}", tmp_path)
    if request.param == "rediss":
        return Place(f"{request.getfixturevalue('tls')}&{prefix}", tmp_path)
    assert request.param == "redis+sentinel", "a new store needs a place here"
    port = request.getfixturevalue("sentinel_port")
    return Place(f"redis+sentinel://127.0.0.1:9,127.0.0.1:{port}/main?{prefix}", tmp_path)
