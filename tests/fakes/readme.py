"""Where each vector is shown to come out as its README expects, and what is left out, with the reason. One place for all.

`SHOWN`: path beneath the vectors → tests, as `file::test`. `LEFT_OUT`: path → why, in a sentence. The longest path that a
file lies under speaks for it; test_vectors.py holds that there is one for every file, and that the tests exist.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.fakes.layouts import VECTORS

_LAB = "tests/integration/test_vectors_through_proxy.py"
_OTHERS = "tests/integration/test_vectors_of_others.py"
_VERIFY = "tests/unit/verify/test_vectors.py"
_PULLED = (
    f"{_OTHERS}::test_what_others_published_is_admitted_and_stays_without_its_upstream",
    f"{_OTHERS}::test_t28_what_others_published_is_refused_under_every_stranger",
    f"{_OTHERS}::test_t24_what_others_published_is_refused_without_its_evidence",
)
_PROVED = (f"{_VERIFY}::test_every_other_vector_is_proved_as_its_readme_says",)
_ROOTS = ("tests/unit/verify/test_trustedroot.py::test_real_roots_are_read_with_all_that_they_list",)
_BY_KEYS = (f"{_VERIFY}::test_the_signatures_that_connaisseur_is_tested_with_are_proved",)
_PUBLISHED_KEYS = (f"{_VERIFY}::test_the_published_keys_are_those_of_the_presets",)

SHOWN: Mapping[str, tuple[str, ...]] = {
    "README.md": (f"{_VERIFY}::test_every_folder_of_the_readme_is_shown",),
    "lab": (
        f"{_LAB}::test_a_lab_image_is_admitted_as_it_requires_cold_warm_and_without_its_upstream",
        f"{_LAB}::test_whoever_lists_the_evidence_of_a_lab_image_finds_all_of_it_again_without_the_upstream",
        f"{_LAB}::test_promise_5_a_lab_image_is_judged_again_by_what_is_kept_of_it",
        f"{_LAB}::test_t28_a_lab_image_is_refused_under_each_wrong_signer_of_its_kind",
        f"{_VERIFY}::test_every_lab_case_is_proved_as_it_requires",
    ),
    "oci-slsa-att": (*_PULLED, *_PROVED),
    "oci-private-sigstore": (*_PULLED, *_PROVED),
    "cosign-connaisseur": (*_PULLED, *_PROVED, *_BY_KEYS),
    "notation-connaisseur": (*_PULLED, *_PROVED),
    "notation-connaisseur/testimage/manifests/notation-unsign.json": (
        f"{_OTHERS}::test_an_image_that_nobody_signed_is_refused",
    ),
    "notation-connaisseur/testimage/manifests/sha256:c51f6b33b43f9f234af90bf310d976ea1bec487ab00ab61bd684b0efbbc15b53.json": (
        f"{_OTHERS}::test_an_image_that_nobody_signed_is_refused",
    ),
    "notation-go-alpine": (*_PULLED, *_PROVED),
    "cosign-registry-k8s-io-capi": _PROVED,
    "bundle-cosign3-sign-kubewarden": (
        *_PROVED,
        "tests/unit/verify/test_crosscheck.py::test_the_library_agrees",
    ),
    "roots": _ROOTS,
    "keys": _PUBLISHED_KEYS,
}

# Not run, or not as far as others are.
LEFT_OUT: Mapping[str, str] = {
    "cosign-connaisseur/testimage/manifests/co-unsigned.json": "it is `{}`: no image, and no manifest of one",
    "notation-go-alpine/oci-layout/manifest.json": "what `docker save` writes beside the layout; no registry has it",
}
# Proved, and not pulled: through the proxy there must be a manifest to ask for.
NOT_PULLED: Mapping[str, str] = {
    "cosign-registry-k8s-io-capi": "only the signature was published: nobody has the image's manifest",
    "bundle-cosign3-sign-kubewarden": "only the bundle was published: nobody has the image's manifest",
    "roots": "trust, not an image",
    "keys": "trust, not an image",
    "README.md": "it describes the others",
}


def entry_of(path: str) -> str | None:
    """The entry that speaks for this file: the longest one that it lies under."""
    under = [each for each in (*SHOWN, *LEFT_OUT) if path == each or path.startswith(f"{each}/")]
    return max(under, key=len, default=None)


def files() -> Iterator[str]:
    """Every file of the vectors."""
    for file in sorted(VECTORS.rglob("*")):
        if file.is_file():
            yield file.relative_to(VECTORS).as_posix()


def folders_of_the_readme() -> set[str]:
    """What the first column of its table names; a row may name two."""
    found = set()
    for line in Path(VECTORS / "README.md").read_text().splitlines():
        cells = line.split("|")
        if line.startswith("| `"):
            found |= {each.strip("`, ").partition("/")[0] for each in cells[1].split(",") if "`" in each}
    return {each for each in found if (VECTORS / each).is_dir()}
