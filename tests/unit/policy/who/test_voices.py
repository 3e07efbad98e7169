from tests.unit.policy.cases import IMAGE, problems

KEYLESS = "issuer: 'https://ci.corp', subject: "


def test_t30_at_least_over_fewer_distinct_keys_can_never_pass_and_is_refused():
    text = (
        "signers: { a: { key: k, log: none }, b: { key: k, log: none } }\nimages:\n"
        "  - { match: ghcr.io/x, require: [{ atLeast: 2, of: [{ signature: a }, { signature: b }] }] }\n"
    )
    assert "these are 1 distinct keys or identities, and each counts once; 2 can never be reached" in problems(text)[0]
    assert problems(text.replace("b: { key: k,", "b: { key: l,")) == ()
    reviewed = text.replace("{ signature: b }", f"{{ digest: ['{IMAGE}'] }}")
    assert problems(reviewed) == ()


def two(one, other, count=2):
    return problems(
        f"trustRoots: {{ store: {{ certificates: a.pem }} }}\nsigners: {{ a: {{ {one} }}, b: {{ {other} }} }}\nimages:\n"
        f"  - {{ match: ghcr.io/x, require: [{{ atLeast: {count}, of: [{{ signature: a }}, {{ signature: b }}] }}] }}\n"
    )


def test_t30_one_identity_under_two_names_is_one_voice():
    assert "these are 1 distinct" in two(KEYLESS + "me@corp", KEYLESS + "me@corp")[0]
    assert two(KEYLESS + "me@corp", KEYLESS + "you@corp") == ()
    assert two(KEYLESS + "me@corp", "issuer: 'https://other.corp', subject: me@corp") == ()


def test_t30_one_preset_under_two_names_is_one_voice():
    assert "these are 1 distinct" in two("preset: nvidia-ngc", "preset: nvidia-ngc")[0]
    assert two("preset: custom, parameters: { a: b }", "preset: custom, parameters: { a: c }") == ()


def test_patterns_may_match_several_so_two_of_them_may_be_two_voices():
    assert two(KEYLESS + "'*@corp.example'", KEYLESS + "'*@corp.example'") == ()
    assert two("x509: store, san: '*@corp.example'", "x509: store, san: '*@corp.example'") == ()
    assert (
        two(KEYLESS.replace("subject", "subjectRegex") + "'a.c'", KEYLESS.replace("subject", "subjectRegex") + "'a.c'")
        == ()
    )


def test_t30_a_signature_and_an_attestation_by_one_key_are_one_voice():
    text = (
        "signers: { a: { key: k, log: none } }\nimages:\n"
        "  - { match: ghcr.io/x, require: [{ atLeast: 2, of: [{ signature: a }, { attestation: vuln, by: a }] }] }\n"
    )
    assert "these are 1 distinct" in problems(text)[0]


TIMELESS = {
    "a bare key": "key: k, log: none",
    "a certificate without a timestamp": "x509: store, san: a",
}
TIMED = {
    "a logged key": "key: k, log: required, trustRoot: sigstore",
    "a stamped key": "key: k, log: none, timestamp: required, trustRoot: sigstore",
    "an identity": KEYLESS + "a",
    "a workflow": "github: acme/ml, workflow: r.yml",
    "a certificate with a timestamp": "x509: stamped, san: a",
}
STORES = "trustRoots: { store: { certificates: a.pem }, stamped: { certificates: a.pem, timestamps: t.pem } }\n"


def asked(signer, require, more=""):
    signers = f"signers: {{ a: {{ {signer} }}, z: {{ key: z, log: none }} }}\n"
    return problems(f"{STORES}{signers}images:\n  - {{ match: ghcr.io/x, require: {require}{more} }}\n")


def test_a_time_is_asked_only_of_who_can_prove_one():
    for signer in TIMELESS.values():
        assert "nothing proves when a signed" in asked(signer, "[{ attestation: vuln, by: a, maxAge: 7d }]")[0]
        for word in ("warn", "deny"):
            (problem,) = asked(signer, "[{ signature: a }]", f", rollback: {word}")
            assert "images[0].rollback: nothing that this rule requires proves when it was signed" in problem
        assert asked(signer, "[{ signature: a }]", ", rollback: allow") == ()
    for signer in TIMED.values():
        assert asked(signer, "[{ attestation: vuln, by: a, maxAge: 7d, grace: 2d }]") == ()
        assert asked(signer, "[{ signature: a }]", ", rollback: deny") == ()


def test_one_requirement_that_always_tells_a_time_is_enough_for_rollback():
    timed = TIMED["an identity"]
    assert asked(timed, "[{ signature: z }, { signature: a }]", ", rollback: deny") == ()
    assert asked(timed, "[{ atLeast: 2, of: [{ signature: z }, { signature: a }] }]", ", rollback: deny") == ()
    assert (
        "rollback" in asked(timed, "[{ atLeast: 1, of: [{ signature: z }, { signature: a }] }]", ", rollback: deny")[0]
    )
    assert "rollback" in asked(timed, f"[{{ digest: ['{IMAGE}'] }}]", ", rollback: deny")[0]
    assert "rollback" in asked(timed, "[{ image: { maxAge: 30d } }]", ", rollback: deny")[0]


def test_a_preset_whose_signatures_carry_no_time_is_known_by_whoever_keeps_presets():
    text = (
        "signers: { n: { preset: nvidia-ngc } }\nimages:\n"
        "  - { match: nvcr.io/**, require: [{ signature: n }], rollback: warn }\n"
    )
    assert problems(text) == ()
    assert "images[0].rollback: nothing" in problems(text, timeless={"nvidia-ngc"})[0]
    assert problems(text, timeless={"other"}) == ()
