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
from proxy.config.policy import PolicyFiles, load_files
from proxy.facts import FIELDS, sbom
from proxy.observe.metrics import METRICS
from proxy.policy.checks.conditions import compiled, image_variables, variables_of
from proxy.trust.presets import PRESETS
from proxy.verify.witness import logbody
from tests.architecture import printed
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


def test_the_policys_example_is_right_but_for_its_digests(tmp_path):
    """Every word of the design that the page shows is one that this version takes."""
    (example,) = re.findall(r"^```yaml\n(version: 1\nmode.*?)^```", page("policy.md"), re.MULTILINE | re.DOTALL)
    digests = re.findall(r"sha256:([0-9a-f]{4})…", example)
    for short in digests:
        example = example.replace(f"sha256:{short}…", f"sha256:{short * 16}")
    cookbook = ROOT / "config" / "cookbook"
    for name in ("vendor-ca.pem", "vendor-tsa.pem"):
        (tmp_path / name).write_bytes((cookbook / "own-pki" / "corp-ca.pem").read_bytes())
    (tmp_path / "scanner.pub").write_bytes((cookbook / "vulnerability-gate" / "keys" / "scanner.pub").read_bytes())
    (tmp_path / "policy.yaml").write_text(example, encoding="utf-8")
    loaded = load_files(
        PolicyFiles(tmp_path / "policy.yaml", tmp_path / "lock"), now=datetime(2026, 11, 10, tzinfo=UTC)
    )
    assert (len(digests), len(loaded.policy.rules), loaded.warnings) == (3, 4, ())


def test_what_pages_repeat_of_the_program_is_as_it_is():
    """Written again by `python -m tests.architecture.printed`."""
    for each in printed.PAGES:
        text = each.read_text(encoding="utf-8")
        assert printed.printed(text) == text, f"{name_of(each)} repeats what is so no more"


def test_every_fact_and_every_recipe_is_printed():
    places = set(printed.places(page("policy.md")))
    assert {f"facts {alias}" for alias in FIELDS} <= places
    recipes = {folder.name for folder in printed.COOKBOOK.iterdir()}
    assert {f"recipe {name}" for name in recipes} == {place for place in places if place.startswith("recipe ")}


def test_the_conditions_that_are_shown_can_be_compiled():
    section = page("policy.md").partition("## Conditions")[2].partition("```\n")[2].partition("```")[0]
    kinds = [*map(variables_of, FIELDS.keys() - {"image"}), image_variables()]
    for line in section.splitlines():
        assert any(is_condition(line, variables) for variables in kinds), line


def is_condition(text, variables):
    try:
        return compiled(text, variables).text == text
    except errors.ConfigError:
        return False


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


def sections_of_commands() -> dict[str, str]:
    """By verb; one that is asked in several forms (`verify --replay FILE`) has a section for each, here as one text."""
    found: dict[str, str] = {}
    for section in page("commands.md").split("\n## ")[1:]:
        head = re.match(r"`pratique ([a-z ]+?)(?: (?:[A-Z|]+|--[a-z]+ [A-Z]+))?`", section)
        if head:
            found[head[1]] = found.get(head[1], "") + section
    return found


def test_every_command_and_flag_is_described():
    sections = sections_of_commands()
    for name, command in commands().items():
        assert name in sections, f"{name} has no section"
        for parameter in command.params:
            for flag in parameter.opts:
                if flag.startswith("--") and flag not in {"--config", "--output", "--help"}:
                    assert flag in sections[name], f"{name} {flag} is not described"


def test_no_command_is_described_that_is_not_there():
    assert sections_of_commands().keys() == commands().keys()


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


def test_every_format_that_is_read_is_named_with_its_versions():
    text = page("evidence.md")
    row = next(line for line in text.splitlines() if line.startswith("| log entry |"))
    assert [
        f"{kind} {version}" for kind, version in logbody._KINDS if f"`{kind}`" not in row or version not in row
    ] == []
    versions = {*(each.removeprefix("SPDX-") for each in sbom.SPDX_VERSIONS), *sbom.CYCLONEDX_VERSIONS}
    row = next(line for line in text.splitlines() if line.startswith("| SPDX "))
    assert {version for version in versions if version not in row} == set()
