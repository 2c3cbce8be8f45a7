"""The names under which fenced blocks go by the same language."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = """
bash sh shell zsh shell-script
c# cs csharp
clojure clj
cpp c++ cc cxx c++11 c++14 c++17 c++20 c++23 cpp11 cpp14 cpp17 cpp20 cpp23
dockerfile docker
elixir ex exs
erlang erl
f# fs fsharp
go golang
haskell hs
html xhtml
javascript js node mjs cjs ecmascript
julia jl
kotlin kt kts
latex tex
makefile make mk
markdown md
objective-c objc obj-c objectivec
ocaml ml
pascal delphi objectpascal
perl pl
powershell posh ps1 pwsh
python py py3 python3
r rscript
ruby rb
rust rs
text txt plain plaintext
typescript ts
visual-basic vb vb.net vbnet
yaml yml
"""
"""A language a line. What a program must tell apart (jsx, tsx, jsonc, c) are languages of their own."""

ALIASES: Mapping[str, str] = {
    name: line.split()[0] for line in _NAMES.strip().splitlines() for name in line.split()
}


def canonical(name: str) -> str:
    """The one name of a language; one that is not listed is its own, whatever its case."""
    name = name.casefold()
    return ALIASES.get(name, name)
