"""The house rules: imports point downwards, routing is pure, workers stay light, files stay small.

The sources are read with `ast`, so that a rule is checked in every file, imported by a test or not.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from gateway.cli.main import COMMANDS, main
from gateway.compiled import PROBE
from tests.compiled import COMPILED

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "routing", "gateway")
LONGEST = 400

FLOORS = {"config": 0, "routing": 1, "gateway": 2}
"""A package may import itself and those below."""

ROOMS = {
    "cli": 3, "demo": 3, "supervisor": 3,
    "data": 2, "control": 2, "training": 2,
    "channel": 1, "clock": 1, "compiled": 1, "log": 1, "loopback": 1, "model_file": 1, "outbox": 1,
    "providers": 1, "rhythm": 1, "run": 1, "server": 1, "sse": 1, "state": 1, "store": 1, "validation": 1,
}  # fmt: skip
"""The same inside gateway/; the two planes do not import each other."""
PLANES = {"data", "control"}

LAZY = {"gateway/cli/difficulty/train.py", "gateway/providers/litellm.py"}
"""Files that may import inside a function: what is too heavy to load before it is needed."""

PURE = {
    "__future__", "array", "base64", "binascii", "bisect", "collections", "cryptography", "dataclasses",
    "enum", "fractions", "functools", "hashlib", "heapq", "hmac", "itertools", "json", "jsonpath",
    "jsonschema_rs", "markdown_it", "math", "msgspec", "operator", "orjson", "re", "statistics", "string",
    "struct", "types", "typing", "unicodedata", "zlib",
}  # fmt: skip
"""All that routing/ may import besides itself: nothing that reads, waits, draws or tells the time."""

HEAVY = {
    "fastapi", "jsonpath", "jsonschema_rs", "litellm", "markdown_it", "numpy", "openai", "opentelemetry",
    "prometheus_client", "pydantic", "redis", "rich", "yaml",
}  # fmt: skip
"""What a worker must not load: memory and start-up time that every worker would pay."""

ALIAS = re.compile(r"[A-Z][a-z]\w*|[A-Z]")
"""How the name of a type is written, or of a variable for one."""


class Import(NamedTuple):
    """One imported module, and whether the import stands inside a function."""

    module: str
    line: int
    local: bool


def files(*packages: str) -> list[Path]:
    """Every Python file of these packages, relative to the root."""
    return sorted(path.relative_to(ROOT) for name in packages for path in (ROOT / name).rglob("*.py"))


def module_of(path: Path) -> str:
    """The dotted name under which `path` is imported."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse((ROOT / path).read_text(), str(path))


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    """What `path` imports when it runs; blocks under `if TYPE_CHECKING` never do."""
    return tuple(_imports(tree_of(path), path, local=False))


def _imports(node: ast.AST, path: Path, *, local: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, local) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{path}:{child.lineno}: write the absolute import"
            yield from (
                _imported(child.module or "", alias.name, child.lineno, local) for alias in child.names
            )
        elif not (isinstance(child, ast.If) and _names_type_checking(child.test)):
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, path, local=local or inside)


def _imported(module: str, name: str, line: int, local: bool) -> Import:
    """`from package import name` imports the module `package.name` if there is one."""
    inner = ROOT.joinpath(*module.split("."), name)
    is_module = inner.with_suffix(".py").is_file() or (inner / "__init__.py").is_file()
    return Import(f"{module}.{name}" if is_module else module, line, local)


def _names_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


@cache
def structs() -> frozenset[str]:
    """The names of all our classes that are a `msgspec.Struct`, by any number of steps."""
    bases = {
        node.name: {_last_name(base) for base in node.bases}
        for path in files(*PACKAGES)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
    }
    found = {"Struct"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return frozenset(found)


def _last_name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def room_of(module: str) -> str:
    """The first part below `gateway`; empty for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def may_import(importer: str, imported: str) -> bool:
    """Whether the dependency rule lets one of our modules import another."""
    here, there = importer.partition(".")[0], imported.partition(".")[0]
    if here != there:
        return FLOORS[here] > FLOORS[there]
    if here != "gateway" or room_of(importer) == room_of(imported) or imported == "gateway":
        return True
    if PLANES == {room_of(importer), room_of(imported)}:
        return False
    return ROOMS[room_of(importer)] >= ROOMS[room_of(imported)]


def test_every_room_has_its_place() -> None:
    rooms = {room_of(module_of(path)) for path in files("gateway")} - {""}
    assert rooms <= set(ROOMS), "a new room of gateway/ needs a floor in ROOMS"


@pytest.mark.parametrize("path", files(*PACKAGES), ids=str)
def test_imports_point_downwards(path: Path) -> None:
    wrong = [
        f"{path}:{line}: {module_of(path)} must not import {module}"
        for module, line, _ in imports_of(path)
        if module.partition(".")[0] in FLOORS and not may_import(module_of(path), module)
    ]
    assert not wrong, "\n".join(wrong)


def test_only_compile_reads_the_configuration() -> None:
    readers = {
        str(path)
        for path in files("routing")
        for module, _, _ in imports_of(path)
        if module.partition(".")[0] == "config"
    }
    assert readers <= {"routing/compile.py", "routing/compile_difficulty.py", "routing/compile_plan.py"}


@pytest.mark.parametrize("path", files(*PACKAGES), ids=str)
def test_no_import_hides_in_a_function(path: Path) -> None:
    if str(path) in LAZY:
        pytest.skip("loads on need what is too heavy to load before")
    hidden = [
        f"{path}:{line}: import {module} at the top" for module, line, local in imports_of(path) if local
    ]
    assert not hidden, "\n".join(hidden)


def test_no_import_cycles() -> None:
    ours = {module_of(path): path for path in files(*PACKAGES)}
    graph = {
        name: [found.module for found in imports_of(path) if found.module in ours]
        for name, path in ours.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for imported in graph[name]:
                visit(imported, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", files("routing"), ids=str)
def test_routing_is_pure(path: Path) -> None:
    impure = [
        f"{path}:{line}: {module} has no place in routing/"
        for module, line, _ in imports_of(path)
        if module.partition(".")[0] not in PURE | set(PACKAGES)
    ]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global):
            impure.append(f"{path}:{node.lineno}: routing/ neither waits nor holds state")
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in {"open", "print", "input"}:
            impure.append(f"{path}:{called.lineno}: routing/ does no I/O")
    assert not impure, "\n".join(impure)


def test_workers_stay_light() -> None:
    probe = (
        f"import gateway.data.worker, json, sys; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    )
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", probe], check=True, capture_output=True, text=True, timeout=60
    )
    assert json.loads(loaded.stdout) == []


def test_the_compiled_files_exist_and_the_probe_is_one() -> None:
    assert set(map(Path, COMPILED)) <= set(files(*PACKAGES)), "pyproject.toml: [tool.headgate] compiled"
    assert len(set(COMPILED)) == len(COMPILED)
    assert PROBE in {module_of(Path(name)) for name in COMPILED}


@pytest.mark.parametrize("path", [Path(name) for name in COMPILED], ids=str)
def test_no_compiled_file_defines_a_struct(path: Path) -> None:
    wrong = [
        f"{path}:{node.lineno}: {node.name}: mypyc drops `frozen=True` and the like"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef) and {_last_name(base) for base in node.bases} & structs()
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", [Path(name) for name in COMPILED], ids=str)
def test_no_class_of_a_compiled_file_has_none_for_a_default(path: Path) -> None:
    """mypyc leaves some of these attributes unset: `__init__` has to set them, as a dataclass's does."""
    classes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)]
    wrong = [
        f"{path}:{line.lineno}"
        for node in classes
        if "NamedTuple" not in map(_last_name, node.bases) and not node.decorator_list
        for line in node.body
        if isinstance(getattr(line, "value", None), ast.Constant) and line.value.value is None
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", [Path(name) for name in COMPILED], ids=str)
def test_constants_of_a_compiled_file_are_final(path: Path) -> None:
    """Others are looked up in the module's dictionary each time; types and their aliases may be."""
    wrong = [
        f"{path}:{line.lineno}"
        for line in tree_of(path).body
        if isinstance(line, ast.Assign)
        and not (isinstance(line.targets[0], ast.Name) and ALIAS.fullmatch(line.targets[0].id))
        or isinstance(line, ast.AnnAssign)
        and not ast.unparse(line.annotation).startswith("Final")
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", files(*PACKAGES, "tests"), ids=str)
def test_files_are_small_and_named_after_something(path: Path) -> None:
    length = len((ROOT / path).read_text().splitlines())
    assert length <= LONGEST, f"{path} has {length} lines"
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", files(*PACKAGES), ids=str)
def test_every_file_says_what_it_is(path: Path) -> None:
    assert not tree_of(path).body or ast.get_docstring(tree_of(path)), f"{path} has no docstring"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_loads(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, click.Command)
    assert command.get_short_help_str(), f"`headgate {name}` has no help"
