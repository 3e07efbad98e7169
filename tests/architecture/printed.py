"""What pages repeat of the program: tables of facts, of certificate extensions and of presets, and the cookbook's recipes.

A page holds each between `<!-- printed: WORDS -->` and `<!-- end -->`; a test compares, and this writes them again:

    python -m tests.architecture.printed
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from proxy.facts import ALIASES, FIELDS
from proxy.trust.presets import PRESETS
from proxy.verify.certificates.certificate import EXTENSIONS

ROOT = Path(__file__).parents[2]
COOKBOOK = ROOT / "config" / "cookbook"
PAGES = (ROOT / "docs" / "policy.md",)
_PLACE = re.compile(r"<!-- printed: ([^\n]+?) -->\n.*?<!-- end -->", re.DOTALL)


def facts(alias: str) -> str:
    """One row a fact, as `proxy.facts` documents it."""
    rows = [f"| `{each.name}` | {each.type} | {each.doc} |" for each in FIELDS[alias]]
    return "\n".join(("| fact | type | what it is |", "|---|---|---|", *rows))


def aliases() -> str:
    rows = [f"| `{alias}` | {', '.join(f'`{uri}`' for uri in types)} |" for alias, types in ALIASES.items()]
    return "\n".join(("| alias | predicate types |", "|---|---|", *rows))


def extensions() -> str:
    rows = [f"| `{name}` | `{oid}` |" for name, oid in EXTENSIONS.items()]
    return "\n".join(("| extension | OID |", "|---|---|", *rows))


def presets() -> str:
    head = ("| preset | publisher | who it is | parameters | where it signs |", "|---|---|---|---|---|")
    return "\n".join((*head, *(_preset(name) for name in PRESETS)))


def _preset(name: str) -> str:
    preset = PRESETS[name]
    whom = f"key `{preset.spki[:16]}…`" if preset.is_key else f"`{preset.subject}` of `{preset.issuer}`"
    where = ", ".join(f"`{each}`" for each in preset.registries) or "wherever it attests"
    parameters = ", ".join(f"`{each}`" for each in preset.parameters)
    return f"| `{name}` | {preset.title} | {whom.replace('|', chr(92) + '|')} | {parameters} | {where} |"


def recipe(name: str) -> str:
    return f"```yaml\n{(COOKBOOK / name / 'policy.yaml').read_text(encoding='utf-8')}```"


PRINTERS: Mapping[str, Callable[..., str]] = {
    "facts": facts,
    "aliases": aliases,
    "extensions": extensions,
    "presets": presets,
    "recipe": recipe,
}


def places(text: str) -> list[str]:
    """The words of each place that is printed, in order."""
    return [found[1] for found in _PLACE.finditer(text)]


def printed(text: str) -> str:
    """The page with every such place as it must be."""

    def fill(found: re.Match[str]) -> str:
        word, *more = found[1].split()
        return f"<!-- printed: {found[1]} -->\n{PRINTERS[word](*more)}\n<!-- end -->"

    return _PLACE.sub(fill, text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(printed(page.read_text(encoding="utf-8")), encoding="utf-8")
