from proxy.policy.words.wording import listed, not_a_digest, unknown


def test_a_misspelt_name_is_told_what_it_may_have_meant():
    assert unknown("teem", {"team", "scan"}, "signer", "add it") == "there is no signer 'teem'; did you mean 'team'?"
    assert (
        unknown("zzz", {"team"}, "signer", "add it under signers") == "there is no signer 'zzz'; add it under signers"
    )
    assert len(unknown("x" * 5000, {"team"}, "signer", "add it")) < 200


def test_words_are_listed_as_a_person_lists_them():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b or c"


def test_what_is_no_digest_is_told_in_part():
    assert not_a_digest("latest").startswith("'latest' is not a digest; write sha256:")
    assert len(not_a_digest("x" * 5000)) < 200
