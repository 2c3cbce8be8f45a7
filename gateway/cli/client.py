"""How commands talk to a running gateway: directly, with no proxy, and following no redirect with a key."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import click

TIMEOUT = 10.0
"""Seconds."""
ADMIN_KEY = "HEADGATE_ADMIN_KEY"
"""The environment variable of the key for the admin port."""


def check_url(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An option's value: a gateway's address."""
    if value is not None:
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise click.BadParameter("give the gateway's address, such as http://127.0.0.1:8080.")
    return value


def get(url: str, path: str, *, key: str, timeout: float = TIMEOUT) -> tuple[int, Any]:
    """What is at `path`; answers and raises as `post`."""
    return _ask(url, "GET", path, None, {}, key, timeout)


def post(
    url: str, path: str, body: Any, *, key: str, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    """Status and JSON of the answer; `key` names the environment variable that holds the API key.

    Raises ClickException when there is no answer, or none of a gateway.
    """
    sent = {"content-type": "application/json", **(headers or {})}
    return _ask(url, "POST", path, json.dumps(body), sent, key, TIMEOUT)


def _ask(
    url: str, method: str, path: str, body: str | None, headers: dict[str, str], key: str, timeout: float
) -> tuple[int, Any]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    if secret := os.environ.get(key):
        if not (secret.isascii() and secret.isprintable()):  # http.client's own message would hold the key
            raise click.ClickException(f"{key} holds a character that no key has, such as a line's end")
        headers["authorization"] = f"Bearer {secret}"
    try:
        connection.request(method, parts.path.rstrip("/") + path, body, headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise click.ClickException(f"cannot ask the gateway at {host}: {error}") from None
    finally:
        connection.close()
    try:
        answer = json.loads(content)
        if response.status != 200:
            str(answer["error"]["message"])
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(
            f"{host} answered {response.status}; is it a gateway, and the right port of it?"
        ) from None
    return response.status, answer


def refuse(status: int, answer: Any, key: str) -> click.ClickException:
    """The exception for an answer that is an error; `key` is the environment variable of the API key."""
    hint = f" ({key} is not set)" if status == 401 and not os.environ.get(key) else ""
    return click.ClickException(f"{answer['error']['message']}{hint}")
