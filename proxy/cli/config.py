"""`pratique config`: everything that is wrong, at once, before a proxy is started with it; and the schemas of both files."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.exits import OK, USAGE, complain
from proxy.cli.files import ConfigOption, config_path
from proxy.cli.output import Format, Output, emit, paragraph
from proxy.errors import ConfigError

config = typer.Typer(no_args_is_help=True, help="Check pratique.yaml and the policy, or print their schemas.")


class Schema(StrEnum):
    PRATIQUE = "pratique"
    POLICY = "policy"


@config.command("check")
def check(
    *,
    file: ConfigOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    output: Output = Format.TABLE,
) -> int:
    """Say everything that is wrong in pratique.yaml, the policy, the lock file and the keys they name.

    Exit: 0 nothing, 64 something. Nothing is started, and no upstream is asked.
    """
    path = config_path(file)
    problems, warnings, permitted = _examine(path)
    is_good = not problems and not (strict and warnings)
    document = {"file": str(path), "ok": is_good, "problems": list(problems), "warnings": list(warnings)}
    emit(document, output=output, show=lambda: _show(path, permitted, is_good=is_good))
    if output is Format.TABLE:
        for problem in problems:
            complain(problem)
        for warning in warnings:
            complain(warning, word="error" if strict else "warning")
    return OK if is_good else USAGE


def _examine(path: Path) -> tuple[Sequence[str], Sequence[str], str]:
    """Problems, warnings, and what the policy permits where there are no problems."""
    from proxy.cli.serve import permits
    from proxy.config.both import load_both

    try:
        settings, loaded = load_both(path, env=os.environ, now=datetime.now(UTC))
    except ConfigError as error:
        return error.problems, (), ""
    return (), (*settings.warnings, *loaded.warnings), permits(loaded.policy)


def _show(path: Path, permitted: str, *, is_good: bool) -> None:
    if is_good:
        paragraph("", f"{path} is right. The policy permits {permitted}.")


@config.command("schema")
def schema(
    which: Annotated[Schema | None, typer.Argument(help="One of them; both without it.", show_default=False)] = None,
) -> None:
    """Print the JSON Schema of pratique.yaml, of policy.yaml, or both under their names; for editors and CI."""
    from proxy.config.schema import schema as schemas

    found = schemas()
    sys.stdout.write(json.dumps(found[f"{which}.yaml"] if which else found, indent=2) + "\n")
