"""The locks agree: what pyproject.toml asks for, uv.lock resolves and the requirements files install."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK: dict[str, Any] = {
    entry["name"]: entry for entry in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
}
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)(\[[a-z,-]+\])?==(?P<version>[^\s;]+)", re.IGNORECASE)


def pins(lines: Iterable[str]) -> dict[str, str]:
    """Name → version of each exactly pinned requirement; anything else is refused."""
    found = {}
    for line in lines:
        pin = PIN.match(line)
        assert pin, f"{line!r} is not pinned exactly"
        found[pin["name"].lower()] = pin["version"]
    return found


def requirements(name: str) -> dict[str, set[str]]:
    """`name==version` → hashes of one requirements file."""
    found: dict[str, set[str]] = {}
    current = ""
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        if pin := PIN.match(line):
            current = f"{pin['name'].lower()}=={pin['version']}"
            found[current] = set()
        found[current].update(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))
    return found


def asked(name: str) -> dict[str, str]:
    """What pyproject.toml itself asks of one requirements file."""
    groups = PROJECT["dependency-groups"]
    extras = PROJECT["project"]["optional-dependencies"]
    group = {"fuzz": "fuzz", "image": None}.get(name, "build")
    wanted = [*PROJECT["project"]["dependencies"], *(groups[group] if group else [])]
    wanted += extras["litellm"] if name == "image" else []
    wanted += extras["otel"] if name in ("image", "dev") else []
    wanted += extras["train"] if name == "dev" else []
    wanted += [item for item in groups["dev"] if isinstance(item, str)] if name == "dev" else []
    return pins(wanted)


@pytest.mark.parametrize("name", ["run", "dev", "image", "fuzz"])
def test_requirements_hold_what_the_project_asks_for(name: str) -> None:
    missing = {f"{package}=={version}" for package, version in asked(name).items()} - set(requirements(name))
    assert not missing, f"run `make lock`: requirements/{name}.txt lacks {sorted(missing)}"


@pytest.mark.parametrize("name", ["run", "dev", "image", "fuzz"])
def test_requirements_are_those_of_the_lock(name: str) -> None:
    for pin, hashes in requirements(name).items():
        package, _, version = pin.partition("==")
        entry = LOCK[package]
        files = [*entry.get("wheels", []), *([entry["sdist"]] if "sdist" in entry else [])]
        assert version == entry["version"], f"run `make lock`: {package}"
        assert hashes == {file["hash"] for file in files}, f"run `make lock`: {package}"


def test_the_lock_resolves_what_the_project_asks_for() -> None:
    metadata = LOCK["headgate"]["metadata"]
    locked = {item["name"]: item["specifier"] for item in metadata["requires-dist"]}
    extras = (item for extra in PROJECT["project"]["optional-dependencies"].values() for item in extra)
    wanted = pins([*PROJECT["project"]["dependencies"], *extras])
    assert locked == {name: f"=={version}" for name, version in wanted.items()}, "run `make lock`"


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_every_requirement_is_hashed(path: Path) -> None:
    found = requirements(path.stem)
    assert found
    assert all(found.values()), "pip refuses a lock with a requirement that has no hash"
