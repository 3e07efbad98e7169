"""Good evidence, of something else: another image, another product, another predicate, nothing at all (T11, T12, T22, T23, T26, T37)."""

import json
from datetime import timedelta

from proxy.oci.digest import Digest
from tests.fakes import pki
from tests.fakes.hostile.forge import AT, OIDC_CI, SLSA, Forge, private, workflow
from tests.fakes.hostile.twins import (
    ENVELOPED,
    NOTATION,
    SIMPLE,
    each_asked,
    hostile,
)

ANOTHER = Digest.of(b"another image")
_OF_ANOTHER = "is of another image"


@hostile("T11", says=", not of sha256:")
def evidence_of_another_image(forge: Forge):
    if forge.form in NOTATION:
        return [forge.make(artifact={"digest": str(ANOTHER)})]
    return [forge.make(subject=ANOTHER)]


@hostile("T11", *SIMPLE, says="signedAs", level="policy")
def a_signature_that_names_another_product(forge: Forge):
    critical = {
        "identity": {"docker-reference": "127.0.0.1:5001/hidden/another-product"},
        "image": {"docker-manifest-digest": forge.case["digest"]},
        "type": "cosign container image signature",
    }
    return [forge.make(says={"critical": critical})]


@hostile(
    "T11",
    "att",
    "bundle",
    says="sourceRepositoryUri",
    case={"att": "v2-att-keyless-rekor1", "bundle": "v3-keyless-rekor1-tsa"},
    ask=each_asked(
        lambda asked: asked["keyless"].update(extensions={"source_repository_uri": "https://git.acme.test/acme/images"})
    ),
)
def the_same_workflow_in_another_repository(forge: Forge):
    other = pki.fulcio(12, pki.utf8("https://git.acme.test/acme/others"))
    return [forge.make(by=workflow(extra=[*pki.issued_by(OIDC_CI), other]))]


@hostile(
    "T11",
    "bundle-key",
    says="not product=app",
    level="policy",
    ask=each_asked(lambda asked: asked.update(annotations={"product": "app"})),
)
def a_signature_that_claims_another_product(forge: Forge):
    subject = [{"digest": {"sha256": forge.subject.hex}, "annotations": {"product": "another"}}]
    return [forge.make(says={"subject": subject})]


@hostile(
    "T11",
    *NOTATION,
    says="not product=app",
    level="policy",
    ask=each_asked(lambda asked: asked["notation"].update(user_metadata={"product": "app"})),
)
def metadata_of_another_product(forge: Forge):
    return [forge.make(artifact={"annotations": {"product": "another"}})]


@hostile("T12", *NOTATION, says="expired")
def a_signature_that_has_expired(forge: Forge):
    return [
        forge.make(
            protected={
                "io.cncf.notary.expiry": AT + timedelta(hours=1),
                "crit": ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"],
            }
        )
    ]


# Malformed, though it is signed.


@hostile("T22", *SIMPLE, says="is not JSON")
def a_signed_payload_that_is_not_json(forge: Forge):
    return [forge.make(payload=b"docker-manifest-digest: " + forge.case["digest"].encode())]


@hostile("T22", *SIMPLE, says="critical.type")
def a_signed_claim_of_another_type(forge: Forge):
    document = json.loads(forge.make().payload)
    document["critical"]["type"] = "atomic container signature"
    return [forge.make(payload=json.dumps(document).encode())]


@hostile("T22", *ENVELOPED, says="is not JSON")
def a_signed_statement_that_is_malformed(forge: Forge):
    return [forge.make(payload=b'{"_type":"https://in-toto.io/Statement/v1","subject":')]


@hostile("T22", *ENVELOPED, says="names no subject")
def a_signed_statement_without_a_subject(forge: Forge):
    return [forge.make(says={"subject": []})]


@hostile("T22", *ENVELOPED, says="the DSSE envelope holds")
def a_signed_payload_of_another_type(forge: Forge):
    return [forge.make(payload_type="application/vnd.acme+json")]


@hostile("T22", *NOTATION, says="over content of type")
def a_signed_payload_of_another_content_type(forge: Forge):
    return [forge.make(protected={"cty": "application/vnd.acme+json"})]


@hostile("T22", *NOTATION, says="targetArtifact")
def a_signed_payload_without_a_target(forge: Forge):
    return [forge.make(payload=b'{"target":{}}')]


# Nothing of what is asked for.


@hostile("T23", says="(0 found)", level="policy")
def nothing_at_all(forge: Forge):
    return []


@hostile("T23", "att", says="(3 found)", level="policy")
def only_attestations_of_other_types(forge: Forge):
    kinds = ("https://spdx.dev/Document", "https://openvex.dev/ns", SLSA + "x")
    return [forge.make(predicate_type=kind) for kind in kinds]


@hostile("T26", "bundle-key", "bundle", says="no signature by", level="policy")
def an_attestation_for_a_signature(forge: Forge):
    return [forge.make(predicate_type=kind) for kind in (SLSA, "https://acme.test/scan/v1")]


def _as_signature(one) -> None:
    del one["predicate_type"]


@hostile("T26", "att", says="no signature by", level="policy", case="v2-att-keyless-rekor1", ask=_as_signature)
def an_attestation_where_a_signature_is_asked_for(forge: Forge):
    return [forge.make()]


@hostile(
    "T30",
    "sig",
    "oci11",
    "bundle-key",
    says="no signature by other",
    level="policy",
    ask=lambda one: one.update(all_of=[*one.pop("any_of"), {"key": "trust/keys/other.pub", "log": "none"}]),
)
def the_same_key_twice_where_two_are_asked_for(forge: Forge):
    said = {"says": {"optional": {"again": "1"}}} if forge.form != "bundle-key" else {"by": private("k_p256")}
    return [forge.make(), forge.make(**said)]


# Nearly this image.


def _subjects(forge: Forge):
    right = forge.subject.hex
    return {
        "under another algorithm": {"sha512": right},
        "in capitals": {"sha256": right.upper()},
        "one digit shorter": {"sha256": right[:-1]},
        "another last digit": {"sha256": right[:-1] + ("0" if right[-1] != "0" else "1")},
        "with its algorithm in front": {"sha256": f"sha256:{right}"},
    }


for _number, _name in enumerate(_subjects(Forge("att", {"digest": str(ANOTHER)}))):

    @hostile("T37", *ENVELOPED, says="it speaks of sha256", name=f"a subject that is {_name}")
    def a_subject_that_is_nearly_ours(forge: Forge, number: int = _number):
        return [forge.make(says={"subject": [{"name": "app", "digest": list(_subjects(forge).values())[number]}]})]


@hostile(
    "T37",
    "att",
    says="builder",
    level="policy",
    ask=lambda one: one.update(where={"builder": "https://acme.test/builder"}),
)
def a_builder_whose_name_begins_like_ours(forge: Forge):
    run = {"builder": {"id": "https://acme.test/builder@evil"}}
    build = {"buildType": "https://acme.test/build/v1", "externalParameters": {}}
    return [forge.make(says={"predicate": {"buildDefinition": build, "runDetails": run}})]
