"""A certificate names one identity in one way, or nobody's."""

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from proxy.verify.certificates import certificate, fulcio
from proxy.verify.evidence import NotProved
from tests.fakes import pki
from tests.fakes.layouts import needs_vectors

ROOT = pki.root()
OTHER_NAME = ObjectIdentifier(f"{pki.FULCIO}.7")
URI = x509.UniformResourceIdentifier
EMAIL = x509.RFC822Name


def facts(holder):
    return certificate.facts(holder.certificate, authority=ROOT.certificate)


def refusal(holder):
    with pytest.raises(NotProved) as caught:
        facts(holder)
    return str(caught.value)


WORKFLOW = (
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/"
)


@needs_vectors
@pytest.mark.parametrize(
    ("name", "san", "kind", "issuer", "extensions"),
    [
        ("connaisseur", "philipp.belitz@securesystems.de", "email", "https://github.com/login/oauth", 0),
        ("capi", "krel-trust@k8s-releng-prod.iam.gserviceaccount.com", "email", "https://accounts.google.com", 0),
        ("slsa-1.4.0", f"{WORKFLOW}v1.4.0", "uri", "https://token.actions.githubusercontent.com", 5),
        ("slsa-2.1.0", f"{WORKFLOW}v2.1.0", "uri", "https://token.actions.githubusercontent.com", 19),
        (
            "kubewarden",
            "https://github.com/kubewarden/kubewarden-controller/.github/workflows/release.yml@refs/tags/v1.34.0",
            "uri",
            "https://token.actions.githubusercontent.com",
            19,
        ),
        (
            "private",
            "https://kubernetes.io/namespaces/default/serviceaccounts/default",
            "uri",
            "https://kubernetes.default.svc.cluster.local",
            0,
        ),
        ("lab-email", "builder@acme.test", "email", "http://127.0.0.1:8300", 1),
    ],
)
def test_real_certificates_say_who_and_by_whom(name, san, kind, issuer, extensions):
    leaf = certificate.load_chain(pki.real_leaf(name)[0])[0]
    found = certificate.facts(leaf, authority=ROOT.certificate)
    assert (found.san, found.san_type, found.issuer, len(found.extensions)) == (san, kind, issuer, extensions)
    assert found.subject == ""
    assert found.authority == certificate.sha256(ROOT.certificate)
    assert found.not_after > found.not_before


@needs_vectors
def test_all_extensions_of_a_real_build_are_facts_by_name():
    leaf = certificate.load_chain(pki.real_leaf("kubewarden")[0])[0]
    found = certificate.facts(leaf, authority=ROOT.certificate).extensions
    repository = "https://github.com/kubewarden/kubewarden-controller"
    assert found["sourceRepositoryUri"] == repository
    assert found["sourceRepositoryOwnerUri"] == "https://github.com/kubewarden"
    assert found["runnerEnvironment"] == "github-hosted"
    assert found["sourceRepositoryRef"] == found["githubWorkflowRef"] == "refs/tags/v1.34.0"
    assert found["buildSignerUri"] == f"{repository}/.github/workflows/release.yml@refs/tags/v1.34.0"
    assert found["sourceRepositoryVisibilityAtSigning"] == "public"
    assert found["githubWorkflowName"] == "Release"


@needs_vectors
def test_the_lab_s_build_carries_the_newest_extension_too():
    leaf = certificate.load_chain(pki.real_leaf("lab-ci")[0])[0]
    assert (
        certificate.facts(leaf, authority=ROOT.certificate)
        .extensions["tokenSubject"]
        .startswith("repo:acme/images:ref:")
    )


def test_the_table_has_each_of_fulcio_s_oids_once_in_camel_case():
    numbers = sorted(int(oid.rpartition(".")[2]) for oid in certificate.EXTENSIONS.values())
    assert numbers == [2, 3, 4, 5, 6, *range(9, 25)]
    assert all(oid.startswith(f"{pki.FULCIO}.") for oid in certificate.EXTENSIONS.values())
    assert all(name.isalnum() and name[0].islower() for name in certificate.EXTENSIONS)


@pytest.mark.parametrize("number", [*range(2, 7), *range(9, 25)])
def test_each_extension_is_read_in_the_form_that_fulcio_writes(number):
    value = b"a value" if number < 7 else pki.utf8("a value")
    found = facts(pki.leaf(ROOT, extra=[pki.fulcio(number, value)]))
    assert list(found.extensions.values()) == ["a value"]
    name = next(iter(found.extensions))
    assert certificate.EXTENSIONS[name] == f"{pki.FULCIO}.{number}"


@pytest.mark.parametrize(
    ("san", "text", "kind"),
    [
        (EMAIL("dev@acme.test"), "dev@acme.test", "email"),
        (URI("https://acme.test/a@b"), "https://acme.test/a@b", "uri"),
        (URI("spiffe://acme.test/ci"), "spiffe://acme.test/ci", "uri"),
        (x509.DNSName("ci.acme.test"), "ci.acme.test", "dns"),
        (x509.OtherName(OTHER_NAME, pki.utf8("dev!acme.test")), "dev!acme.test", "other"),
    ],
)
def test_each_kind_of_name_is_read(san, text, kind):
    found = facts(pki.leaf(ROOT, san))
    assert (found.san, found.san_type, found.issuer) == (text, kind, "https://issuer.example")
    assert certificate.san_of(pki.leaf(ROOT, san).certificate) == (text, kind)


def test_t29_two_names_are_nobody_s():
    both = pki.leaf(ROOT, EMAIL("dev@acme.test"), URI("https://acme.test"))
    assert "2 alternative names" in refusal(both)
    assert "2 alternative names" in refusal(pki.leaf(ROOT, EMAIL("dev@acme.test"), EMAIL("dev@acme.test")))


def test_t29_no_name_is_nobody_s():
    bare = pki.issue("CN=x", issuer=ROOT, extra=pki.issued_by())
    assert "no alternative names" in refusal(bare)


@pytest.mark.parametrize(
    "san",
    [
        x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), pki.utf8("dev!acme.test")),
        x509.OtherName(ObjectIdentifier(f"{pki.FULCIO}.8"), pki.utf8("dev!acme.test")),
        x509.DirectoryName(pki.distinguished("CN=dev@acme.test")),
        x509.RegisteredID(ObjectIdentifier("1.2.3")),
    ],
)
def test_t29_a_name_of_another_kind_is_refused(san):
    assert "none of an email, a URI" in refusal(pki.leaf(ROOT, san))


@pytest.mark.parametrize(
    "value",
    [
        b"dev!acme.test",
        b"\x13\x0ddev!acme.test",  # PrintableString
        b"\x0c\x81\x0ddev!acme.test",  # a length that is not the shortest
        pki.utf8("dev!acme.test") + b"\0\0",
    ],
)
def test_t29_fulcio_s_own_name_is_a_der_utf8string(value):
    with pytest.raises(NotProved, match="is not the text that Fulcio writes"):
        fulcio.text_in(value, is_bare=False)


def test_t29_fulcio_s_own_name_in_another_string_type_is_refused():
    printable = x509.OtherName(OTHER_NAME, b"\x13\x0ddev!acme.test")
    assert "is not the text that Fulcio writes" in refusal(pki.leaf(ROOT, printable))


@pytest.mark.parametrize(
    "san",
    [
        URI("dev@acme.test"),  # an email's text in a URI
        URI("dev!acme.test"),
        x509.DNSName("dev@acme.test"),
        x509.DNSName("https://acme.test"),
        x509.DNSName("dev!acme.test"),
        x509.OtherName(OTHER_NAME, pki.utf8("dev@acme.test")),
        x509.OtherName(OTHER_NAME, pki.utf8("https://acme.test/x!y")),
        EMAIL("https://acme.test/x@acme.test"),
        EMAIL("dev!x@acme.test"),
    ],
)
def test_t28_a_name_of_one_kind_cannot_look_like_another(san):
    assert "is not a plain" in refusal(pki.leaf(ROOT, san))


@pytest.mark.parametrize(
    "text", ["https://acme.test/\nx", "https://acme.test/\x00", "https://acme.test/" + "a" * 3000, ""]
)
def test_t28_a_name_that_a_person_cannot_see_is_refused(text):
    assert "is not a plain uri name" in refusal(pki.leaf(ROOT, URI(text)))


@pytest.mark.parametrize("text", ["a!\u202eb", "a!b\u200b", "a!b\u2028", "!" * 3000])
def test_t28_text_that_turns_round_or_hides_is_refused(text):
    assert "is not a plain other name" in refusal(pki.leaf(ROOT, x509.OtherName(OTHER_NAME, pki.utf8(text))))


def with_issuers(**values):
    extra = [pki.fulcio(int(number[1:]), value) for number, value in values.items()]
    return pki.leaf(ROOT, is_fulcio=False, extra=extra)


def test_either_issuer_extension_suffices():
    assert facts(with_issuers(_1=b"https://a.test")).issuer == "https://a.test"
    assert facts(with_issuers(_8=pki.utf8("https://a.test"))).issuer == "https://a.test"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"_1": b"https://a.test", "_8": pki.utf8("https://b.test")}, "two different issuers"),
        ({"_1": pki.utf8("https://a.test"), "_8": pki.utf8("https://a.test")}, "two different issuers"),
        ({"_1": b"https://a.test ", "_8": pki.utf8("https://a.test")}, "two different issuers"),
        ({"_1": pki.utf8("https://a.test")}, "not printable"),
        ({"_8": b"https://a.test"}, "not the text that Fulcio writes"),
        ({"_8": pki.utf8("https://a.test") + b"\0"}, "not the text that Fulcio writes"),
        ({"_8": b"\x0c\x81\x0ehttps://a.test"}, "not the text that Fulcio writes"),
        ({"_8": b"\x0c\x80https://a.test\0\0"}, "not the text that Fulcio writes"),
        ({"_8": b"\x13\x0ehttps://a.test"}, "not the text that Fulcio writes"),
        ({"_8": b"\x0c\x02\xff\xfe"}, "not the text that Fulcio writes"),
        ({"_8": b"\x0c"}, "not the text that Fulcio writes"),
        ({"_8": b""}, "not the text that Fulcio writes"),
        ({"_1": b"\xff"}, "not the text that Fulcio writes"),
        ({"_1": b""}, "empty"),
        ({"_8": pki.utf8("")}, "empty"),
        ({"_8": pki.utf8("https://a.test\n")}, "not printable"),
    ],
)
def test_t29_an_issuer_with_two_meanings_is_refused(values, why):
    assert why in refusal(with_issuers(**values))


def test_t28_a_fact_that_is_not_printable_is_no_fact():
    named = pki.leaf(ROOT, extra=[pki.fulcio(4, b"Release\nx"), pki.fulcio(5, b"acme/ml")])
    assert facts(named).extensions == {"githubWorkflowRepository": "acme/ml"}


@given(st.text(max_size=400))
def test_every_text_comes_back_from_its_der(text):
    assert fulcio.utf8_string(pki.utf8(text)) == text


@given(st.binary(max_size=300))
def test_t55_no_bytes_but_der_are_a_text(raw):
    try:
        text = fulcio.utf8_string(raw)
    except ValueError:
        return
    assert pki.utf8(text) == raw


def test_a_certificate_that_speaks_by_its_subject_needs_no_alternative_name():
    plain = pki.issue("C=US,ST=WA,O=Acme,CN=signer", issuer=ROOT, purposes=[pki.CODE])
    found = facts(plain)
    assert (found.subject, found.san, found.san_type, found.issuer) == ("CN=signer,O=Acme,ST=WA,C=US", "", "", "")
    several = pki.issue("CN=signer", issuer=ROOT, sans=(EMAIL("a@acme.test"), x509.DNSName("acme.test")))
    assert facts(several).san == ""
    with pytest.raises(NotProved, match="2 alternative names"):
        certificate.san_of(several.certificate)


def test_own_pki_s_one_alternative_name_is_a_fact():
    one = pki.issue("CN=signer", issuer=ROOT, sans=(EMAIL("signer@acme.test"),))
    assert (facts(one).san, facts(one).san_type) == ("signer@acme.test", "email")


def test_subject_attributes_keep_the_order_and_short_names():
    holder = pki.issue("C=US,ST=WA,L=Seattle,O=Acme,OU=Ship,CN=signer", issuer=ROOT)
    assert certificate.subject_attributes(holder.certificate) == (
        ("C", "US"),
        ("ST", "WA"),
        ("L", "Seattle"),
        ("O", "Acme"),
        ("OU", "Ship"),
        ("CN", "signer"),
    )


def test_domain_components_may_repeat():
    holder = pki.issue("DC=test,DC=acme,CN=signer", issuer=ROOT)
    assert certificate.subject_attributes(holder.certificate) == (("DC", "test"), ("DC", "acme"), ("CN", "signer"))


def named(*rdns):
    """A certificate of a subject that `distinguished` would not write."""
    name = x509.Name([x509.RelativeDistinguishedName(rdn) for rdn in rdns])
    private = pki.key(which="odd")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(ROOT.certificate.subject).serial_number(1)
    builder = builder.public_key(private.public_key()).not_valid_before(pki.NOW).not_valid_after(pki.NOW + pki.DAY)
    made = builder.sign(ROOT.private, pki.hashes.SHA256()).public_bytes(Encoding.DER)
    return certificate.load_chain([made])[0]


def attribute(oid, value, **more):
    return x509.NameAttribute(oid, value, **more)


@pytest.mark.parametrize(
    ("rdns", "why"),
    [
        ([[attribute(NameOID.ORGANIZATION_NAME, "Acme"), attribute(NameOID.COMMON_NAME, "x")]], "joins several"),
        ([[attribute(NameOID.ORGANIZATION_NAME, "Evil")], [attribute(NameOID.ORGANIZATION_NAME, "Acme")]], "twice"),
        ([[attribute(NameOID.COMMON_NAME, "a\nb")]], "not printable"),
        ([[attribute(NameOID.ORGANIZATION_NAME, "a\0")]], "not printable"),
        ([[attribute(ObjectIdentifier(f"1.2.3.{number}"), "x")] for number in range(65)], "65 attributes"),
        ([[attribute(ObjectIdentifier("1.2.3"), "x" * 5000)]], "over 2048 characters"),
    ],
)
def test_t52_a_pathological_distinguished_name_is_refused(rdns, why):
    with pytest.raises(NotProved, match=why):
        certificate.subject_attributes(named(*rdns))


def test_t52_values_that_look_like_syntax_are_shown_escaped():
    leaf = named([attribute(NameOID.COMMON_NAME, "#04,O=Acme+x")], [attribute(ObjectIdentifier("1.2.3"), "é")])
    assert certificate.facts(leaf, authority=ROOT.certificate).subject == "1.2.3=é,CN=\\#04\\,O\\=Acme\\+x"
    assert certificate.subject_attributes(leaf) == (("CN", "#04,O=Acme+x"), ("1.2.3", "é"))


def test_t53_more_than_ten_certificates_are_not_read():
    assert len(certificate.load_chain([ROOT.der] * 10)) == 10
    with pytest.raises(NotProved, match="brings 1000 certificates"):
        certificate.load_chain([ROOT.der] * 1000)


@pytest.mark.parametrize("raw", [b"", b"\x30", b"\x30\x82\xff\xff", b"not DER" * 100, b"\x30" * 65, b"x" * 70_000])
def test_t55_what_is_no_certificate_is_refused(raw):
    with pytest.raises(NotProved):
        certificate.load_chain([raw])


def test_t55_trailing_bytes_are_refused():
    with pytest.raises(NotProved):
        certificate.load_chain([ROOT.der + b"\0"])


@pytest.mark.filterwarnings("ignore::UserWarning")  # the library's, about serials that are not positive
@given(st.integers(0, 400), st.integers(0, 255))
def test_t55_a_certificate_with_a_changed_byte_is_read_or_refused(position, value):
    raw = bytearray(FIXED)
    raw[position % len(raw)] = value
    try:
        leaf = certificate.load_chain([bytes(raw)])[0]
        certificate.facts(leaf, authority=ROOT.certificate)
        assert certificate.subject_attributes(leaf) is not None
        assert certificate.spki_sha256(leaf)
    except NotProved as error:
        assert str(error)  # noqa: PT017 either is right


FIXED = pki.leaf(ROOT).der


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "rsa3072", "ed25519"])
def test_the_fingerprint_of_a_key_is_that_of_its_spki(kind):
    private = pki.key(kind)
    holder = pki.leaf(ROOT, private=private)
    assert certificate.spki_sha256(holder.certificate) == hashlib.sha256(pki.spki(private)).hexdigest()
    assert certificate.key_of(holder.certificate).public_bytes(
        Encoding.DER, pki.PublicFormat.SubjectPublicKeyInfo
    ) == pki.spki(private)


@pytest.mark.parametrize("kind", ["k256", "rsa1024"])
def test_keys_that_are_weak_or_not_verified_here_are_refused(kind):
    with pytest.raises(NotProved, match="none of EC P-256"):
        certificate.key_of(pki.leaf(ROOT, private=pki.key(kind)).certificate)


@needs_vectors
def test_the_lab_s_own_pki_names_its_signer():
    leaf = certificate.load_chain(pki.own_pki_chain())[0]
    found = certificate.facts(leaf, authority=ROOT.certificate)
    assert (found.subject, found.san, found.san_type) == ("CN=own-pki-leaf", "signer@acme.test", "email")
    assert base64.b16decode(found.sha256.upper())


def test_t55_a_certificate_has_one_spelling():
    """The bits that the signature's last byte does not use are none: else one certificate had several fingerprints."""
    for _ in range(64):
        holder = pki.root("CN=rsa", private=pki.key("rsa2048"))
        if holder.certificate.signature[-1] & 1 == 0:
            break
    again = bytearray(holder.der)
    again[-len(holder.certificate.signature) - 1] = 1
    assert x509.load_der_x509_certificate(bytes(again)).signature == holder.certificate.signature
    with pytest.raises(NotProved, match="not written as DER has it"):
        certificate.load_chain([bytes(again)])
