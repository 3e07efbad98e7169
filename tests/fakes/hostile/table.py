"""The table: each row of the attacks, in each form of evidence → its twins, or why there is a hole, or who shows it.

`twins_of(row, form)`: builders with what the refusal must tell. `HOLES`: (row, form) → why nothing can be built there.
`ELSEWHERE`: rows that are not about one image's evidence → tests. tests/unit/verify/test_hostile.py holds that no cell is
empty without a word. `python -m tests.fakes.hostile.table` prints it.
"""

from collections.abc import Mapping

from tests.fakes.hostile import bytes as _bytes
from tests.fakes.hostile import logs as _logs
from tests.fakes.hostile import names as _names
from tests.fakes.hostile import subjects as _subjects
from tests.fakes.hostile.forge import FORMS
from tests.fakes.hostile.twins import CERTIFIED, ENVELOPED, NOTATION, SIMPLE, TWINS, Twin, of_row

MODULES = (_bytes, _logs, _names, _subjects)  # importing them enters their twins

ROWS = (
    *("T06", "T11", "T12"),
    *(f"T{number}" for number in range(20, 42)),
    *(f"T{number}" for number in range(50, 56)),
    *("T60", "T61", "T62"),
)

_NO_LOG = "it carries no log entry, and its signer asks for none"
_NO_TIME = "nothing in it proves a time, so that the key's own window is all there is"
_NO_CERTIFICATE = "a bare key has no certificate"
_SIGNS = "whatever stands in this form is a signature: there is no attestation in it"
_NO_STATEMENT = "it holds no in-toto statement; its subject is row T11"
_ONE = "its form has a place for one signature, entry and timestamp each"
_BARE = ("sig", "oci11", "bundle-key")


def _each(forms: tuple[str, ...], row: str, why: str) -> dict[tuple[str, str], str]:
    return {(row, form): why for form in forms}


HOLES: Mapping[tuple[str, str], str] = {
    **_each((*SIMPLE, *ENVELOPED), "T12", "it has no expiry; a tag that goes back is test_t12_a_tag_that_goes_back"),
    **_each(("oci11", "own-pki"), "T20", _NO_LOG),
    **_each(NOTATION, "T20", "Notation has no transparency log"),
    **_each(_BARE, "T21", _NO_CERTIFICATE),
    **_each((*SIMPLE, *NOTATION), "T26", _SIGNS),
    **_each(_BARE, "T28", _NO_CERTIFICATE),
    **_each(_BARE, "T29", _NO_CERTIFICATE),
    **_each(NOTATION, "T29", "its identity is the subject; other names of the certificate are not looked at"),
    **_each(("oci11", "own-pki", *NOTATION), "T32", _NO_LOG),
    ("T32", "bundle-key"): "Rekor v2 signs no integrated time, and a bare key with a log needs none",
    **_each(("oci11", "own-pki"), "T33", "its signer asks for no timestamp, so that none is looked at"),
    (
        "T33",
        "bundle-key",
    ): "a bare key with a log needs no timestamp, so that a wrong one proves nothing and harms nothing",
    **_each(
        (*_BARE, "sig-keyless", "att", "bundle"),
        "T34",
        "a bare key and Fulcio's certificates have no CRL: `revoked` takes them back",
    ),
    **_each((*SIMPLE, *NOTATION), "T37", _NO_STATEMENT),
    **_each((*SIMPLE, *NOTATION), "T51", _ONE),
    **_each((*SIMPLE, *ENVELOPED), "T52", "its identity is a name or a key, not a distinguished name"),
    **_each(_BARE, "T53", _NO_CERTIFICATE),
}

# Not one image's evidence, but a policy, a store, an upstream or a client is what is attacked.
ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "T12": ("tests/integration/test_hostile_twins.py::test_t12_a_tag_that_goes_back_to_an_older_signature_is_refused",),
    "T25": (
        "tests/integration/test_evidence_policy_attestations.py::test_t25_after_the_first_pull_what_the_upstream_swapped_is_not_what_conditions_are_asked_of",
    ),
    "T27": ("tests/unit/policy/words/test_document.py::test_t27_a_mistake_in_a_field_is_refused_with_line_and_remedy",),
    "T35": ("tests/unit/verify/formats/test_simplesigning.py::test_t35_any_exception_while_proving_is_a_rejection",),
    "T38": (
        "tests/integration/test_trust.py::test_t38_a_bad_refresh_leaves_the_last_good_root_in_force_and_is_counted",
    ),
    "T39": ("tests/unit/policy/words/test_entries.py::test_t39_a_place_that_is_no_repository_is_refused",),
    "T40": ("tests/unit/policy/test_exceptions.py::test_t40_two_exceptions_never_add_up",),
    "T54": ("tests/integration/test_upstream.py::test_t54_an_encoded_body_is_refused_never_decoded",),
    "T60": (
        "tests/integration/test_hostile_twins.py::test_t60_a_runnable_manifest_is_refused_wherever_evidence_may_lie",
    ),
    "T61": (
        "tests/integration/test_hostile_twins.py::test_t61_evidence_that_admits_in_one_repository_is_judged_again_in_another",
    ),
    "T62": ("tests/integration/test_hostile_twins.py::test_t62_trust_that_is_taken_back_is_seen_by_the_next_request",),
}


def twins_of(row: str, form: str) -> list[Twin]:
    return of_row(row, form)


def empty_cells() -> list[tuple[str, str]]:
    """Cells of which nobody says anything."""
    rows = [row for row in ROWS if row not in ELSEWHERE or any(each.row == row for each in TWINS)]
    return [(row, form) for row in rows for form in FORMS if not of_row(row, form) and (row, form) not in HOLES]


def as_text() -> str:
    """The table for a person: a number of twins, `-` for a hole with a reason, or where it is shown."""
    lines = ["row   " + "".join(f"{form:>13}" for form in FORMS)]
    for row in ROWS:
        cells = [str(len(of_row(row, form)) or ("-" if (row, form) in HOLES else "")) for form in FORMS]
        lines.append(f"{row:6}" + "".join(f"{cell:>13}" for cell in cells) + "  " + ", ".join(ELSEWHERE.get(row, ())))
    return "\n".join(lines)


assert set(CERTIFIED) | set(_BARE) == set(FORMS)

if __name__ == "__main__":
    print(as_text())
