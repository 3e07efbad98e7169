"""`pratique version`: which program this is. It loads nothing else, so that it answers at once."""

import platform

import typer

from proxy import __version__
from proxy.cli.output import Format, Output, emit, say


def version(output: Output = Format.TABLE) -> None:
    """Print the version."""
    python = platform.python_version()
    emit(
        {"version": __version__, "python": python},
        output=output,
        show=lambda: say(f"pratique {__version__} (Python {python})"),
    )


def say_version(asked: bool) -> None:  # noqa: FBT001 - the parser hands an option's callback its value so
    """`--version`: the same words, before any command is looked for."""
    if asked:
        version(Format.TABLE)
        raise typer.Exit
