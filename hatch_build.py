"""Compiles the hot modules into the wheel: as native extensions they need half the time (mypyc).

Which ones: `[tool.headgate] compiled` in pyproject.toml; why: docs/decisions/0011-compiled.md. Each lies in
the wheel beside its `.py`, and everything is made in a temporary directory. Where it cannot be done (no C
compiler, say) the wheel is the pure one, and Headgate runs interpreted.

HEADGATE_COMPILE  unset: compile if possible    0: do not    1: fail where it cannot be done
HEADGATE_PROFILE  unset: compile twice, the second time by a profile, if that is possible    0: do not
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LEVEL = "2"
"""gcc's -O: -O3 takes a sixth longer; the pieces of `make bench-micro` take the same time at every level."""
FLAGS = ["-fno-plt", "-fvisibility=hidden"] if sys.platform == "linux" else []
"""Python's functions are called where they are, not through stubs: 2 % of a worker's time in user mode. Ours
are called by nobody else, and known to be: a tenth less code."""
COUNTING = ["-fprofile-arcs", "-fprofile-update=single"]
BY_PROFILE = [
    "-fbranch-probabilities", "-fprofile-partial-training", "-fprofile-correction",
    "-Wno-missing-profile", "-Wno-coverage-mismatch",
]  # fmt: skip
"""In functions that the load has reached, what hardly ever runs is moved out of the way."""
LOAD = Path(__file__).with_name("hatch_load.py")
LONGEST = 120.0
"""Seconds that the load may take before it is given up."""
MEANWHILE = "Headgate will run interpreted, at three fifths of the speed"
NO_PROFILE = "headgate: compiled without a profile, which could not be had, as above"
NOT_FOR_COMPILING = ("hatchling", "editables")


class Unable(Exception):
    """It cannot be compiled here; the message says why, in one line."""


class Compile(BuildHookInterface[Any]):
    """The build hook of the wheel."""

    def dependencies(self) -> list[str]:
        """What an isolated build installs beforehand: the compiler, and what our modules take types from."""
        try:
            if _wish() == "0":
                return []
            _look_for_c()
        except Unable:
            return []
        tools: list[str] = self.metadata.config["dependency-groups"]["build"]
        compiling = [tool for tool in tools if not tool.startswith(NOT_FOR_COMPILING)]
        return [*compiling, *self.metadata.core.dependencies]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the extension modules to what the wheel holds."""
        self._place = tempfile.TemporaryDirectory(prefix="headgate-build-")
        try:
            if version == "editable" or _wish() == "0":
                return
            modules: list[str] = self.metadata.config["tool"]["headgate"]["compiled"]
            made = _compiled(Path(self.root), modules, Path(self._place.name))
        except Unable as why:
            if os.environ.get("HEADGATE_COMPILE"):
                self.app.abort(f"headgate: not compiled: {why}")
            self.app.display_warning(f"headgate: not compiled: {why}; {MEANWHILE}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update({str(path): name for name, path in made.items()})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Everything is in the wheel by now."""
        self._place.cleanup()


def _wish() -> str:
    """HEADGATE_COMPILE. Raises Unable for what it cannot be."""
    wish = os.environ.get("HEADGATE_COMPILE", "")
    if wish not in ("", "0", "1"):
        raise Unable("HEADGATE_COMPILE is neither 0 (do not) nor 1 (fail where it cannot be done)")
    return wish


def _compiler() -> list[str]:
    """The command that setuptools compiles with."""
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def _look_for_c() -> None:
    """Raises Unable without a C compiler or Python's headers."""
    compiler = _compiler()[0]
    if shutil.which(compiler) is None:
        raise Unable(f"there is no C compiler `{compiler}` (Debian: apt-get install gcc libc6-dev)")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        raise Unable("Python's headers are missing (Debian: apt-get install python3-dev)")


def _compiled(root: Path, modules: Sequence[str], place: Path) -> dict[str, Path]:
    """The extension modules, by their names in the wheel. Raises Unable."""
    _look_for_c()
    for needed, package in (("mypyc", "mypy"), ("setuptools", "setuptools")):
        if find_spec(needed) is None:
            raise Unable(f"{package} is not installed (pip install --group build)")
    for package in ("config", "routing", "gateway"):
        shutil.copytree(root / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
    # A process of its own: it works where it stands, prints, and exits when it fails.
    command = [sys.executable, __file__, *modules]
    done = subprocess.run(
        command, cwd=place, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise Unable("mypyc or the C compiler failed, as above")
    said, without, _ = done.stdout.partition(NO_PROFILE)
    if without:
        print(*said.splitlines()[-3:], NO_PROFILE, sep="\n", file=sys.stderr)
    made = {str(path.relative_to(place / "made")): path for path in (place / "made").rglob("*.so")}
    if lost := [name for name in modules if not any(_is_of(found, name) for found in made)]:
        raise Unable(f"no extension came of {', '.join(lost)}")
    return made


def _is_of(extension: str, module: str) -> bool:
    return extension.startswith(f"{module.removesuffix('.py')}.")


def _compile(modules: list[str]) -> None:
    """Compiles these files of the working directory into `made/`."""
    from mypyc.build import mypycify

    # Types are checked in our modules alone, and not strictly: that is `make check`'s.
    paths = ["--config-file=", "--follow-imports=silent", *modules]
    library, *doors = mypycify(paths, opt_level=LEVEL, debug_level="0", multi_file=True)
    flags = [*library.extra_compile_args, *FLAGS]
    _build(doors, flags, [])  # one a module, which leads into the library
    if not (_profiles() and _build_by_profile(library, flags)):
        _build([library], flags, [])


def _profiles() -> bool:
    """Whether to compile by a profile: gcc's, since others keep theirs in ways of their own."""
    if os.environ.get("HEADGATE_PROFILE") == "0":
        return False
    command = [*_compiler(), "-dM", "-E", "-x", "c", "-"]
    defined = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    return "__GNUC__" in defined.stdout and "__clang__" not in defined.stdout


def _build_by_profile(library: Any, flags: list[str]) -> bool:
    """Makes the library twice, the second time by what the first counted; False where that cannot be done."""
    try:
        _build([library], [*flags, *COUNTING], COUNTING)
        shutil.copytree("made", ".", dirs_exist_ok=True)
        _serve_load()
        _build([library], [*flags, *BY_PROFILE], [])
    except (SystemExit, subprocess.SubprocessError):  # setuptools exits where the compiler fails
        print(NO_PROFILE)
        return False
    return True


def _serve_load() -> None:
    """Has the packages of the working directory serve the load. Raises SubprocessError."""
    # It asks for its own version, and is not installed yet.
    Path("headgate-0.dist-info").mkdir()
    Path("headgate-0.dist-info", "METADATA").write_text("Metadata-Version: 2.1\nName: headgate\nVersion: 0\n")
    # An isolated build finds what it has installed by the path, too.
    path = os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen([sys.executable, LOAD], env=environment, start_new_session=True) as load:
        try:
            status = load.wait(LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(load.pid, signal.SIGKILL)
            raise
    if status:
        raise subprocess.CalledProcessError(status, load.args)


def _build(extensions: list[Any], compiling: list[str], linking: list[str]) -> None:
    """Makes the extensions anew, in `made/`."""
    from setuptools import setup  # type: ignore[import-untyped]
    from setuptools.command.build_ext import build_ext  # type: ignore[import-untyped]

    processors = str(os.cpu_count() or 1)

    class Together(build_ext):  # type: ignore[misc]
        """The library holds all modules: its sources are compiled side by side."""

        def build_extensions(self) -> None:
            one_by_one = self.compiler.compile

            def together(sources: list[str], **options: Any) -> list[str]:
                with ThreadPoolExecutor(int(processors)) as pool:
                    return sum(pool.map(lambda source: one_by_one([source], **options), sources), [])

            self.compiler.compile = together
            super().build_extensions()

    for extension in extensions:
        extension.extra_compile_args, extension.extra_link_args = compiling, linking
    setup(
        name="headgate",
        packages=[],
        py_modules=[],
        ext_modules=extensions,
        cmdclass={"build_ext": Together},
        script_args=[
            "build_ext", "--force", "--build-lib=made", "--build-temp=objects", f"--parallel={processors}",
        ],
    )  # fmt: skip


if __name__ == "__main__":
    _compile(sys.argv[1:])
