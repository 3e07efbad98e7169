"""Exit codes, settled in the documentation, and which error of the tree ends with which. Scripts hold on to these."""

import errno
import os
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from proxy.errors import (
    BlobUnknown,
    ConfigError,
    ContentMismatch,
    Inconclusive,
    ManifestUnknown,
    NameUnknown,
    PolicyError,
    PratiqueError,
    RequestError,
    StorageError,
    UpstreamError,
)
from proxy.observe.redaction import redact

OK = 0
REFUSED = 1  # refused, or findings
CHANGES = 2  # drift, or a plan with changes
INCOMPLETE = 3
USAGE = 64  # usage or configuration (sysexits.h, like the three below)
UPSTREAM = 69
DEFECT = 70
TRY_LATER = 75

# The first that fits: leaves before their parents.
_CODES: tuple[tuple[type[PratiqueError], int], ...] = (
    (PolicyError, REFUSED),
    (ManifestUnknown, REFUSED),
    (NameUnknown, REFUSED),
    (BlobUnknown, REFUSED),
    (RequestError, USAGE),
    (ConfigError, USAGE),
    (Inconclusive, TRY_LATER),
    (StorageError, TRY_LATER),
    (UpstreamError, UPSTREAM),
    (ContentMismatch, UPSTREAM),
)


def code_of(error: PratiqueError) -> int:
    return next((code for kind, code in _CODES if isinstance(error, kind)), DEFECT)


def complain(text: str, *, word: str = "error") -> None:
    """One line on stderr, without secrets or control characters. A file beneath this folder is named from here."""
    sys.stderr.write(f"{word}: {redact(_from_here(text))}\n")


def _from_here(text: str) -> str:
    try:
        here = str(Path.cwd())
    except OSError:  # somebody removed it
        return text
    return re.sub(rf"(?<![\w./-]){re.escape(here)}/(?=\w)", "", text) if len(here) > 1 else text


def tell(error: PratiqueError) -> int:
    """Say on stderr what went wrong, a problem a line; return the exit code."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            complain(problem)
    else:
        complain(error.message)
        if isinstance(error, StorageError) and error.detail:
            complain(error.detail, word="detail")
    return code_of(error)


def guarded(work: Callable[[], int | None], *, is_debugging: bool) -> int:
    """Run `work`; what it raises becomes words and an exit code. Where it was raised is shown when debugging."""
    try:
        return _all_said(work() or OK)
    except PratiqueError as error:
        if is_debugging:
            traceback.print_exc()
        return tell(error)
    except Exception as error:  # noqa: BLE001 - the last place where a defect can become a sentence
        if is_debugging:
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            _let_go_of_stdout()
            complain("no space is left where this writes; free some space and try again")
            return TRY_LATER
        first = str(error).partition("\n")[0]
        complain(
            f"{type(error).__name__}: {first}; this is a defect of pratique, please report it "
            "(PRATIQUE_DEBUG=1 shows where it happened)"
        )
        return DEFECT


def _all_said(code: int) -> int:
    """`code`, once stdout has taken everything: what is held until the interpreter ends fails without a sentence."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # its reader has seen enough
        _let_go_of_stdout()
    return code


def _let_go_of_stdout() -> None:
    """Drop what stdout does not take: the interpreter would try again at its end, and exit with a code of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
