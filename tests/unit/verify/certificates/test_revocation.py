"""What an authority took back is refused, and what cannot be told is told as the operator wants it (T34)."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from proxy.verify.certificates import revocation
from proxy.verify.evidence import NotProved
from proxy.verify.material import X509Store
from tests.fakes import pki
from tests.fakes.pki import CODE, DAY, NOW

HOST = "crl.acme.test"
CRL = f"http://{HOST}/ca.crl"
OCSP = f"http://{HOST}/ocsp"
ROOT = pki.root()
CA = ROOT.issue("CN=ca", is_ca=True)
REVOKED = ocsp.OCSPCertStatus.REVOKED
UNKNOWN = ocsp.OCSPCertStatus.UNKNOWN
GOOD = revocation.Revocation(until=NOW + DAY)  # as long as the answers of `pki` hold


def signer(*, crl=(), ocsp_at=(), issuer=CA, **knobs):
    return issuer.issue("CN=signer", purposes=[CODE], crl=crl, ocsp_at=ocsp_at, **knobs)


BY_CRL, BY_OCSP, BY_BOTH = signer(crl=(CRL,)), signer(ocsp_at=(OCSP,)), signer(crl=(CRL,), ocsp_at=(OCSP,))


def store(mode="enforce", hosts=(HOST,), crls=()):
    return X509Store("vendors", roots=(ROOT.certificate,), revocation=mode, hosts=frozenset(hosts), crls=tuple(crls))


def check(holder, answers=None, *, mode="enforce", hosts=(HOST,), crls=(), at=None, now=NOW):
    path = revocation.Path(holder.chain, at)
    return revocation.check(path, store=store(mode, hosts, crls), now=now, answers=answers or {})


def refusal(holder, answers=None, **more):
    with pytest.raises(NotProved) as caught:
        check(holder, answers, **more)
    assert not isinstance(caught.value, revocation.Unasked)
    return str(caught.value)


def ocsp_key(holder):
    return revocation.urls(holder.chain)[0]


def by_crl(*serials, **knobs):
    return {CRL: pki.crl(CA, *serials, **knobs)}


def by_ocsp(holder, **knobs):
    return {ocsp_key(holder): pki.ocsp_answer(holder, **knobs)}


def test_a_certificate_that_names_nowhere_to_ask_cannot_be_revoked():
    assert check(signer()) == revocation.Revocation()
    assert revocation.urls(signer().chain) == ()
    assert (
        revocation.check(revocation.Path([ROOT.certificate]), store=store(), now=NOW, answers={})
        == revocation.Revocation()
    )


def test_what_could_be_asked_is_named_for_the_whole_chain_but_the_root():
    middle = ROOT.issue("CN=middle", is_ca=True, crl=("http://root.test/r.crl",))
    chain = signer(issuer=middle, crl=(CRL,), ocsp_at=(OCSP,)).chain
    keys = revocation.urls(chain)
    assert keys[0].startswith(f"ocsp:{OCSP}#")
    assert keys[1:] == (CRL, "http://root.test/r.crl")


def test_a_crl_that_does_not_list_it_proves_it():
    assert check(BY_CRL, by_crl(1, 2, 3)) == GOOD


@pytest.mark.parametrize("mode", ["enforce", "log"])
def test_t34_a_certificate_that_its_authority_lists_is_refused(mode):
    serial = BY_CRL.certificate.serial_number
    answers = by_crl(7, serial, entry=[x509.CRLReason(x509.ReasonFlags.key_compromise)])
    why = refusal(BY_CRL, answers, mode=mode)
    assert why.startswith(f"revoked: the certificate with serial {serial:x} was revoked by its authority at 2026-10-31")
    assert "keyCompromise (CRL)" in why


@pytest.mark.parametrize("mode", ["enforce", "log"])
def test_t34_a_certificate_that_ocsp_says_is_revoked_is_refused(mode):
    why = refusal(BY_OCSP, by_ocsp(BY_OCSP, status=REVOKED), mode=mode)
    assert why.startswith("revoked: the certificate with serial ")
    assert "keyCompromise (OCSP)" in why


def test_skip_asks_nothing_and_hears_nothing():
    assert check(BY_BOTH, mode="skip") == revocation.Revocation()
    assert check(BY_OCSP, by_ocsp(BY_OCSP, status=REVOKED), mode="skip") == revocation.Revocation()


def test_an_ocsp_answer_that_says_good_proves_it_and_no_crl_is_wanted():
    assert check(BY_OCSP, by_ocsp(BY_OCSP)) == GOOD
    assert check(BY_BOTH, by_ocsp(BY_BOTH)) == GOOD


@pytest.mark.parametrize("holder", [BY_CRL, BY_OCSP, BY_BOTH])
def test_t34_under_enforce_what_was_not_asked_is_refused_and_says_what_to_ask(holder):
    with pytest.raises(revocation.Unasked, match="was not asked yet") as caught:
        check(holder)
    assert caught.value.wanted == revocation.urls(holder.chain)[:1]
    assert isinstance(caught.value, NotProved)


@pytest.mark.parametrize("holder", [BY_CRL, BY_OCSP, BY_BOTH])
def test_under_log_what_was_not_asked_is_wanted_and_warned_of(holder):
    assert check(holder, mode="log") == revocation.Revocation(
        wanted=revocation.urls(holder.chain)[:1], warnings=(f"'{HOST}' was not asked",)
    )


@pytest.mark.parametrize("holder", [BY_CRL, BY_OCSP])
def test_t34_unreachable_is_refused_under_enforce_warned_of_under_log_and_nothing_under_skip(holder):
    nobody = {revocation.urls(holder.chain)[0]: b""}
    assert refusal(holder, nobody) == f"whether it is revoked is unknown: '{HOST}' did not answer"
    assert check(holder, nobody, mode="log") == revocation.Revocation(warnings=(f"'{HOST}' did not answer",))
    assert check(holder, nobody, mode="skip") == revocation.Revocation()


def test_a_crl_is_asked_where_ocsp_gave_no_answer():
    nobody = {ocsp_key(BY_BOTH): b""}
    with pytest.raises(revocation.Unasked) as caught:
        check(BY_BOTH, nobody)
    assert caught.value.wanted == (CRL,)
    assert check(BY_BOTH, nobody | by_crl()) == GOOD
    assert "revoked: " in refusal(BY_BOTH, nobody | by_crl(BY_BOTH.certificate.serial_number))
    assert "did not answer" in refusal(BY_BOTH, nobody | {CRL: b""})


def test_a_responder_that_does_not_know_leaves_it_to_the_crl():
    answers = by_ocsp(BY_BOTH, status=UNKNOWN)
    assert check(BY_BOTH, answers | by_crl()) == GOOD
    assert "does not know the certificate" in refusal(BY_OCSP, by_ocsp(BY_OCSP, status=UNKNOWN))


def test_the_whole_chain_is_asked_about():
    middle = ROOT.issue("CN=middle", is_ca=True, crl=("http://crl.acme.test/root.crl",))
    leaf = signer(issuer=middle)
    with pytest.raises(revocation.Unasked) as caught:
        check(leaf)
    assert caught.value.wanted == ("http://crl.acme.test/root.crl",)
    serial = middle.certificate.serial_number
    assert "revoked: " in refusal(leaf, {"http://crl.acme.test/root.crl": pki.crl(ROOT, serial)})
    assert check(leaf, {"http://crl.acme.test/root.crl": pki.crl(ROOT)}) == GOOD


STALE = {"begins": NOW - 9 * DAY, "ends": NOW - DAY}


def test_t34_a_stale_crl_proves_nothing():
    assert "the CRL is stale: it holds from 2026-10-23" in refusal(BY_CRL, by_crl(**STALE))
    assert "the CRL is stale" in check(BY_CRL, by_crl(**STALE), mode="log").warnings[0]
    assert "the CRL is stale" in refusal(BY_CRL, by_crl(begins=NOW + DAY / 2, ends=NOW + DAY))


def test_t34_what_a_stale_crl_lists_stays_revoked():
    assert "revoked: " in refusal(BY_CRL, by_crl(BY_CRL.certificate.serial_number, **STALE))


def test_a_hold_counts_while_the_list_holds():
    hold = {"entry": [x509.CRLReason(x509.ReasonFlags.certificate_hold)]}
    serial = BY_CRL.certificate.serial_number
    assert "certificateHold" in refusal(BY_CRL, by_crl(serial, **hold))
    assert "was on hold" in refusal(BY_CRL, by_crl(serial, **hold, **STALE))


def test_before_the_date_of_invalidity_a_timestamped_signature_still_counts():
    """Notation: compared with a time that a timestamp proved, never without one."""
    invalid = {"entry": [x509.InvalidityDate((NOW - 5 * DAY).replace(tzinfo=None))]}
    serial = BY_CRL.certificate.serial_number
    assert check(BY_CRL, by_crl(serial, **invalid), at=NOW - 6 * DAY) == GOOD
    assert "revoked: " in refusal(BY_CRL, by_crl(serial, **invalid), at=NOW - 4 * DAY)
    assert "revoked: " in refusal(BY_CRL, by_crl(serial, **invalid))
    assert "revoked: " in refusal(BY_CRL, by_crl(serial), at=NOW - 6 * DAY)
    assert "revoked: " in refusal(BY_CRL, by_crl(serial, **invalid, **STALE), at=NOW - 6 * DAY)


TWIN = ROOT.issue("CN=ca", is_ca=True, private=pki.key(which="twin"))


@pytest.mark.parametrize("by", [TWIN, ROOT, ROOT.issue("CN=x", is_ca=True, private=CA.private)])
def test_t34_a_crl_by_another_authority_proves_nothing(by):
    assert "not by the authority that issued" in refusal(BY_CRL, {CRL: pki.crl(by)})
    assert "not by the authority that issued" in refusal(BY_CRL, {CRL: pki.crl(by, BY_CRL.certificate.serial_number)})


def test_an_authority_that_may_not_sign_lists_signs_none():
    silent = ROOT.issue("CN=ca", is_ca=True, usages=("key_cert_sign",))
    leaf = signer(issuer=silent, crl=(CRL,))
    assert "not by the authority that issued" in refusal(leaf, {CRL: pki.crl(silent)})


def test_a_crl_over_a_hash_that_is_not_accepted_proves_nothing():
    assert "not by the authority that issued" in refusal(BY_CRL, by_crl(hash_with=hashes.SHA224()))


def point(**fields):
    only = {"only_contains_user_certs": False, "only_contains_ca_certs": False, "only_contains_attribute_certs": False}
    rest = {"full_name": None, "relative_name": None, "only_some_reasons": None, "indirect_crl": False}
    return [(x509.IssuingDistributionPoint(**(only | rest | fields)), True)]


@pytest.mark.parametrize(
    "extra",
    [
        point(full_name=[x509.UniformResourceIdentifier(CRL)]),
        point(only_contains_user_certs=True),
        [(x509.CRLNumber(7), False)],
        [(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0"), False)],
    ],
)
def test_a_crl_for_this_point_and_kind_proves_it(extra):
    assert check(BY_CRL, by_crl(extra=extra)) == GOOD


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        (point(full_name=[x509.UniformResourceIdentifier("http://crl.acme.test/2.crl")]), "another distribution point"),
        (point(only_contains_ca_certs=True), "another kind of certificate"),
        (point(only_contains_attribute_certs=True), "another kind of certificate"),
        (point(indirect_crl=True), "is indirect"),
        (point(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise])), "for some reasons only"),
        ([(x509.DeltaCRLIndicator(1), True)], "is a delta"),
        ([(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0"), True)], "critical extension 1.2.3"),
    ],
)
def test_t34_a_crl_that_speaks_of_other_certificates_proves_nothing(extra, why):
    assert why in refusal(BY_CRL, by_crl(extra=extra))


def test_a_list_of_signers_says_nothing_of_an_authority():
    middle = ROOT.issue("CN=middle", is_ca=True, crl=(CRL,))
    users = pki.crl(ROOT, extra=point(only_contains_user_certs=True))
    assert "another kind of certificate" in refusal(signer(issuer=middle), {CRL: users})


@pytest.mark.parametrize("raw", [b"x", b"\x30\x03\x02\x01\x01", pki.crl(CA)[:-1], pki.crl(CA) + b"\0"])
def test_t55_a_crl_or_an_answer_that_cannot_be_read_proves_nothing(raw):
    assert "cannot be read" in refusal(BY_CRL, {CRL: raw})
    assert "cannot be read" in refusal(BY_OCSP, {ocsp_key(BY_OCSP): raw})


def test_t08_answers_over_their_caps_are_not_read():
    assert "over 16 MiB" in refusal(BY_CRL, {CRL: b"\0" * (16 * 1024 * 1024 + 1)})
    assert "over 64 KiB" in refusal(BY_OCSP, {ocsp_key(BY_OCSP): b"\0" * (64 * 1024 + 1)})


def test_t34_a_changed_crl_or_answer_proves_nothing():
    listed, answer = bytearray(pki.crl(CA, 1)), bytearray(pki.ocsp_answer(BY_OCSP))
    listed[-1] ^= 1
    answer[-1] ^= 1
    assert refusal(BY_CRL, {CRL: bytes(listed)})
    assert refusal(BY_OCSP, {ocsp_key(BY_OCSP): bytes(answer)})


def test_t34_an_ocsp_answer_for_another_serial_proves_nothing():
    other = signer(ocsp_at=(OCSP,))
    assert "about another certificate" in refusal(BY_OCSP, {ocsp_key(BY_OCSP): pki.ocsp_answer(other)})
    revoked = pki.ocsp_answer(other, status=REVOKED)
    assert "about another certificate" in refusal(BY_OCSP, {ocsp_key(BY_OCSP): revoked})


def test_t34_an_ocsp_answer_about_the_same_serial_of_another_authority_proves_nothing():
    twin = signer(issuer=TWIN, serial=BY_OCSP.certificate.serial_number)
    answer = pki.ocsp_answer(twin, responder=CA)
    assert "about another certificate" in refusal(BY_OCSP, {ocsp_key(BY_OCSP): answer})


def test_t34_a_stale_ocsp_answer_proves_nothing():
    assert "the OCSP answer is stale" in refusal(BY_OCSP, by_ocsp(BY_OCSP, begins=NOW - 3 * DAY, ends=NOW - DAY))
    assert "the OCSP answer is stale" in refusal(BY_OCSP, by_ocsp(BY_OCSP, begins=NOW + DAY / 2))
    assert "(no end)" in refusal(BY_OCSP, by_ocsp(BY_OCSP, ends=None))


def test_t34_a_stale_ocsp_answer_that_says_revoked_still_does():
    stale = by_ocsp(BY_OCSP, status=REVOKED, begins=NOW - 3 * DAY, ends=NOW - DAY)
    assert "revoked: " in refusal(BY_OCSP, stale)


def test_a_clock_that_is_some_minutes_ahead_is_no_fault():
    ahead = {"begins": NOW + timedelta(minutes=4)}
    assert check(BY_OCSP, by_ocsp(BY_OCSP, **ahead)) == check(BY_CRL, by_crl(**ahead)) == GOOD


def test_an_answer_that_is_an_error_proves_nothing():
    error = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    raw = error.public_bytes(pki.Encoding.DER)
    assert "says try_later" in refusal(BY_OCSP, {ocsp_key(BY_OCSP): raw})


def responder(issuer=CA, **knobs):
    honest = {"purposes": [ExtendedKeyUsageOID.OCSP_SIGNING], "extra": [x509.OCSPNoCheck()]}
    return issuer.issue("CN=responder", **(honest | knobs))


def test_a_responder_that_the_authority_named_may_answer():
    assert check(BY_OCSP, by_ocsp(BY_OCSP, responder=responder())) == GOOD


@pytest.mark.parametrize(
    "by",
    [
        responder(TWIN),
        responder(ROOT),
        responder(purposes=[CODE]),
        responder(purposes=[]),
        responder(extra=[]),
        responder(not_after=NOW - DAY),
        responder(not_before=NOW + DAY),
        responder(private=pki.key("rsa1024")),
        responder(hash_with=hashes.SHA224()),
        TWIN,
        BY_CRL,
    ],
)
def test_t34_an_answer_by_whom_the_authority_did_not_name_proves_nothing(by):
    for status in (ocsp.OCSPCertStatus.GOOD, REVOKED):
        assert "not signed by the certificate's authority" in refusal(
            BY_OCSP, by_ocsp(BY_OCSP, responder=by, status=status)
        )


def test_an_answer_over_a_hash_that_is_not_accepted_proves_nothing():
    assert "not signed by" in refusal(BY_OCSP, by_ocsp(BY_OCSP, hash_with=hashes.SHA224()))


@pytest.mark.parametrize("kind", ["p384", "p521", "rsa2048"])
def test_authorities_of_each_kind_of_key_may_answer(kind):
    issuer = ROOT.issue("CN=ca", is_ca=True, private=pki.key(kind))
    leaf = signer(issuer=issuer, crl=(CRL,), ocsp_at=(OCSP,))
    assert check(leaf, by_ocsp(leaf)) == GOOD
    nobody = {ocsp_key(leaf): b""}
    assert check(leaf, nobody | {CRL: pki.crl(issuer)}) == GOOD


def test_an_ed25519_authority_may_list():
    issuer = ROOT.issue("CN=ca", is_ca=True, private=pki.key("ed25519"))
    leaf = signer(issuer=issuer, crl=(CRL,))
    assert check(leaf, {CRL: pki.crl(issuer)}) == GOOD
    assert "revoked: " in refusal(leaf, {CRL: pki.crl(issuer, leaf.certificate.serial_number)})


@pytest.mark.parametrize("holder", [BY_CRL, BY_OCSP, BY_BOTH])
def test_t58_nothing_is_wanted_of_a_host_that_the_operator_did_not_name(holder):
    for hosts in ((), ("acme.test",), ("evil.crl.acme.test",), (f"{HOST}:8080",)):
        assert f"'{HOST}' is not among the store's hosts; add it there" in refusal(holder, hosts=hosts)
        logged = check(holder, hosts=hosts, mode="log")
        assert logged.wanted == ()
        assert f"'{HOST}' is not among the store's hosts" in logged.warnings[0]
        assert check(holder, hosts=hosts, mode="skip") == revocation.Revocation()


@pytest.mark.parametrize(
    "url",
    [
        "ldap://crl.acme.test/cn=ca",
        "file:///etc/passwd",
        "ftp://crl.acme.test/x",
        "http://crl.acme.test@evil.test/x",
        "http://evil.test/#crl.acme.test",
        "http://evil.test\\@crl.acme.test/x",
        "http://user:word@crl.acme.test/x",
        "http://crl.acme.test:99999/x",
        "http://[crl.acme.test/x",
        "http://crl.acme.test/" + "x" * 3000,
        "http://crl.acme.test/a b",
        "http://crl.acme.test/a\r\nHost: evil.test",
        "//crl.acme.test/x",
        "",
    ],
)
def test_t58_urls_that_lead_elsewhere_are_never_wanted(url):
    for holder in (signer(crl=(url,)), signer(ocsp_at=(url,))):
        assert "whether it is revoked is unknown" in refusal(holder)
        assert check(holder, mode="log").wanted == ()


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://CRL.ACME.TEST/x", (HOST,)),
        (CRL, (HOST.upper(),)),
        ("https://crl.acme.test/x", (HOST,)),
        ("http://crl.acme.test:8080/x", ("crl.acme.test:8080",)),
        ("http://crl.acme.test:8080/x", (HOST,)),
    ],
)
def test_a_host_is_named_alone_or_with_its_port(url, hosts):
    assert check(signer(crl=(url,)), hosts=hosts, mode="log").wanted == (url,)


def test_no_more_than_three_places_of_a_kind_are_asked():
    many = tuple(f"http://crl.acme.test/{number}" for number in range(9))
    assert check(signer(crl=many), mode="log").wanted == many[:3]


def test_of_several_places_one_good_answer_suffices():
    two = signer(crl=(CRL, "http://crl.acme.test/2"))
    assert check(two, by_crl()) == GOOD
    assert check(two, {CRL: b"", "http://crl.acme.test/2": pki.crl(CA)}) == GOOD
    with pytest.raises(revocation.Unasked) as caught:
        check(two, {CRL: b""})
    assert caught.value.wanted == ("http://crl.acme.test/2",)


def test_what_a_host_that_is_not_named_any_more_answered_still_counts():
    assert check(BY_CRL, by_crl(), hosts=()) == GOOD


def test_a_point_that_names_no_url_is_not_nowhere():
    issuer = x509.DistributionPoint(None, None, None, [x509.DirectoryName(ROOT.certificate.subject)])
    odd = signer(extra=[x509.CRLDistributionPoints([issuer])])
    assert "names its CRL in a way that is not understood" in refusal(odd)
    assert check(odd, mode="skip") == revocation.Revocation()


def test_a_crl_that_the_operator_gave_answers_without_a_network():
    assert check(BY_BOTH, crls=[pki.crl(CA)], hosts=()) == GOOD
    assert check(BY_BOTH, crls=[pki.crl(TWIN), pki.crl(ROOT), pki.crl(CA)], hosts=()) == GOOD


def test_t34_a_crl_that_the_operator_gave_revokes_what_names_nowhere_to_ask():
    plain = signer()
    assert "revoked: " in refusal(plain, crls=[pki.crl(CA, plain.certificate.serial_number)])
    assert "revoked: " in refusal(BY_OCSP, by_ocsp(BY_OCSP), crls=[pki.crl(CA, BY_OCSP.certificate.serial_number)])


def test_a_stale_crl_that_the_operator_gave_is_told_or_asked_anew():
    stale = [pki.crl(CA, **STALE)]
    assert "the CRL is stale" in refusal(signer(), crls=stale)
    assert "the CRL is stale" in check(signer(), crls=stale, mode="log").warnings[0]
    assert check(BY_OCSP, by_ocsp(BY_OCSP), crls=stale) == GOOD


def test_crls_of_others_and_junk_that_the_operator_gave_say_nothing():
    assert check(signer(), crls=[b"junk", pki.crl(TWIN, 1)]) == revocation.Revocation()


def test_an_ocsp_request_asks_for_the_certificate_by_its_issuer():
    url, body = revocation.ocsp_request(ocsp_key(BY_OCSP))
    asked = ocsp.load_der_ocsp_request(body)
    answer = ocsp.load_der_ocsp_response(pki.ocsp_answer(BY_OCSP))
    assert url == OCSP
    assert asked.serial_number == BY_OCSP.certificate.serial_number
    assert (asked.issuer_key_hash, asked.issuer_name_hash) == (answer.issuer_key_hash, answer.issuer_name_hash)


@pytest.mark.parametrize("key", ["", CRL, f"ocsp:{OCSP}", f"ocsp:{OCSP}#", f"ocsp:{OCSP}#zz-00-00", f"ocsp:{OCSP}#1-2"])
def test_what_is_no_ocsp_key_makes_no_request(key):
    with pytest.raises(ValueError):
        revocation.ocsp_request(key)


LISTED, ANSWER = pki.crl(CA, 1), pki.ocsp_answer(BY_OCSP)


@pytest.mark.filterwarnings("ignore::UserWarning")  # the library's, about odd serials
@given(st.integers(0, 2000), st.integers(0, 255))
def test_t55_an_answer_with_a_changed_byte_proves_nothing(position, value):
    for holder, key, raw in ((BY_CRL, CRL, LISTED), (BY_OCSP, ocsp_key(BY_OCSP), ANSWER)):
        changed = bytearray(raw)
        changed[position % len(raw)] = value
        if bytes(changed) != raw:
            assert refusal(holder, {key: bytes(changed)})


def test_t34_who_could_not_be_asked_is_no_refusal_and_what_only_the_operator_can_mend_is():
    """Unknown: the certificate may be good, so that nothing follows; NotProved alone: asking again would not help."""
    nobody = {CRL: b""}
    for answers in (nobody, by_crl(**STALE), {CRL: b"junk"}, {CRL: pki.crl(TWIN)}):
        with pytest.raises(revocation.Unknown, match="whether it is revoked is unknown"):
            check(BY_CRL, answers)
    with pytest.raises(NotProved) as caught:
        check(BY_CRL, hosts=())
    assert not isinstance(caught.value, revocation.Unknown)
    with pytest.raises(NotProved) as caught:
        check(signer(), crls=[pki.crl(CA, **STALE)])
    assert not isinstance(caught.value, revocation.Unknown)
    with pytest.raises(revocation.Unknown):
        check(BY_BOTH, {ocsp_key(BY_BOTH): b""} | nobody)


def test_t34_one_that_is_revoked_outweighs_one_that_is_unknown():
    middle = ROOT.issue("CN=middle", is_ca=True, crl=("http://crl.acme.test/root.crl",))
    leaf = signer(issuer=middle, crl=(CRL,))
    revoked = pki.crl(ROOT, middle.certificate.serial_number)
    assert "revoked: " in refusal(leaf, {CRL: b"", "http://crl.acme.test/root.crl": revoked})


def test_all_chains_are_asked_about_at_once_and_the_first_answer_that_ends_counts():
    other = signer(crl=("http://crl.acme.test/2.crl",))
    paths = [revocation.Path(BY_CRL.chain), revocation.Path(other.chain)]
    with pytest.raises(revocation.Unasked) as caught:
        revocation.check(*paths, store=store(), now=NOW, answers={})
    assert caught.value.wanted == (CRL, "http://crl.acme.test/2.crl")
    answers = by_crl() | {"http://crl.acme.test/2.crl": pki.crl(CA, ends=NOW + DAY / 2)}
    assert revocation.check(*paths, store=store(), now=NOW, answers=answers).until == NOW + DAY / 2
    assert revocation.check(store=store(), now=NOW, answers={}) == revocation.Revocation()


def test_of_two_lists_that_prove_it_the_later_end_counts():
    two = signer(crl=(CRL, "http://crl.acme.test/2"))
    answers = {CRL: pki.crl(CA, ends=NOW + DAY / 2), "http://crl.acme.test/2": pki.crl(CA)}
    assert check(two, answers) == GOOD
    assert check(BY_CRL, crls=[pki.crl(CA, ends=NOW + DAY / 2), pki.crl(CA)], hosts=()) == GOOD


@pytest.mark.parametrize("mode", ["enforce", "log"])
def test_t34_a_list_without_an_end_proves_nothing_and_what_it_lists_is_revoked_all_the_same(mode):
    endless = {CRL: pki.crl_without_end(CA)}
    if mode == "enforce":
        assert "(no end)" in refusal(BY_CRL, endless)
    else:
        assert "(no end)" in check(BY_CRL, endless, mode=mode).warnings[0]
    listed = {CRL: pki.crl_without_end(CA, BY_CRL.certificate.serial_number)}
    assert "revoked: " in refusal(BY_CRL, listed, mode=mode)


def test_an_answer_says_itself_when_it_ends():
    key = ocsp_key(BY_OCSP)
    assert revocation.ends(CRL, pki.crl(CA)) == revocation.ends(key, pki.ocsp_answer(BY_OCSP)) == NOW + DAY
    for junk in (b"", b"junk", pki.crl_without_end(CA), pki.ocsp_answer(BY_OCSP)):
        assert revocation.ends(CRL, junk) is None
    for junk in (b"", b"junk", pki.ocsp_answer(BY_OCSP, ends=None), pki.crl(CA)):
        assert revocation.ends(key, junk) is None
    error = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    assert revocation.ends(key, error.public_bytes(pki.Encoding.DER)) is None
