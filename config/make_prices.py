"""`make prices`: makes the price table anew from the price map inside the pinned litellm wheel.

The wheel is downloaded, checked against the lock's hashes and opened as an archive; nothing in it runs.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

ROOT = Path(__file__).parent.parent
TABLE = Path(__file__).with_name("prices.json")
MAP = "litellm/model_prices_and_context_window_backup.json"

_MODES = frozenset({"chat", "completion", "embedding", "responses"})


def pinned(lock: str) -> tuple[str, frozenset[str]]:
    """The version of litellm that a uv.lock pins, and the SHA-256 digests of its wheels, in hex."""
    package = next(it for it in tomllib.loads(lock)["package"] if it["name"] == "litellm")
    hashes = frozenset(wheel["hash"].removeprefix("sha256:") for wheel in package["wheels"])
    return str(package["version"]), hashes


def table(prices: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The entries to keep, by name: provider, USD per million tokens, and the date of retirement.

    An entry without a price, or with none but zeros, says that nothing is known: it is left out.
    """
    kept = {}
    for name, entry in sorted(prices.items()):
        if entry.get("mode") not in _MODES:
            continue
        rates = {
            "input": _per_million(entry.get("input_cost_per_token")),
            "cached_input": _per_million(entry.get("cache_read_input_token_cost")),
            "output": _per_million(entry.get("output_cost_per_token")),
        }
        priced = rates["input"] and (rates["output"] or entry["mode"] == "embedding")
        if not priced:
            continue
        kept[name] = {"provider": entry["litellm_provider"]}
        kept[name] |= {kind: rate for kind, rate in rates.items() if rate is not None}
        retired = _date(entry.get("deprecation_date"))
        if retired is not None:
            kept[name]["retired"] = retired
    return kept


def _per_million(per_token: object) -> float | None:
    if not isinstance(per_token, int | float) or per_token < 0:
        return None
    rate = round(per_token * 1_000_000, 6)
    return int(rate) if rate == int(rate) else rate


def _date(text: object) -> str | None:
    try:
        return date.fromisoformat(str(text)).isoformat()
    except ValueError:
        return None


def render(source: Mapping[str, str], entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The table's text, one model a line so that its changes read well."""
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
    return f'{{"source": {json.dumps(source)},\n"models": {{\n' + ",\n".join(lines) + "\n}}\n"


def main() -> None:
    """Writes the table beside this file."""
    version, hashes = pinned((ROOT / "uv.lock").read_text())
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        command += ["--no-deps", "--only-binary", ":all:", "--dest", folder, f"litellm=={version}"]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("litellm-*.whl")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest not in hashes:
            raise SystemExit(f"{wheel.name}: its SHA-256 is not among those of uv.lock; nothing was written")
        with ZipFile(wheel) as archive:
            dated = date(*archive.getinfo(MAP).date_time[:3])
            prices = archive.read(MAP)
    source = {
        "package": f"litellm {version}",
        "file": MAP,
        "sha256": hashlib.sha256(prices).hexdigest(),
        "wheel_sha256": digest,
        "dated": dated.isoformat(),
    }
    entries = table(json.loads(prices))
    TABLE.write_text(render(source, entries))
    print(f"{TABLE.relative_to(ROOT)}: {len(entries)} models of {source['package']}, dated {dated}")


if __name__ == "__main__":
    main()
