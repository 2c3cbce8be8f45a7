"""The demo's task book: every right program passes its samples, every wrong one fails at least one."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.demo.judge import Judge
from gateway.demo.scenario import BOOK, HARD
from gateway.providers.simulation_book import BookError, Task, load

TASKS = load(BOOK).tasks


def fenced(program: str) -> str:
    return f"Here it is:\n\n```python\n{program}\n```\nDone.\n"


def test_the_book_is_rich_enough_for_a_lively_demo() -> None:
    assert len(TASKS) >= 30
    assert all(800 <= task.rating <= 3500 for task in TASKS)
    assert min(task.rating for task in TASKS) == 800 and max(task.rating for task in TASKS) == 3500
    assert sum(task.rating >= HARD for task in TASKS) >= 12
    assert all(task.statement and task.samples and len(task.wrong) >= 2 for task in TASKS)


def test_a_title_never_hides_in_another_tasks_text() -> None:
    book = load(BOOK)
    for task in TASKS:
        assert book.find(f"# {task.title}\n\n{task.statement}") == task


def test_right_programs_pass_and_wrong_ones_fail() -> None:
    async def check() -> list[str]:
        judge = Judge()
        complaints: list[str] = []

        async def one(task: Task, program: str, expected: bool) -> None:
            validation = await judge.validate(task, fenced(program))
            if validation.passed is not expected or validation.reason == "time_limit":
                complaints.append(f"{task.title}: {validation}\n{program}")

        async with asyncio.TaskGroup() as group:
            for task in TASKS:
                group.create_task(one(task, task.right, True))
                for wrong in task.wrong:
                    group.create_task(one(task, wrong, False))
        await judge.close()
        return complaints

    assert asyncio.run(check()) == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", '"tasks"'),
        (json.dumps({"tasks": [{"title": "A"}]}), "task 1: missing or wrong: 'rating'"),
        (json.dumps({"tasks": [{"title": 3, "rating": 1}]}), "a text is a string or a list of lines"),
    ],
)
def test_a_bad_book_says_what_is_wrong(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "book.json"
    path.write_text(content)
    with pytest.raises(BookError) as caught:
        load(path)
    assert complaint in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_book_says_so(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="No such file"):
        load(tmp_path / "nowhere.json")
