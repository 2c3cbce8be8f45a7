"""How commands talk to a running gateway: directly, with no proxy, and following no redirect with a key."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

import click

TIMEOUT = 10.0
"""Seconds."""


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


def post(url: str, path: str, body: Any, *, key: str) -> tuple[int, Any]:
    """Status and JSON of the answer; `key` names the environment variable that holds the API key.

    Raises ClickException when there is no answer, or none of a gateway.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    headers = {"content-type": "application/json"}
    if secret := os.environ.get(key):
        headers["authorization"] = f"Bearer {secret}"
    try:
        connection.request("POST", parts.path.rstrip("/") + path, json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise click.ClickException(f"cannot ask the gateway at {parts.netloc}: {error}") from None
    finally:
        connection.close()
    try:
        answer = json.loads(content)
        if response.status != 200:
            str(answer["error"]["message"])
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(
            f"{parts.netloc} answered {response.status}; is it a gateway, and the right port of it?"
        ) from None
    return response.status, answer


def refuse(answer: Any) -> click.ClickException:
    """The exception for an answer that is an error."""
    return click.ClickException(str(answer["error"]["message"]))
