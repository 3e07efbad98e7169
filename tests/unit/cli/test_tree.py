"""A Decision as a tree: every Check and Rejection is in it."""

from proxy.cli.output import say
from proxy.cli.tree import answer, decision_tree, rejection_line, validity


def check(name: str, *, passed: bool, **other: object) -> dict:
    plain = {"isWaived": False, "isOpen": False, "checks": [], "summary": f"{name}!", "word": "signature"}
    return {"name": name, "passed": passed, **plain, **other}


def record(**other: object) -> dict:
    plain = {
        "verdict": "deny",
        "digest": "sha256:" + "a" * 64,
        "rule": "reg.test/**",
        "mode": "enforce",
        "checks": [],
        "rejections": [],
        "identities": [],
        "exceptions": [],
        "madeAt": "2026-01-02T03:04:05+00:00",
        "expiresAt": "2026-01-02T05:05:05+01:00",
    }
    return {**plain, **other}


def test_nested_checks_and_rejections_are_shown_with_their_answers(capsys):
    inner = [check("team", passed=True), check("scanner", passed=False, isOpen=True)]
    rejections = [{"place": "referrers", "source": None, "reason": "an index", "signer": None}]
    say(
        decision_tree(
            record(checks=[check("two", passed=False, checks=inner)], rejections=rejections, exceptions=["INC-1"]),
            title="deny: x",
        )
    )
    out = capsys.readouterr().out
    for words in ("deny: x", "failed  two", "passed  team", "open    scanner", "referrers: an index", "INC-1"):
        assert words in out
    assert "until 2026-01-02 04:05:05 UTC, then it is judged again" in out


def test_a_certificates_extensions_stand_beneath_it(capsys):
    told = {"certificateSha256": "c" * 64, "extension.runnerEnvironment": "github-hosted", "opinions": "pratique"}
    say(decision_tree(record(checks=[check("ci", passed=True, details=told)]), title="deny"))
    lines = capsys.readouterr().out.splitlines()
    depth = {
        word: line.index(word)
        for line in lines
        for word in ("certificate ", "runnerEnvironment", "verified by")
        if word in line
    }
    assert depth["runnerEnvironment"] > depth["certificate "] == depth["verified by"]


def test_a_waived_check_is_called_so():
    assert answer(check("vuln", passed=True, isWaived=True)) == "waived"


def test_validity_tells_what_ends_it():
    assert validity(record(expiresAt=None)) == "until the policy, the keys or the evidence change"
    assert validity(record(verdict="inconclusive")).startswith("not at all")
    assert validity(record(reason="revoked")) == "as long as the policy revokes it"
    assert validity(record(verdict="allow")) == "until 2026-01-02 04:05:05 UTC"


def test_a_rejection_names_its_place_source_and_who_was_tried():
    line = rejection_line({"place": "x.sig", "source": "sha256:" + "b" * 64, "reason": "wrong", "signer": "team"})
    assert line == "x.sig sha256:bbbbbbbbbbbb: wrong (tried as team)"
