"""Serves TensorZero's gateway until it is ended, in its own environment: its file as argument."""

from __future__ import annotations

import signal
import sys

from tensorzero.tensorzero import _start_http_gateway

signal.signal(signal.SIGTERM, signal.SIG_DFL)
GATEWAY = _start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
print(GATEWAY.base_url, flush=True)
signal.pause()
