"""notation on the lab's images behind the proxy, whose upstream is gone: the verdict is ours, by the API and by fallback tag."""

import json

import pytest

from tests.e2e.lab import OFFLINE, cases_for
from tests.e2e.processes import run
from tests.e2e.tools import require_tool
from tests.e2e.verifiers import notation_config
from tests.fakes.layouts import needs_vectors

pytestmark = [pytest.mark.e2e, needs_vectors]
every = pytest.mark.parametrize("case", list(cases_for("notation")), ids=lambda case: case["name"])
VERIFY = ("verify", "--insecure-registry")


@every
def test_notation_agrees_with_us_behind_the_proxy_and_without_the_upstream(behind, tmp_path, case):
    binary, ref = require_tool("notation"), behind.ref(case)
    env = notation_config(case, tmp_path, scope=behind.ref(case).partition("@")[0]) | OFFLINE
    assert "Successfully verified" in run(binary, *VERIFY, ref, env=env).fine().said
    for identity in ("x509.subject:C=US,ST=WA,O=acme.test,CN=dev-signer", "x509.subject:C=DE,ST=BE,O=other.test"):
        notation_config(case, tmp_path, scope=behind.ref(case).partition("@")[0], identity=identity)
        refused = run(binary, *VERIFY, ref, env=env)
        assert refused.status != 0
        assert "connection refused" not in refused.said


@every
def test_notation_shows_signed_metadata_and_asks_for_it(behind, tmp_path, case):
    binary, ref = require_tool("notation"), behind.ref(case)
    env = notation_config(case, tmp_path, scope=behind.ref(case).partition("@")[0]) | OFFLINE
    asked = case["require"]["signature"]["any_of"][0]["notation"].get("user_metadata", {})
    for name, value in asked.items():
        run(binary, *VERIFY, "--user-metadata", f"{name}={value}", ref, env=env).fine()
    assert run(binary, *VERIFY, "--user-metadata", "build=4712", ref, env=env).status != 0


@every
def test_notation_lists_and_inspects_what_the_proxy_has(behind, tmp_path, case):
    binary = require_tool("notation")
    env = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), **OFFLINE}
    listed = {each["digest"] for each in behind.listed(case, "application/vnd.cncf.notary.signature")}
    assert listed
    said = run(binary, "list", "--insecure-registry", behind.ref(case), env=env).fine().said
    assert all(digest in said for digest in listed)
    told = run(binary, "inspect", "--insecure-registry", "-o", "json", behind.ref(case), env=env).fine().out
    signatures = json.loads(told)
    assert all(digest in told for digest in listed), signatures
    assert len(next(each for each in signatures.values() if isinstance(each, list))) == len(listed)
