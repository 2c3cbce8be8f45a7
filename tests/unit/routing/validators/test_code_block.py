from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.validators.code_block import CodeBlock
from routing.validators.languages import ALIASES, canonical
from routing.validators.verdict import Failed, Passed, Reason

NONE = Failed(Reason.NO_BLOCK)
SEVERAL = Failed(Reason.SEVERAL_BLOCKS)
EMPTY = Failed(Reason.EMPTY_BLOCK)
UNCLOSED = Failed(Reason.UNCLOSED_BLOCK)
CPP = "```cpp\nint main() {}\n```"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (CPP, Passed()),
        (f"Here is the solution.\n{CPP}\nIt takes O(n).", Passed()),
        (CPP.replace("\n", "\r\n"), Passed()),
        ("~~~cpp\nx\n~~~", Passed()),
        ("````cpp\n```\nx\n```\n````", Passed()),
        ("```cpp\nx\n`````", Passed()),
        ("``` cpp\nx\n```", Passed()),
        ("```CPP title=main.cpp\nx\n```", Passed()),
        ("```c++\nx\n```", Passed()),
        ("   ```cpp\nx\n   ```", Passed()),
        ("1. So:\n\n   ```cpp\n   x\n   ```", Passed()),
        ("- So:\n  - ```cpp\n    x\n    ```", Passed()),
        ("> ```cpp\n> x\n> ```\nThere.", Passed()),
        ("<answer>\n```cpp\nx\n```\n</answer>", Passed()),
        ("```cpp\n`x`\n~~~\n``\n```", Passed()),
        # of another language, or of none
        ("", NONE),
        ("int main() {}", NONE),
        ("```\nx\n```", NONE),
        ("```python\nx\n```", NONE),
        ("```c\nx\n```", NONE),
        ("```cppx\nx\n```", NONE),
        ("``cpp\nx\n``", NONE),
        ("`cpp x`", NONE),
        ("``` c`pp\nx\n```", NONE),
        ("    ```cpp\n    x\n    ```", NONE),
        ("````text\n```cpp\nx\n```\n````", NONE),
        (f"```text\n1 2\n```\n{CPP}\n```\n3\n```", Passed()),
        # not exactly one, not whole, not filled
        (f"{CPP}\n\n{CPP}", SEVERAL),
        (f"{CPP}\n\n```c++\n```", SEVERAL),
        ("```cpp\n```", EMPTY),
        ("```cpp\n \n\t\n```", EMPTY),
        ("```cpp", UNCLOSED),
        ("```cpp\n", UNCLOSED),
        ("```cpp\nx", UNCLOSED),
        ("```cpp\nx\n", UNCLOSED),
        ("```cpp\nx\n\n\n", UNCLOSED),
        ("```cpp\nx\n~~~", UNCLOSED),
        ("````cpp\nx\n```", UNCLOSED),
        ("```cpp\nx\n    ```", UNCLOSED),
        ("> ```cpp\n> x\nThere.", UNCLOSED),
    ],
)
def test_an_answer_passes_with_exactly_one_filled_block(text: str, verdict: object) -> None:
    assert CodeBlock("cpp").check(text) == verdict


@pytest.mark.parametrize(
    ("configured", "written"),
    [("cpp", "cc"), ("C++", "cpp"), ("python", "py"), ("Python", "PYTHON3"), ("js", "javascript"),
     ("csharp", "C#"), ("hangul", "Hangul"), ("go", "golang")],
)  # fmt: skip
def test_a_language_has_several_names(configured: str, written: str) -> None:
    assert CodeBlock(configured).check(f"```{written}\nx\n```") == Passed()


def test_no_name_stands_for_two_languages() -> None:
    assert all(canonical(name) == canonical(canonical(name)) for name in ALIASES)
    assert canonical("c") != canonical("cpp") != canonical("csharp")


LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")), max_size=5)


@given(LINES, LINES, LINES, st.sampled_from("`~"), st.integers(0, 3))
def test_a_fence_longer_than_any_run_within_it_holds_anything(
    before: list[str], code: list[str], after: list[str], mark: str, indent: int
) -> None:
    around = "\n".join([*before, *after])
    fence = mark * (2 + max((len(run) for run in "\n".join(code).split() + [mark]), default=0))
    if "`" in around or "~" in around or any(_opens_container(line) for line in before):
        return
    lines = [*before, "", " " * indent + fence + "cpp", "x", *code, fence, "", *after]
    assert CodeBlock("cpp").check("\n".join(lines)) == Passed()


def _opens_container(line: str) -> bool:
    """What begins a quotation or a list, whose end is the fence's too."""
    return line.lstrip()[:1] in set(">-+*0123456789")
