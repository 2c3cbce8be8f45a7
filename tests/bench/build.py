"""Compiles the benchmark's upstream and load generator, when their sources are newer than what is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
BUILD = SOURCES / "build"


class Missing(Exception):
    """Something that the benchmark needs is not on this machine; the text says what to do."""


def program(name: str) -> Path:
    """The path of the compiled program `name` (`upstream` or `load`). Raises Missing without a compiler."""
    binary = BUILD / name
    sources = [SOURCES / f"{name}.c", *SOURCES.glob("*.h")]
    if binary.exists() and binary.stat().st_mtime >= max(source.stat().st_mtime for source in sources):
        return binary
    compiler = found("gcc", "gcc")
    BUILD.mkdir(exist_ok=True)
    subprocess.run(
        [compiler, "-std=gnu17", "-O2", "-Wall", "-Wextra", "-o", str(binary), str(sources[0])], check=True
    )
    return binary


def found(command: str, package: str) -> str:
    """Where `command` is; nginx's place is often not on a user's path. Raises Missing naming the package."""
    path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        raise Missing(f"{command} is not installed; the benchmark needs it: apt-get install {package}")
    return path
