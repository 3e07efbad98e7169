"""The hostile twins shown to cosign and notation themselves: they refuse what we refuse, but for what `LETS_THROUGH` lists.

That they accept what the forge makes with nothing changed is the other half: a twin is hostile for one thing alone.
"""

import pytest

from proxy.oci.digest import Digest
from tests.e2e.lab import OFFLINE
from tests.e2e.processes import run
from tests.e2e.quirky import QuirkyRegistry
from tests.e2e.tools import require_tool
from tests.e2e.verifiers import notation_config, questions
from tests.fakes.hostile.forge import Forge
from tests.fakes.hostile.laying import lay
from tests.fakes.hostile.table import ROWS
from tests.fakes.hostile.twins import CASES, STAMPED, TWINS, right_case
from tests.fakes.layouts import needs_vectors

pytestmark = [pytest.mark.e2e, needs_vectors]
TOOLS = ("cosign2", "cosign3", "notation")

# What we refuse and some tool lets through, in some form: why it does, and that we must not copy it.
LETS_THROUGH = {
    ("T06", "a signed key that is there twice"): "Go's JSON takes the last of two keys",
    ("T06", "a key that is there twice"): "Go's JSON takes the last of two keys",
    ("T20", "an entry of another signature"): "cosign binds a dsse entry by the envelope's hash",
    ("T20", "an entry of another payload"): "cosign 2 binds a bundle's entry by signature and key alone",
    ("T20", "an entry of an unknown kind"): "cosign 2 reads the kind beside the body",
    ("T20", "another signing's hashedrekord 0.0.2"): "cosign 2 binds a bundle's entry by signature and key alone",
    ("T20", "another signing's dsse 0.0.2"): "cosign 2 binds a bundle's entry by signature and key alone",
    ("T20", "another signing's dsse 0.0.1"): "cosign 2 binds a bundle's entry by signature and key alone",
    ("T22", "a signed claim of another type"): "cosign ignores critical.type",
    ("T28", "a name of another type"): "cosign compares the text, whatever type the name has",
    ("T29", "a certificate with two names"): "cosign takes any of them",
    ("T29", "a certificate with two issuers"): "cosign takes .1.8 and looks no further",
    ("T29", "a certificate whose new issuer is another"): "cosign takes either",
    ("T31", "under ca_closed"): "cosign 2 is told of keys, not of their windows",
    ("T31", "under ct_closed"): "cosign 2 is told of keys, not of their windows",
    ("T31", "under log_closed"): "cosign 2 is told of keys, not of their windows",
    ("T31", "under log2_closed"): "an entry of Rekor v2 has no time to compare the window with",
    ("T33", "no stamp where the root lists only those"): "cosign asks no timestamp of a bare key",
    ("T34", "a certificate that its authority took back"): "the CRL is known to us by the operator's file alone",
    ("T34", "a timestamp authority that was taken back"): "the CRL is known to us by the operator's file alone",
    ("T36", "a jws whose payload is not encoded"): "notation ignores critical headers where no plugin is named",
    ("T36", "a critical header that nobody knows"): "notation ignores critical headers where no plugin is named",
    ("T37", "a subject that is in capitals"): "cosign compares digests without case",
    ("T41", "good evidence under a type that is none"): "cosign looks at no layer's media type",
    ("T51", "a stamp that is there twice"): "cosign counts it once",
    ("T51", "a thousand and more subjects"): "cosign has no cap",
    ("T52", "a subject that says two common names"): "notation compares the last of two",
    ("T53", "more intermediates than any chain has"): "cosign has no cap",
}
# What the tools are not asked, since they have no word for it: it is no difference in verdict.
NOT_ASKED = {
    ("T11", "a signature that names another product"),
    ("T11", "the same workflow in another repository"),
    ("T11", "a signature that claims another product"),
    ("T11", "metadata of another product"),
    ("T31", "a signature by a retired key"),
    ("T37", "a builder whose name begins like ours"),
}
# What they are asked otherwise: several questions in one, or of several pieces of evidence.
_OTHERWISE = ("T23", "T26", "T30", "T50")
SHOWN = [each for each in TWINS if each.row not in _OTHERWISE and (each.row, each.name) not in NOT_ASKED]


@pytest.fixture(scope="module")
def registry():
    with QuirkyRegistry() as running:
        yield running


def verdicts(tool, case, registry, repo, folder, founds):
    """Exit statuses of the tool's questions about this evidence of the case's image."""
    fake, subject = registry.fake, Digest.parse(case["digest"])
    if case["api"] != "referrers":
        fake.knobs.lacks_api.add(repo)
    lay(fake, repo, case, founds)
    if case["api"] != "referrers" and any(found.place == "referrers" for found in founds):
        fake.put_fallback(repo, subject)
    ref = f"{registry.host}/{repo}@{subject}"
    if tool == "notation":
        if "notation" not in case["checked_by"]:
            return []
        env = notation_config(case, folder, scope=f"{registry.host}/{repo}") | OFFLINE
        return [run(require_tool(tool), "verify", "--insecure-registry", ref, env=env)]
    asked = list(questions(case, tool=tool))
    return [
        run(require_tool(tool), *each.right, ref, env={"HOME": str(folder), **OFFLINE, **each.env}) for each in asked
    ]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("form", "name"), sorted({*CASES.items(), *STAMPED.items()}))
def test_the_tools_accept_what_the_forge_makes_with_nothing_changed(registry, tmp_path, tool, form, name):
    case = right_case(form, name)
    for each in verdicts(tool, case, registry, f"honest/{tool}-{name}", tmp_path, [Forge(form, case).make()]):
        each.fine()


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("row", [row for row in ROWS if any(each.row == row for each in SHOWN)])
def test_the_tools_refuse_what_we_refuse(registry, tmp_path, tool, row):
    for number, twin in enumerate(each for each in SHOWN if each.row == row):
        folder = tmp_path / str(number)
        folder.mkdir()
        repo = f"twins/{tool}-{row.lower()}-{number}"
        passed = [each.status == 0 for each in verdicts(tool, twin.case, registry, repo, folder, twin.founds())]
        assert not any(passed) or (twin.row, twin.name) in LETS_THROUGH, f"{tool} lets {twin} through"


def test_every_exception_is_about_a_twin_that_there_is():
    known = {(each.row, each.name) for each in TWINS}
    assert LETS_THROUGH.keys() <= known
    assert known >= NOT_ASKED
