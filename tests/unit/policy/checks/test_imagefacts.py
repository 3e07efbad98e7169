from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.policy.checks.imagefacts import ImageRequirement
from proxy.policy.checks.where import Where
from proxy.policy.evaluate import Wanted, evaluate
from proxy.policy.requirements import SignatureRequirement
from tests.unit.policy.cases import NOW, case, child_of, config, index, listed, manifest, proof, requiring

NON_ROOT = 'config.user != "" && config.user != "root"'


def judged(requirement, config_raw=None, **more):
    return evaluate(case(requiring(requirement), config_raw=config_raw, **more))


def test_the_config_is_wanted_before_it_is_judged():
    assert judged(ImageRequirement("image")) == Wanted("config")
    signed = requiring(SignatureRequirement("signature", "team"), ImageRequirement("image"))
    assert evaluate(case(signed, gathered=False)) == Wanted("signatures")
    assert evaluate(case(signed)).verdict == "deny"  # and no config is fetched for what is refused anyway
    assert evaluate(case(signed, proof())) == Wanted("config")


def test_conditions_and_facts_of_the_config_are_asked():
    required = ImageRequirement("image", condition=NON_ROOT)
    decision = judged(required, config(User="65532"))
    assert decision.is_allow
    assert decision.checks[-1].details == {"created": "2026-11-01T00:00:00Z", "user": "65532"}
    refused = judged(required, config(User="root"))
    assert (refused.verdict, refused.reason) == ("deny", "condition")
    assert refused.summary == f"condition {NON_ROOT!r} is not met by the image"
    assert judged(required, config()).verdict == "deny"


@pytest.mark.parametrize(
    ("condition", "run", "passes"),
    [
        ("!isRoot", {"User": "1000:0"}, True),
        ("!isRoot", {"User": "0"}, False),
        ('!environment.exists(e, e.matches("(?i)secret|token"))', {"Env": ["PATH=/bin"]}, True),
        ('!environment.exists(e, e.matches("(?i)secret|token"))', {"Env": ["MY_TOKEN=x"]}, False),
        ('"maintainer" in labels && labels.maintainer == "acme"', {"Labels": {"maintainer": "acme"}}, True),
        ('"maintainer" in labels', {}, False),
        ("image.layers == 0 && image.size == 6", {}, True),
        ("platforms == ['linux/amd64']", {}, True),
        ("size(entrypoint) > 0", {"Entrypoint": ["/app"]}, True),
        ("created > timestamp('2026-10-31T00:00:00Z')", {}, True),
    ],
)
def test_each_fact_of_the_image_can_be_asked_in_one_line(condition, run, passes):
    assert judged(ImageRequirement("image", condition=condition), config(**run)).is_allow is passes


def test_where_asks_single_facts():
    required = ImageRequirement("image", (Where.flag("isRoot", False), Where.one_of("user", "65532")))
    assert judged(required, config(User="65532")).is_allow
    assert judged(required, config(User="1")).summary == "the image's user is '1'; the rule asks for 65532"
    assert judged(required, config()).summary == "the image's isRoot is true; the rule asks for false"


def test_an_image_is_not_older_than_max_age_and_the_decision_ends_then():
    required = ImageRequirement("image", max_age=timedelta(days=30))
    decision = judged(required, config())
    assert decision.is_allow
    assert decision.expires_at == NOW.replace(day=1, hour=0, minute=0) + timedelta(days=30)
    assert judged(required, config(created="2026-10-01T00:00:00Z")).summary == (
        "the image is 40 days old; the rule asks for 30 at most"
    )


@pytest.mark.parametrize("created", [None, "", "0001-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "yesterday"])
def test_an_image_that_does_not_tell_its_age_or_one_to_come_is_refused(created):
    assert judged(ImageRequirement("image", max_age=timedelta(days=3650)), config(created=created)).verdict == "deny"


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{", b'{"a":1,"a":2}', b'\xef\xbb\xbf{"os":"linux"}', b"\x00"])
def test_a_config_that_says_nothing_passes_no_question(raw):
    for required in (
        ImageRequirement("image", condition=NON_ROOT),
        ImageRequirement("image", (Where.flag("isRoot", False),)),
        ImageRequirement("image", max_age=timedelta(days=3650)),
    ):
        assert judged(required, raw).verdict == "deny"


def test_of_what_is_no_image_no_config_is_wanted_and_only_the_manifest_tells():
    chart = replace(manifest(), config=Descriptor("application/vnd.cncf.helm.config.v1+json", Digest.of(b"c"), 6))
    assert judged(ImageRequirement("image", condition="size < 100 && layers == 0"), document=chart).is_allow
    assert judged(ImageRequirement("image", condition=NON_ROOT), document=chart).verdict == "deny"
    assert judged(ImageRequirement("image", (Where.flag("isRoot", False),)), document=chart).verdict == "deny"


def test_an_error_in_the_condition_is_a_deny_with_the_sentence():
    decision = judged(ImageRequirement("image", condition="labels.team == 'ml'"), config())
    assert decision.summary == 'the image cannot be judged: Key not found in map : "team"'


def test_an_index_passes_where_a_child_does():
    policy = requiring(ImageRequirement("image", condition=NON_ROOT))
    good, bad = listed("good"), listed("bad")
    document = index(manifests=(good, bad))

    def of(descriptor, user):
        return child_of(policy, descriptor, under=document.digest, config_raw=config(User=user))

    def verdict(*children):
        return evaluate(case(policy, document=document, platform=None, children=children)).verdict

    assert evaluate(case(policy, document=document, platform=None)) == Wanted("children")
    assert verdict(of(bad, "root"), of(good, "1")) == "allow"
    assert verdict(of(bad, "root"), of(good, "0")) == "allow"  # "0" is another word than "root"
    assert verdict(of(bad, "root"), of(good, "")) == "deny"
    assert verdict() == "deny"


def test_everything_that_is_asked_for_is_in_the_fingerprint():
    others = [
        ImageRequirement("image"),
        ImageRequirement("other"),
        ImageRequirement("image", (Where.flag("isRoot", False),)),
        ImageRequirement("image", condition="true"),
        ImageRequirement("image", max_age=timedelta(days=1)),
    ]
    assert len({str(each.plain()) for each in others}) == len(others)
