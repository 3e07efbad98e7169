"""What the import contracts cannot see: purity inside a room, names of files, laws at their top, functions that fit in the eye."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROXY = ROOT / "proxy"
FILES = sorted(PROXY.rglob("*.py"))
PURE = [
    file
    for file in FILES
    if file.relative_to(PROXY).parts[0] in {"oci", "verify", "facts", "policy", "events.py", "errors.py"}
]
# What a pure room may not even import: the loop, clocks and chance. Files and sockets are the import contract's.
IMPURE_MODULES = {"asyncio", "time", "random", "secrets", "uuid", "tempfile", "logging"}
IMPURE_CALLS = {"now", "utcnow", "today", "read_text", "read_bytes", "write_text", "write_bytes", "urlopen"}
# A drawer that anything fits into says nothing of what is in it.
NAMES_OF_NOTHING = {
    *("util", "utils", "helper", "helpers", "common", "base", "core", "misc"),
    *("manager", "managers", "service", "services", "data", "result", "results"),
}
LONGEST = 50


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("file", PURE, ids=name_of)
def test_a_pure_room_never_waits(file):
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    found = [node.lineno for node in ast.walk(tree_of(file)) if isinstance(node, waiting)]
    assert found == [], f"{name_of(file)} awaits in lines {found}"


@pytest.mark.parametrize("file", PURE, ids=name_of)
def test_a_pure_room_reads_no_file_and_no_clock(file):
    found = []
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in {"open", "input", "print", "exec", "eval"}:
                found.append(f"{called.id}() in line {node.lineno}")
            if isinstance(called, ast.Attribute) and called.attr in IMPURE_CALLS:
                found.append(f".{called.attr}() in line {node.lineno}")
    assert found == [], f"{name_of(file)}: {found}"


@pytest.mark.parametrize("file", PURE, ids=name_of)
def test_a_pure_room_imports_no_clock_loop_or_chance(file):
    found = {name.partition(".")[0] for name in imported(tree_of(file))} & IMPURE_MODULES
    assert found == set(), f"{name_of(file)} imports {found}"


def test_the_pure_rooms_are_where_they_are_looked_for():
    rooms = {file.relative_to(PROXY).parts[0] for file in PURE}
    assert rooms == {"oci", "verify", "facts", "policy", "events.py", "errors.py"}


def test_aiohttps_server_is_imported_in_web_alone():
    importers = {
        file.relative_to(PROXY).parts[0]
        for file in FILES
        if any(name == "aiohttp.web" or name.startswith("aiohttp.web.") for name in imported(tree_of(file)))
    }
    assert importers == {"web"}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_every_file_begins_with_its_law(file):
    assert ast.get_docstring(tree_of(file)), f"{name_of(file)} has no docstring at its top"


def test_nothing_is_named_after_nothing():
    words = {name_of(file): file.stem.strip("_") for file in FILES}
    words |= {name_of(folder): folder.name for folder in {file.parent for file in FILES}}
    assert {file for file, word in words.items() if word.lower() in NAMES_OF_NOTHING} == set()


def bodies(file: Path) -> list[tuple[str, int]]:
    """Functions with the lines of their bodies, docstring included: a command's parameters are its documentation."""
    return [
        (node.name, node.end_lineno - node.body[0].lineno + 1)
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    ]


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_functions_fit_in_the_eye(file):
    assert [f"{name} has {lines} lines" for name, lines in bodies(file) if lines > LONGEST] == []


def test_half_of_all_functions_are_under_ten_lines():
    lengths = sorted(lines for file in FILES for _, lines in bodies(file))
    assert lengths[len(lengths) // 2] < 10
    assert lengths[len(lengths) * 9 // 10] < 40


def test_unit_tests_mirror_the_rooms():
    """A test file that mirrors nothing is one whose subject was renamed or removed."""
    strays = {
        str(test.relative_to(ROOT))
        for test in (ROOT / "tests" / "unit").rglob("test_*.py")
        if not (mirrored := PROXY / test.relative_to(ROOT / "tests" / "unit").with_name(test.name[5:])).exists()
        and not mirrored.with_suffix("").is_dir()
    }
    assert strays <= SUBJECTS_OF_THEIR_OWN


# Tests over material that is no file of ours: what real tools signed, its hostile twins, and the examples under config/ and deploy/.
SUBJECTS_OF_THEIR_OWN = {
    "tests/unit/test_parsers_hold.py",
    "tests/unit/verify/test_vectors.py",
    "tests/unit/verify/test_assets.py",
    "tests/unit/verify/test_cosign_assets.py",
    "tests/unit/verify/test_hostile.py",
    "tests/unit/verify/test_mutations.py",
    "tests/unit/verify/test_redteam.py",
    "tests/unit/verify/notation/test_vectors.py",
    "tests/unit/config/test_examples.py",
}
