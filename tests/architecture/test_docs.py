"""The docs say what there is: every setting, metric, event, error, command and file of a room; and their links lead somewhere."""

import ast
import inspect
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy import errors, events
from proxy.cli.exits import DEFECT, OK
from proxy.config.both import load_both
from proxy.observe.metrics import METRICS
from proxy.policy import unsupported
from proxy.trust.presets import PRESETS
from tests.architecture.coverage import ATTACKS, TABLE
from tests.architecture.fields import policy_fields, pratique_fields
from tests.architecture.verbs import commands

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    return _FENCE.sub("", text)


def in_code(text: str) -> set[str]:
    """What stands in `backticks`."""
    return set(_CODE.findall(prose(text)))


def rows(text: str) -> dict[str, list[str]]:
    """Rows of all tables by what their first cell holds, without backticks."""
    found = {}
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("|--"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            found[cells[0].strip("`")] = cells
    return found


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_field_of_pratique_yaml_is_described():
    described = rows(page("configuration.md")).keys()
    assert pratique_fields() - described == set()
    assert {each for each in described if "." in each and each[0].islower()} - pratique_fields() == set()


def test_every_field_of_policy_yaml_is_described():
    described = rows(page("policy.md")).keys()
    assert policy_fields() - described == set()
    assert {each for each in described if "." in each and each[0].islower()} - policy_fields() == set()


def test_every_word_of_later_versions_is_named():
    later = {*unsupported._TOP, *unsupported._SIGNER, *unsupported._RULE, *unsupported._KINDS}
    later |= {*unsupported._REQUIREMENT, *unsupported._REVOKED}
    section = page("policy.md").partition("## Words of later versions")[2]
    assert later - in_code(section) == set()


def test_every_preset_is_described():
    assert PRESETS.keys() - rows(page("policy.md")).keys() == set()


def test_every_metric_is_described():
    assert METRICS.keys() - rows(page("metrics.md")).keys() == set()


def test_every_event_is_described():
    told = rows(page("events.md")).keys()
    kinds = {
        name for name, each in vars(events).items() if inspect.isclass(each) and each.__module__ == events.__name__
    }
    assert kinds - {"Client"} - told == set()
    assert {each for each in told if each[0].isupper()} - kinds == set()


def test_every_error_is_described_with_its_code_and_status():
    told = rows(page("errors.md"))
    for name, each in vars(errors).items():
        if inspect.isclass(each) and issubclass(each, errors.PratiqueError):
            assert told[name][1:3] == [f"`{each.code}`", str(each.status)], name
    assert {name for name in told if name[0].isupper()} - set(vars(errors)) == set()


def test_every_command_and_flag_is_described():
    text = page("commands.md")
    for name, command in commands().items():
        assert re.search(rf"^## `pratique {name}[` ]", text, re.MULTILINE), f"{name} has no section"
        section = re.split(rf"^## `pratique {name}[` ].*$", text, maxsplit=1, flags=re.MULTILINE)[1].partition("\n## ")[
            0
        ]
        for parameter in command.params:
            for flag in parameter.opts:
                if flag.startswith("--") and flag not in {"--config", "--output", "--help"}:
                    assert flag in section, f"{name} {flag} is not described"


def test_no_command_is_described_that_is_not_there():
    described = set(re.findall(r"^## `pratique ([a-z ]+?)(?: [A-Z|]+)?`", page("commands.md"), re.MULTILINE))
    assert described == set(commands())


def test_every_exit_code_is_described():
    tree = ast.parse((ROOT / "proxy/cli/exits.py").read_text(encoding="utf-8"))
    codes = {
        str(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int)
    }
    assert {str(OK), str(DEFECT)} <= codes
    assert codes - rows(page("commands.md")).keys() <= {"3"}, (
        "3 is settled, and no command of this version ends with it"
    )


def test_the_floors_are_those_of_the_import_contract():
    told = page("architecture.md").partition("<!-- floors")[2].partition("```")[2].partition("```")[0]
    floors = [re.split(r"\s{2,}", line.strip())[0] for line in told.strip().splitlines()]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(each for each in settings["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    assert floors == contract["layers"]
    assert contract["exhaustive"] is True


def test_every_file_of_a_room_is_named():
    told = rows(page("architecture.md").partition("## The rooms")[2].partition("## One pull")[0])
    told = {room.partition("`")[0]: cells[1] for room, cells in told.items()}
    for room in sorted(each.parent for each in (ROOT / "proxy").rglob("*/__init__.py")):
        name = str(room.relative_to(ROOT / "proxy"))
        files = {file.stem for file in room.glob("*.py")} - {"__init__"}
        assert files - set(_CODE.findall(told[name])) == set(), f"docs/architecture.md does not name files of {name}"
        gone = {word for word in _CODE.findall(told[name]) if word.isidentifier()} - files
        assert gone == set(), f"docs/architecture.md names files that {name} has not"


def test_the_threat_model_names_each_attack_in_scope_and_a_test_that_shows_it():
    told = rows(page("threat-model.md"))
    assert {row for row in told if re.fullmatch(r"T\d\d", row)} == set(ATTACKS)
    for attack in ATTACKS:
        known = {each.partition("::")[2] for each in TABLE[attack]}
        named = {word for word in _CODE.findall(told[attack][-1]) if word.startswith("test_")}
        assert named, f"{attack}: the threat model names no test"
        assert named <= known, f"{attack}: {named - known} is not in the coverage table"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path):
    for target in _LINK.findall(prose(path.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{name_of(path)} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{name_of(path)} links to {target}"


def test_the_readmes_configuration_is_right(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## A real configuration")[2]
    pratique, policy = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[:2]
    assert len((pratique + policy).strip().splitlines()) <= 10
    (tmp_path / "pratique.yaml").write_text(pratique, encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    (tmp_path / "ngc-key").write_text("secret", encoding="utf-8")
    (tmp_path / "ngc-key").chmod(0o600)
    config, loaded = load_both(tmp_path / "pratique.yaml", env={}, now=datetime.now(UTC))
    assert (*config.warnings, *loaded.warnings) == ()
    assert [rule.match for rule in loaded.policy.rules] == ["nvcr.io/nvidia/**"]


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_that_are_named_exist(path):
    named = {
        word
        for word in in_code(path.read_text(encoding="utf-8"))
        if re.fullmatch(r"(proxy|tests|config|deploy|docs)/[\w./-]+", word)
    }
    assert {word for word in named if not (ROOT / word).exists()} == set()


@pytest.mark.parametrize("path", [page for page in PAGES if page.parent.name == "adr"], ids=name_of)
def test_a_decision_record_says_why_what_and_what_it_costs(path):
    text = path.read_text(encoding="utf-8")
    number = path.name[:4]
    assert number.isdigit()
    assert text.startswith(f"# {number} ")
    for heading in ("## Context", "## Decision", "## What it costs"):
        assert heading in text, heading
    assert f"adr/{path.name}" in page("architecture.md")
