"""What is promised, attacked, owed to clients, offered as a verb or a field has a test that shows it: `coverage.TABLE`.

The rows are not chosen by whoever fills the table: fields come from the settings models, verbs from the command itself.
"""

import ast
import functools
from pathlib import Path

import pytest

from tests.architecture.coverage import ATTACKS, DUTIES, PROMISES, TABLE
from tests.architecture.fields import policy_fields, pratique_fields
from tests.architecture.verbs import commands

ROOT = Path(__file__).parents[2]


@functools.cache
def names_of_tests(file: str) -> frozenset[str]:
    """Names of tests, at the top of a file or in a class, that have at least one statement beside a docstring."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_") and _does(node)
    )


def _does(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(not isinstance(each, ast.Pass) and not _is_text(each) for each in node.body)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def owed() -> set[str]:
    return {
        *(f"promise {number}" for number in PROMISES),
        *ATTACKS,
        *(f"duty: {duty}" for duty in DUTIES),
        *(f"verb: {verb}" for verb in commands()),
        *(f"pratique.yaml: {field}" for field in pratique_fields()),
        *(f"policy.yaml: {field}" for field in policy_fields()),
    }


def test_the_table_has_a_row_for_everything_owed_and_for_nothing_else():
    assert owed() - TABLE.keys() == set(), "owed, and not in the table"
    assert TABLE.keys() - owed() == set(), "in the table, and owed to nobody"


def test_no_row_is_empty():
    assert [row for row, tests in TABLE.items() if not tests] == []


@pytest.mark.parametrize("row", sorted(TABLE))
def test_each_named_test_exists(row):
    for name in TABLE[row]:
        file, separator, test = name.partition("::")
        assert separator, f"{row}: {name!r} is not file::test"
        assert (ROOT / file).is_file(), f"{row}: there is no {file}"
        assert test in names_of_tests(file), f"{row}: there is no {test} in {file}"


def test_no_row_names_a_test_twice():
    assert [row for row, tests in TABLE.items() if len(tests) != len(set(tests))] == []


def test_the_attacks_that_a_test_names_are_in_the_table():
    """A test that says `t58` in its name belongs to row T58, or the row is out of scope and said to be."""
    named = {
        f"T{part[1:]}"
        for file in (ROOT / "tests").rglob("test_*.py")
        for test in names_of_tests(str(file.relative_to(ROOT)))
        for part in test.split("_")
        if len(part) == 3 and part[0] == "t" and part[1:].isdigit()
    }
    assert named - set(ATTACKS) <= BEYOND_THIS_VERSION


# Its whole is a later version's; a part is tested already, under its name.
BEYOND_THIS_VERSION = {"T56"}
