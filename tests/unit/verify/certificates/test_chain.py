"""A chain is whole, valid at the proved time, and made of certificates that may do what they do."""

from datetime import timedelta

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from proxy.verify import trustedroot
from proxy.verify.certificates import chain
from proxy.verify.certificates.certificate import load_chain
from proxy.verify.evidence import NotProved
from proxy.verify.material import Authority, Window
from tests.fakes import pki
from tests.fakes.layouts import LAB, VECTORS, needs_vectors
from tests.fakes.pki import CODE, DAY, NOW, STAMP

MINUTE = timedelta(minutes=1)
AT = NOW + MINUTE
ROOT = pki.root()
CA = ROOT.issue("O=Acme,CN=ca", is_ca=True, purposes=[CODE], path_length=0)
LEAF = pki.leaf(CA)
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


def find(leaf, *authorities, at=AT, intermediates=(), eku="codeSigning"):
    found = chain.find(
        leaf.certificate,
        intermediates=intermediates,
        authorities=authorities or (leaf.issuer.authority,),
        at=at,
        eku=eku,
    )
    return found[0]


def anchored(leaf, *anchors, at=AT, intermediates=None, eku="codeSigning"):
    middle = leaf.chain[1:-1] if intermediates is None else intermediates
    return chain.find_anchor(leaf.certificate, intermediates=middle, anchors=anchors or leaf.chain[-1:], at=at, eku=eku)


def refusal(prove, *arguments, **more):
    with pytest.raises(NotProved) as caught:
        prove(*arguments, **more)
    return str(caught.value)


def both(leaf, **more):
    """The refusal of both doors, which must be the same."""
    reason = refusal(find, leaf, **more)
    assert refusal(anchored, leaf, **more) == reason
    return reason


@needs_vectors
@pytest.mark.parametrize("name", pki.REAL)
def test_real_leaves_chain_to_the_roots_they_were_issued_under(name):
    ders, raw = pki.real_leaf(name)
    root = trustedroot.parse(name, raw)
    leaf, *rest = load_chain(ders)
    at = leaf.not_valid_before_utc + MINUTE
    path, authority = chain.find(leaf, intermediates=rest, authorities=root.authorities, at=at)
    assert path == (leaf, *authority.chain)
    assert path[-1].subject.public_bytes() == path[-1].issuer.public_bytes() if name != "private" else len(path) == 2


@needs_vectors
@pytest.mark.parametrize("name", pki.REAL)
def test_real_leaves_do_not_chain_to_the_roots_of_others(name):
    ders, raw = pki.real_leaf(name)
    own = trustedroot.parse(name, raw).sha256
    others = [trustedroot.parse(each, pki.real_leaf(each)[1]) for each in pki.REAL if each != "lab-tsa-only"]
    authorities = [authority for root in others if root.sha256 != own for authority in root.authorities]
    if name.startswith("lab"):
        authorities = [each for each in authorities if "lab" not in each.uri]
    leaf, *rest = load_chain(ders)
    with pytest.raises(NotProved, match="has no certificate authority that issued"):
        chain.find(leaf, intermediates=rest, authorities=authorities, at=leaf.not_valid_before_utc + MINUTE)


@needs_vectors
@pytest.mark.parametrize("name", pki.REAL)
@pytest.mark.parametrize("seconds", [-1, 601])
def test_real_leaves_are_not_believed_outside_their_ten_minutes(name, seconds):
    ders, raw = pki.real_leaf(name)
    leaf = load_chain(ders)[0]
    at = leaf.not_valid_before_utc + timedelta(seconds=seconds)
    with pytest.raises(NotProved, match="the signing certificate is valid from"):
        chain.find(leaf, intermediates=(), authorities=trustedroot.parse(name, raw).authorities, at=at)


@needs_vectors
def test_t31_a_real_leaf_is_refused_where_the_authority_s_window_closed_before_it():
    leaf = load_chain(pki.real_leaf("lab-email")[0])[0]
    closed = trustedroot.parse("closed", (LAB / "trust/roots/ca_closed.json").read_bytes())
    with pytest.raises(NotProved, match="was trusted only within"):
        chain.find(leaf, intermediates=(), authorities=closed.authorities, at=leaf.not_valid_before_utc + MINUTE)


@needs_vectors
def test_the_lab_s_own_pki_chains_to_its_root():
    leaf, *rest = load_chain(pki.own_pki_chain())
    anchors = x509.load_pem_x509_certificates((LAB / "trust/x509/pki.root.pem").read_bytes())
    path = chain.find_anchor(leaf, intermediates=rest, anchors=anchors, at=leaf.not_valid_before_utc + DAY)
    assert len(path) == 3
    assert path[-1] == anchors[0]


@needs_vectors
@pytest.mark.parametrize("name", ["n_p256", "n_p384", "n_rsa2048", "n_rsa3072"])
def test_the_lab_s_notation_certificates_chain_to_their_roots(name):
    leaf, *rest = x509.load_pem_x509_certificates((LAB / f"trust/private/pki/{name}.crt").read_bytes())
    anchors = x509.load_pem_x509_certificates((LAB / f"trust/x509/{name}.root.pem").read_bytes())
    path = chain.find_anchor(leaf, intermediates=rest, anchors=anchors, at=leaf.not_valid_before_utc + DAY)
    assert path[-1] in anchors


@needs_vectors
@pytest.mark.parametrize(
    "file",
    [
        "roots/sigstore-prod.json",
        "roots/github.json",
        "lab/trust/roots/full.json",
        "oci-private-sigstore/trusted_root.json",
    ],
)
def test_every_real_timestamp_authority_that_lists_its_leaf_chains(file):
    root = trustedroot.parse("a", (VECTORS / file).read_bytes())
    for authority in root.timestamp_authorities:
        leaf = authority.chain[0]
        at = max(authority.window.start, leaf.not_valid_before_utc)
        path, found = chain.find(leaf, intermediates=(), authorities=[authority], at=at, eku="timeStamping")
        assert (path, found) == (authority.chain, authority)
        with pytest.raises(NotProved):
            chain.find(leaf, intermediates=(), authorities=[authority], at=at)


def test_a_leaf_is_believed_through_its_whole_chain():
    assert find(LEAF) == LEAF.chain
    assert anchored(LEAF) == LEAF.chain


def test_a_root_may_issue_by_itself():
    assert len(find(pki.leaf(ROOT))) == 2
    assert len(anchored(pki.leaf(ROOT))) == 2


@pytest.mark.parametrize("ca_kind", ["p256", "p384", "p521", "rsa2048", "ed25519"])
@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "ed25519"])
def test_leaves_and_authorities_of_each_kind_of_key(ca_kind, kind):
    top = pki.root("CN=top", private=pki.key(ca_kind, "top"))
    middle = top.issue("CN=middle", is_ca=True, private=pki.key(ca_kind, "middle"), hash_with=hashes.SHA384())
    leaf = pki.leaf(middle, private=pki.key(kind), hash_with=hashes.SHA512())
    assert find(leaf) == anchored(leaf) == leaf.chain


@pytest.mark.parametrize("kind", ["k256", "rsa1024"])
def test_weak_keys_are_refused_wherever_they_stand(kind):
    assert "a key is none of" in both(pki.leaf(CA, private=pki.key(kind)))
    weak = ROOT.issue("CN=weak", is_ca=True, private=pki.key(kind))
    assert "has no certificate authority that issued" in refusal(find, pki.leaf(weak))
    assert "has no certificate authority that issued" in refusal(anchored, pki.leaf(weak))


def test_a_signature_over_a_hash_that_is_not_accepted_is_refused():
    weak = pki.leaf(CA, hash_with=hashes.SHA224())
    assert "has no certificate authority that issued" in refusal(find, weak)
    assert "has no certificate authority that issued" in refusal(anchored, weak)


def test_t21_a_leaf_that_outlives_its_intermediate_is_refused_after_it():
    short = ROOT.issue("CN=short", is_ca=True, not_after=NOW + MINUTE)
    leaf = pki.leaf(short)
    assert find(leaf, at=NOW + MINUTE) == anchored(leaf, at=NOW + MINUTE) == leaf.chain
    assert "an issuing certificate is valid from" in both(leaf, at=NOW + 2 * MINUTE)


def test_t21_an_intermediate_that_was_not_valid_yet_is_refused():
    late = ROOT.issue("CN=late", is_ca=True, not_before=NOW + 5 * MINUTE)
    assert "an issuing certificate is valid from" in both(pki.leaf(late))


def test_t21_a_root_that_ended_before_the_signing_is_refused():
    ended = pki.root("CN=ended", not_after=NOW)
    assert "an issuing certificate is valid from" in both(pki.leaf(ended.issue("CN=ca", is_ca=True)))
    assert "an issuing certificate is valid from" in both(pki.leaf(ended))


@pytest.mark.parametrize("at", [NOW - MINUTE, NOW + 11 * MINUTE, NOW + 10 * MINUTE + timedelta(microseconds=1)])
def test_the_leaf_must_be_valid_at_the_proved_time(at):
    assert "the signing certificate is valid from" in both(LEAF, at=at)


def test_of_a_renewed_intermediate_the_one_is_taken_that_is_valid():
    private = pki.key(which="renewed")
    ended = ROOT.issue("CN=ca", is_ca=True, private=private, not_after=NOW - DAY)
    fresh = ROOT.issue("CN=ca", is_ca=True, private=private)
    leaf = pki.leaf(fresh)
    for middle in ([ended, fresh], [fresh, ended]):
        path = anchored(leaf, intermediates=[each.certificate for each in middle])
        assert path == leaf.chain


def windowed(start, end=None, holder=CA):
    return Authority(holder.chain, Window(start, end))


def test_t31_the_authority_s_window_must_cover_the_proved_time():
    assert find(LEAF, windowed(NOW, AT)) == LEAF.chain
    for outside in (windowed(NOW - DAY, NOW), windowed(AT + MINUTE)):
        assert "was trusted only within" in refusal(find, LEAF, outside)
    assert find(LEAF, windowed(NOW - DAY, NOW), windowed(NOW)) == LEAF.chain


def test_the_authority_that_proved_it_is_named():
    closed, open_ = windowed(NOW - DAY, NOW), windowed(NOW)
    found = chain.find(LEAF.certificate, intermediates=(), authorities=[closed, open_], at=AT)
    assert found[1] is open_


def test_an_authority_of_another_key_is_none():
    twin = pki.root("O=Acme,CN=root", private=pki.key(which="twin"))
    other = twin.issue("O=Acme,CN=ca", is_ca=True, private=pki.key(which="other ca"))
    assert "(its issuer: CN=ca,O=Acme)" in refusal(find, LEAF, other.authority)
    assert "the trust store has no" in refusal(
        anchored, LEAF, twin.certificate, ROOT.issue("CN=y", is_ca=True).certificate
    )
    assert "the trust root has no" in refusal(find, LEAF, *[other.authority] * 5)


def test_t23_no_authority_at_all_proves_nothing():
    with pytest.raises(NotProved, match="has no certificate authority"):
        chain.find(LEAF.certificate, intermediates=LEAF.chain[1:], authorities=(), at=AT)
    with pytest.raises(NotProved, match="has no certificate authority"):
        chain.find_anchor(LEAF.certificate, intermediates=LEAF.chain[1:], anchors=(), at=AT)


def test_a_root_that_comes_with_the_evidence_is_no_anchor():
    evil = pki.root("CN=evil")
    leaf = pki.leaf(evil.issue("CN=ca", is_ca=True))
    with pytest.raises(NotProved, match="has no certificate authority"):
        chain.find_anchor(leaf.certificate, intermediates=leaf.chain[1:], anchors=[ROOT.certificate], at=AT)
    assert "has no certificate authority" in refusal(find, leaf, ROOT.authority, intermediates=leaf.chain[1:])


def test_an_authority_that_lists_intermediates_is_taken_at_its_word():
    rogue = ROOT.issue("CN=rogue", is_ca=True)
    leaf = pki.leaf(rogue)
    assert "has no certificate authority" in refusal(find, leaf, CA.authority, intermediates=leaf.chain[1:])
    assert find(leaf, ROOT.authority, intermediates=leaf.chain[1:-1]) == leaf.chain


def test_a_name_that_another_authority_bears_is_not_enough():
    forged = pki.issue("", issuer=pki.root("CN=evil"), names_issuer="O=Acme,CN=ca", purposes=[CODE])
    assert "has no certificate authority" in refusal(find, forged, CA.authority)


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"is_ca": False}, "CA flag"),
        ({"is_ca": False, "ca_flag": False}, "CA flag"),
        ({"is_ca": False, "ca_flag": False, "usages": ("key_cert_sign",)}, "CA flag"),
        ({"is_ca": True, "usages": ("digital_signature",)}, "key usage"),
        ({"is_ca": True, "purposes": [ExtendedKeyUsageOID.SERVER_AUTH]}, "does not permit codeSigning"),
        ({"is_ca": True, "purposes": [STAMP]}, "does not permit codeSigning"),
        ({"is_ca": True, "extra": [(x509.PolicyConstraints(0, None), True)]}, "2.5.29.36, which is not understood"),
        ({"is_ca": True, "extra": [(x509.InhibitAnyPolicy(0), True)]}, "2.5.29.54, which is not understood"),
        ({"is_ca": True, "extra": [(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0"), True)]}, "1.2.3"),
    ],
)
def test_an_intermediate_that_may_not_issue_is_refused(knobs, why):
    middle = ROOT.issue("CN=middle", **knobs)
    leaf = pki.leaf(middle)
    assert why in refusal(anchored, leaf)
    assert why in refusal(find, leaf, Authority((ROOT.certificate,), Window(NOW)), intermediates=leaf.chain[1:-1])


def test_t55_an_authority_whose_extensions_cannot_be_read_is_refused():
    garbled = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.32"), b"\x02\x01\x01")
    leaf = pki.leaf(ROOT.issue("CN=middle", is_ca=True, extra=[garbled]))
    assert "an issuing certificate has extensions that cannot be read" in refusal(anchored, leaf)
    with pytest.raises(NotProved, match="cannot be read"):
        load_chain([leaf.issuer.der])


def test_an_authority_of_version_1_is_none():
    """Without extensions nothing says that it is an authority; re-made from a good one by its own key."""
    old = asn1.Certificate.load(ROOT.der)
    old["tbs_certificate"]["version"] = "v1"
    del old["tbs_certificate"]["extensions"]
    old["signature_value"] = ROOT.private.sign(old["tbs_certificate"].dump(force=True), ec.ECDSA(hashes.SHA256()))
    top = load_chain([old.dump(force=True)])[0]
    assert top.version is x509.Version.v1
    assert "is not of version 3" in refusal(anchored, pki.leaf(ROOT), top)


@pytest.mark.parametrize("is_critical", [True, False])
@pytest.mark.parametrize("where", ["root", "intermediate", "leaf"])
def test_name_constraints_are_never_ignored(where, is_critical):
    constraints = [(x509.NameConstraints([x509.RFC822Name("acme.test")], None), is_critical)]
    top = pki.root("CN=top", extra=constraints if where == "root" else [])
    middle = top.issue("CN=middle", is_ca=True, extra=constraints if where == "intermediate" else [])
    assert "constrains names" in both(pki.leaf(middle, extra=constraints if where == "leaf" else []))


def test_a_path_longer_than_its_authority_permits_is_refused():
    top = pki.root("CN=top", path_length=1)
    one = top.issue("CN=one", is_ca=True)
    two = one.issue("CN=two", is_ca=True)
    assert anchored(pki.leaf(one))
    assert "permits 1 authorities below it, and 2 are there" in refusal(anchored, pki.leaf(two))
    assert "permits 1 authorities below it, and 2 are there" in refusal(find, pki.leaf(two))


def test_an_intermediate_of_path_length_none_issues_no_further_one():
    below = CA.issue("CN=below", is_ca=True)
    assert "permits 0 authorities below it, and 1 are there" in both(pki.leaf(below))


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"purposes": [ExtendedKeyUsageOID.SERVER_AUTH]}, "does not permit codeSigning"),
        ({"purposes": [STAMP]}, "does not permit codeSigning"),
        ({"purposes": [ANY]}, "does not permit codeSigning"),
        ({"purposes": [CODE, ANY]}, "more than signing code"),
        ({"purposes": [CODE, STAMP]}, "more than signing code"),
        ({"purposes": [CODE, ExtendedKeyUsageOID.OCSP_SIGNING]}, "more than signing code"),
        ({"usages": ("key_encipherment",)}, "digital signatures"),
        ({"usages": ("digital_signature", "key_cert_sign")}, "a certificate authority's"),
        ({"ca_flag": True}, "a certificate authority's"),
        ({"extra": [(x509.PrecertPoison(), True)]}, "1.3.6.1.4.1.11129.2.4.3, which is not understood"),
        ({"extra": [(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0"), True)]}, "1.2.3"),
    ],
)
def test_a_leaf_that_may_not_sign_code_is_refused(knobs, why):
    assert why in both(pki.leaf(CA, **knobs))


def test_t33_an_authority_s_own_certificate_signs_nothing():
    """A CA's key that is taken for a signer's, also where it is the anchor itself."""
    for holder in (CA, ROOT):
        assert "a certificate authority's" in refusal(anchored, holder, ROOT.certificate, intermediates=())
        reason = refusal(find, holder, CA.authority)
        assert "a certificate authority's" in reason or "has no certificate authority" in reason


def test_what_is_not_critical_and_unknown_is_passed_over():
    leaf = pki.leaf(CA, extra=[x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0")])
    assert find(leaf) == leaf.chain


def test_policies_are_understood_since_none_is_asked_for():
    policy = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("1.2.3"), None)])
    leaf = pki.leaf(ROOT.issue("CN=ca", is_ca=True, extra=[(policy, True)]), extra=[(policy, True)])
    assert find(leaf) == leaf.chain


def test_only_a_sigstore_leaf_must_say_that_it_signs_code():
    silent = pki.leaf(CA, purposes=[])
    assert "has no extended key usage" in refusal(find, silent)
    assert anchored(silent) == silent.chain
    assert "has no extended key usage" in refusal(anchored, silent, eku="timeStamping")


def test_a_self_signed_signer_may_be_the_anchor_itself():
    alone = pki.issue("CN=alpine,O=Notary", purposes=[CODE])
    assert anchored(alone, alone.certificate, intermediates=()) == (alone.certificate,)
    same_key = pki.issue("CN=alpine,O=Notary", purposes=[CODE])
    assert "not that of a certificate authority" in refusal(anchored, same_key, alone.certificate, intermediates=())
    same_name = pki.issue("CN=alpine,O=Notary", purposes=[CODE], private=pki.key(which="twin"))
    assert "has no certificate authority" in refusal(anchored, same_name, alone.certificate, intermediates=())


def test_t33_an_authority_that_lists_a_leaf_certifies_no_code():
    alone = pki.issue("CN=alpine", purposes=[CODE])
    assert "has no certificate authority" in refusal(find, alone, alone.authority)


def stamper(**knobs):
    return CA_OF_TIME.issue(
        knobs.pop("subject", "CN=tsa"), **({"purposes": [STAMP], "are_purposes_critical": True} | knobs)
    )


CA_OF_TIME = ROOT.issue("CN=time", is_ca=True, purposes=[STAMP])


def test_a_timestamp_authority_s_leaf_stands_in_its_chain_or_comes_with_the_token():
    leaf = stamper()
    assert find(leaf, leaf.authority, eku="timeStamping") == leaf.chain
    assert find(leaf, CA_OF_TIME.authority, eku="timeStamping") == leaf.chain
    assert anchored(leaf, eku="timeStamping") == leaf.chain


def test_t33_another_leaf_of_the_same_intermediate_is_not_the_one_that_was_listed():
    listed, other = stamper(), stamper(subject="CN=other")
    assert "has no certificate authority" in refusal(find, other, listed.authority, eku="timeStamping")


@pytest.mark.parametrize(
    "knobs",
    [
        {"are_purposes_critical": False},
        {"purposes": [STAMP, CODE]},
        {"purposes": [CODE]},
        {"purposes": []},
        {"purposes": [STAMP, ANY]},
        {"ca_flag": True},
        {"usages": ("key_encipherment",)},
    ],
)
def test_t33_a_certificate_that_does_more_than_stamp_stamps_nothing(knobs):
    leaf = stamper(**knobs)
    for prove, authorities in ((find, (CA_OF_TIME.authority,)), (anchored, ())):
        assert refusal(prove, leaf, *authorities, eku="timeStamping")
    if "ca_flag" not in knobs:
        assert refusal(find, leaf, leaf.authority, eku="timeStamping")


def test_t53_a_thousand_intermediates_are_not_searched():
    flood = [ROOT.certificate] * 1000
    assert "brings 1000 intermediate certificates" in refusal(anchored, LEAF, intermediates=flood)
    assert "brings 1000 intermediate" in refusal(find, pki.leaf(CA), ROOT.authority, intermediates=flood)


def test_t53_a_chain_of_ten_is_read_and_of_eleven_is_not():
    top = holder = pki.root("CN=0")
    for number in range(1, 9):
        holder = holder.issue(f"CN={number}", is_ca=True)
    assert len(anchored(pki.leaf(holder), top.certificate)) == 10
    longer = pki.leaf(holder.issue("CN=9", is_ca=True))
    assert "has no certificate authority" in refusal(anchored, longer, top.certificate)


def test_two_authorities_that_certify_each_other_are_no_way_round():
    one_key, two_key = pki.key(which="one"), pki.key(which="two")
    one, two = pki.root("CN=one", private=one_key), pki.root("CN=two", private=two_key)
    one_by_two = two.issue("CN=one", is_ca=True, private=one_key)
    two_by_one = one.issue("CN=two", is_ca=True, private=two_key)
    loop = [one_by_two.certificate, two_by_one.certificate]
    assert "has no certificate authority" in refusal(anchored, pki.leaf(one), ROOT.certificate, intermediates=loop)
    assert len(anchored(pki.leaf(one), two.certificate, intermediates=loop)) == 3


def test_a_cross_signed_authority_is_followed_to_the_root_that_is_believed_in_whatever_order_it_comes():
    private = pki.key(which="crossed")
    old, new = pki.root("CN=old"), pki.root("CN=new")
    by_old = old.issue("CN=crossed", is_ca=True, private=private)
    by_new = new.issue("CN=crossed", is_ca=True, private=private)
    leaf = pki.leaf(by_new)
    for middle in ([by_old, by_new], [by_new, by_old]):
        pool = [each.certificate for each in middle]
        assert anchored(leaf, new.certificate, intermediates=pool) == leaf.chain
        assert find(leaf, new.authority, intermediates=pool) == leaf.chain
        assert anchored(leaf, old.certificate, intermediates=pool)[1] == by_old.certificate


def test_of_several_ways_up_one_that_holds_suffices():
    """One intermediate permits no other below it, its twin by another authority does."""
    private = pki.key(which="either")
    narrow = ROOT.issue("CN=either", is_ca=True, private=private, path_length=0)
    wide = ROOT.issue("CN=either", is_ca=True, private=private)
    leaf = pki.leaf(wide.issue("CN=below", is_ca=True))
    for pair in ([narrow, wide], [wide, narrow]):
        pool = [leaf.issuer.certificate, *(each.certificate for each in pair)]
        assert anchored(leaf, intermediates=pool) == leaf.chain
    assert "permits 0 authorities" in refusal(
        anchored, leaf, intermediates=[leaf.issuer.certificate, narrow.certificate]
    )


def test_t53_ten_authorities_that_could_all_have_signed_each_other_cost_little():
    private = pki.key(which="same")
    crowd = [pki.root("CN=same", private=private) for _ in range(10)]
    leaf = pki.leaf(crowd[0])
    pool = [each.certificate for each in crowd]
    chain._issued.cache_clear()
    assert "has no certificate authority" in refusal(anchored, leaf, ROOT.certificate, intermediates=pool)
    assert chain._issued.cache_info().misses <= 11 * 11, "each pair is looked at once"
    assert len(anchored(leaf, pool[3], intermediates=pool)) == 2


def test_an_authority_that_signs_with_rsa_pss_may_issue():
    top = pki.root("CN=pss", private=pki.key("rsa2048", "pss"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.distinguished("CN=leaf"))
        .issuer_name(top.certificate.subject)
        .public_key(pki.key().public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.ExtendedKeyUsage([CODE]), critical=False)
    )
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
    made = builder.sign(top.private, hashes.SHA256(), rsa_padding=scheme)
    assert anchored(pki.Holder(made, pki.key(), top)) == (made, top.certificate)
    changed = bytearray(made.public_bytes(pki.Encoding.DER))
    changed[-1] ^= 1
    broken = pki.Holder(load_chain([bytes(changed)])[0], pki.key(), top)
    assert "has no certificate authority" in refusal(anchored, broken)


def test_a_pre_certificate_is_no_certificate():
    """RFC 6962 3.1: its critical poison is understood by nobody."""
    poison = x509.PrecertPoison()
    assert "1.3.6.1.4.1.11129.2.4.3, which is not understood" in both(pki.leaf(CA, extra=[(poison, True)]))


def test_an_extension_that_stands_twice_is_refused():
    twice = asn1.Certificate.load(LEAF.der)
    extensions = twice["tbs_certificate"]["extensions"]
    extensions.append(extensions[0].copy())
    twice["signature_value"] = CA.private.sign(twice["tbs_certificate"].dump(force=True), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(NotProved, match="cannot be read"):
        load_chain([twice.dump(force=True)])


@pytest.mark.parametrize("algorithm", ["sha1_ecdsa", "sha1_rsa"])
def test_a_signature_over_sha_1_is_refused(algorithm):
    """Right by the key, and worth nothing: made by hand, since the library makes none."""
    kind = "p256" if algorithm == "sha1_ecdsa" else "rsa2048"
    top = pki.root("CN=old", private=pki.key(kind, "sha1"))
    weak = asn1.Certificate.load(pki.leaf(top).der)
    for place in (weak["signature_algorithm"], weak["tbs_certificate"]["signature"]):
        place["algorithm"] = algorithm
    message = weak["tbs_certificate"].dump(force=True)
    old = hashes.SHA1()  # noqa: S303 what must be refused
    made = top.private.sign(message, *([ec.ECDSA(old)] if kind == "p256" else [padding.PKCS1v15(), old]))
    weak["signature_value"] = made
    leaf = pki.Holder(load_chain([weak.dump(force=True)])[0], pki.key(), top)
    assert leaf.certificate.signature_hash_algorithm.name == "sha1"
    assert "has no certificate authority" in refusal(anchored, leaf)
