from proxy.policy.match import TextPattern
from tests.unit.policy.cases import IMAGE, policy, problems, rule_text, signers

GOOD = f"{signers('team')}images:\n{rule_text()}revoked:\n"


def revoked(*entries):
    return GOOD + "".join(f"  - {{ {entry} }}\n" for entry in entries)


def test_a_digest_a_key_and_an_identity_are_revoked_with_their_reasons():
    read = policy(
        revoked(
            f"digest: '{IMAGE}', reason: one",
            "key: old.pub, reason: two",
            "issuer: 'https://ci', subject: 'https://ci/evil/*', reason: three",
            "issuer: 'https://ci', subjectRegex: 'a+', reason: four",
        )
    )
    assert read.revoked_digests == {IMAGE: "one"}
    assert read.revoked_keys == (("old.pub", "two"),)
    assert read.revoked_identities == (
        ("https://ci", TextPattern.glob("https://ci/evil/*"), "three"),
        ("https://ci", TextPattern.regex("a+"), "four"),
    )


def test_a_whole_issuer_may_be_revoked_when_it_is_said():
    assert policy(revoked("issuer: 'https://ci', subject: '**', reason: r")).revoked_identities[0][1].matches("any")
    assert "write `subject: '**'`" in problems(revoked("issuer: 'https://ci', reason: r"))[0]


def test_one_entry_revokes_one_thing():
    for entry in (
        f"digest: '{IMAGE}', key: k",
        "key: k, issuer: i, subject: a",
        f"digest: '{IMAGE}', issuer: i, subject: a",
    ):
        assert any("write one of" in problem for problem in problems(revoked(f"{entry}, reason: r")))


def test_the_same_stands_once():
    assert "revoked above already" in problems(revoked("key: k, reason: r", "key: k, reason: s"))[0]
    assert problems(revoked("issuer: i, subject: a, reason: r", "issuer: j, subject: a, reason: r")) == ()
    assert (
        "revoked above already"
        in problems(revoked("issuer: i, subject: a, reason: r", "issuer: i, subject: a, reason: s"))[0]
    )
