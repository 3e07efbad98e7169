"""T55: whatever comes, each parser of the pure rooms says so in our words, within a second of work and a bounded memory.

Which parsers there are is read from the rooms: a new one without a row here fails. Time is the processor's own, over
inputs so long that what is not linear takes minutes; memory is Python's, counted.
"""

import functools
import importlib
import inspect
import json
import pkgutil
import time
import tracemalloc
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.demo.images import make_image, make_index
from proxy.errors import PratiqueError
from proxy.facts import Unreadable, image, provenance, reading, sbom, scanners, verdicts, vex, vulnerabilities
from proxy.oci import byterange, challenge, config, document, errorbody, manifest, referrers, route, strictjson
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.reference import ImageName, Repository, parse_reference
from proxy.policy import briefs, pins
from proxy.policy.checks import bases
from proxy.policy.decision import Decision, Verdict
from proxy.policy.hearing import Brief, Seen
from proxy.policy.match import Glob
from proxy.policy.who import distinguished
from proxy.policy.words import document as policy_document
from proxy.policy.words import entries
from proxy.verify import crosscheck, encoding, keys, trustedroot
from proxy.verify.certificates import crl, fulcio, ocsp
from proxy.verify.evidence import Found, NotProved, Target
from proxy.verify.formats import bundle, dsse, simplesigning, statement
from proxy.verify.material import TrustMaterial
from proxy.verify.notation import cbor, cose, jws, rules
from proxy.verify.notation import envelope as notation
from proxy.verify.witness import logbody, logentry, recorded, timestamp, timestamptoken
from tests.fakes import predicates
from tests.fakes.notary import Pen
from tests.fakes.pki import CODE, NOW, Holder, key, ocsp_answer, root
from tests.fakes.pki import crl as revocation_list
from tests.fakes.signing import Key, Sigstore, Workflow
from tests.fakes.tsas import FakeAuthority

IMAGE = make_image("app")
SUBJECT = IMAGE.digest
TARGET = Target(Repository("reg.test", "acme/app"), SUBJECT, IMAGE.media_type, IMAGE.size)
LONG = 128 * 1024  # bytes of one input: what is linear takes milliseconds of it, what is quadratic over a minute
WRITTEN = 8 * 1024  # and of what an operator writes, which YAML reads slowly
SECONDS = 1.0
# Python's objects are tens of bytes for a byte of JSON that makes one.
OBJECTS, SLACK = 64, 8 * 1024 * 1024


# --- which parsers there are


def doors() -> frozenset[str]:
    """Whatever is public in a pure room and takes bytes first, or is called after reading."""
    return frozenset(name for room in ("oci", "verify", "facts", "policy") for name in _doors(f"proxy.{room}"))


def _doors(room: str) -> Iterator[str]:
    package = importlib.import_module(room)
    for found in pkgutil.walk_packages(package.__path__, f"{room}."):
        module = importlib.import_module(found.name)
        for name, each in _callables(module):
            parameters = list(inspect.signature(each).parameters.values())
            takes_bytes = bool(parameters) and parameters[0].annotation is bytes
            reads = name.rpartition(".")[2].startswith(("parse", "read", "from_", "decode"))
            if parameters and (takes_bytes or reads):
                yield f"{found.name.removeprefix('proxy.')}.{name}"


def _callables(module: Any) -> Iterator[tuple[str, Any]]:
    for name, each in vars(module).items():
        if name.startswith("_") or getattr(each, "__module__", "") != module.__name__:
            continue
        if inspect.isfunction(each):
            yield name, each
        elif inspect.isclass(each):
            for inner, held in vars(each).items():
                if isinstance(held, classmethod | staticmethod) and not inner.startswith("_"):
                    yield f"{name}.{inner}", getattr(each, inner)


# What takes bytes or a parsed value and parses nothing, and what another row feeds.
NO_PARSERS = frozenset(
    {
        "oci.digest.Digest.of",
        "oci.digest.require_digest",
        "verify.ed25519ph.verify",
        "verify.ed25519ph.is_sound_key",
        "verify.hashed.hash_of",
        "verify.formats.simplesigning.read_signature",
        "oci.reference.EvidenceTag.parse",
        "policy.words.revocations.read_digest",
    }
)
# What parses, and takes something else first.
PARSERS_TOO = frozenset({"facts.image.image_facts"})


# --- what is good, to be spoiled


@functools.cache
def sample(name: str) -> Any:
    """A good input of this kind."""
    return _SAMPLES[name]()


@functools.cache
def sigstore() -> Sigstore:
    return Sigstore("hold")


@functools.cache
def bundled() -> dict[str, Any]:
    return Workflow(sigstore(), "release@acme.test", "https://issuer.test").bundle(sample("statement"))


@functools.cache
def certified() -> tuple[Holder, Holder]:
    """A CA, and somebody whom it certified."""
    authority = root()
    return authority, authority.issue("C=US,ST=WA,O=Acme,CN=release", purposes=[CODE])


def _brief() -> Any:
    parsed = manifest.parse_manifest(IMAGE.manifest, digest=SUBJECT, content_type=IMAGE.media_type)
    found = Found("referrers", SUBJECT, SUBJECT, "x", {}, b"{}")
    return json.loads(json.dumps(briefs.to_record(Brief("a.b/**", parsed, Seen(TARGET, (found,), gathered=True), NOW))))


def _decision() -> Any:
    made = Decision(
        "k", Verdict.DENY, TARGET.repository, SUBJECT, "r", "enforce", "no", "unverified", (), (), (), (), NOW, None
    )
    return json.loads(json.dumps(made.to_record()))


def _statement() -> bytes:
    said = {
        "_type": statement.TYPES[1],
        "subject": [{"digest": {"sha256": SUBJECT.hex}}],
        "predicateType": "https://a/b",
    }
    return json.dumps(said | {"predicate": {"a": [1, {"b": None}]}}).encode()


def _simple() -> bytes:
    identity, about = {"docker-reference": "reg.test/acme/app"}, {"docker-manifest-digest": str(SUBJECT)}
    critical = {"identity": identity, "image": about, "type": "cosign container image signature"}
    return json.dumps({"critical": critical, "optional": {"a": "b"}}).encode()


def _entry() -> Any:
    return bundled()["verificationMaterial"]["tlogEntries"][0]


def _layer() -> Any:
    return Workflow(sigstore(), "release@acme.test", "https://issuer.test").layer(sample("statement"))


_SAMPLES: dict[str, Callable[[], Any]] = {
    "manifest": lambda: IMAGE.manifest,
    "index": lambda: make_index([IMAGE]).manifest,
    "config": lambda: next(raw for raw in IMAGE.blobs.values() if raw.startswith(b"{")),
    "simple": _simple,
    "statement": _statement,
    "envelope": lambda: Key(key(which="hold")).dsse(_statement()),
    "bundle": lambda: json.dumps(bundled()).encode(),
    "trusted root": lambda: sigstore().logged,
    "entry": _entry,
    "body": lambda: b64decode(_entry()["canonicalizedBody"]),
    "annotation": lambda: _layer().annotations["dev.sigstore.cosign/bundle"],
    "annotations": lambda: dict(_layer().annotations),
    "pem": lambda: _layer().annotations["dev.sigstore.cosign/certificate"],
    "token": lambda: FakeAuthority.make().stamp(b"x"),
    "crl": lambda: revocation_list(certified()[0], 7),
    "ocsp": lambda: ocsp_answer(certified()[1]),
    "jws": lambda: Pen(certified()[1], "jws").write(),
    "cose": lambda: Pen(certified()[1], "cose").write(),
    "key": lambda: key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "error": lambda: errorbody.render("DENIED", "no"),
    "policy": lambda: (
        "version: 1\nsigners: { a: { key: a.pub, log: none } }\n"
        "images: [ { match: a.b/**, require: [ { signature: a } ] } ]\n"
    ),
    "lock": lambda: f"version: 1\npins:\n  reg.test/acme/app:\n    v1: {SUBJECT}\n",
    "brief": _brief,
    "decision": _decision,
    "utf8": lambda: b"\x0c\x05hello",
    **{f"predicate {kind}": (lambda said=said: said[0]) for kind, said in predicates.GOOD.items()},
}


# --- a row for each parser


@dataclass(frozen=True)
class Row:
    """`feed`: raw | text | value | written (by an operator). `own`: errors that its room calls ours, beside PratiqueError."""

    feed: str
    call: Callable[[Any], object]
    sample: str = ""
    own: tuple[type[Exception], ...] = ()


def raw(call: Callable[[Any], object], sample: str, *own: type[Exception]) -> Row:
    return Row("raw", call, sample, own)


def text(call: Callable[[Any], object], sample: str = "", *own: type[Exception]) -> Row:
    return Row("text", call, sample, own)


def value(call: Callable[[Any], object], sample: str = "", *own: type[Exception]) -> Row:
    return Row("value", call, sample, own)


def predicate(call: Callable[[Any], object], kind: str) -> Row:
    return Row("value", call, f"predicate {kind}", (Unreadable,))


def _manifest(given: bytes) -> object:
    return manifest.parse_manifest(given, digest=Digest.of(given), content_type="")


def _image(given: bytes) -> object:
    parsed = manifest.parse_manifest(IMAGE.manifest, digest=SUBJECT, content_type=IMAGE.media_type)
    return image.image_facts(parsed, given, now=NOW)


def _bare(given: bytes) -> object:
    material = TrustMaterial(signers={})
    return bundle.prove_bare(given, artifact=None, digest=SUBJECT, signers=(), material=material, now=NOW)


def _opinion(given: bytes) -> object:
    trusted = trustedroot.parse("hold", sample("trusted root"))
    return crosscheck.second_opinion(given, root=trusted, digest=SUBJECT)


def _told(room: Any, **more: Any) -> Callable[[bytes], object]:
    def tell(given: bytes) -> object:
        authority, leaf = certified()
        return room.tell(given, certificate=leaf.certificate, issuer=authority.certificate, now=NOW, **more)

    return tell


def _stamped(prove: Callable[..., object], **under: Any) -> Callable[[bytes], object]:
    return lambda given: prove(given, imprints=[b"x"], **under)


def _bound(given: bytes) -> object:
    return logbody.require(given, recorded.Signing(b"s", b"m", b"p", None, b"k", None))


def _attributes(given: Any) -> object:
    protected = given if isinstance(given, dict) else {}
    return notation.read_attributes(protected, critical=given, content_type=given)


def _lines(read: Callable[[str], object]) -> Callable[[str], object]:
    return lambda given: [read(line) for line in given.split("\n")[:4]]


ROWS: dict[str, Row] = {
    "oci.byterange.parse": text(byterange.parse),
    "oci.challenge.parse": text(challenge.parse),
    "oci.config.platform_of": raw(config.platform_of, "config"),
    "oci.descriptor.Platform.parse": text(Platform.parse),
    "oci.digest.Digest.parse": text(Digest.parse),
    "oci.digest.Digest.all_of": raw(Digest.all_of, "manifest"),
    "oci.document.read_descriptor": value(lambda given: document.read_descriptor(given, what="x")),
    "oci.document.read_media_type": value(lambda given: document.read_media_type(given, what="x")),
    "oci.document.read_text": value(lambda given: document.read_text(given, what="x")),
    "oci.document.read_annotations": value(lambda given: document.read_annotations(given, what="x"), "annotations"),
    "oci.document.read_platform": value(lambda given: document.read_platform(given, what="x")),
    "oci.errorbody.parse": raw(errorbody.parse, "error"),
    "oci.manifest.parse_manifest": raw(_manifest, "manifest"),
    "oci.reference.parse_reference": text(parse_reference),
    "oci.reference.ImageName.parse": text(ImageName.parse),
    "oci.referrers.parse_listing": raw(referrers.parse_listing, "index"),
    "oci.route.parse": text(lambda given: route.parse("GET", f"/v2/{given}", given)),
    "oci.strictjson.parse": raw(strictjson.parse, "bundle"),
    "verify.certificates.crl.is_by": raw(lambda given: crl.is_by(given, certified()[0].certificate), "crl", NotProved),
    "verify.certificates.crl.tell": raw(_told(crl, at=None), "crl", NotProved),
    "verify.certificates.crl.ends": raw(crl.ends, "crl"),
    "verify.certificates.ocsp.tell": raw(_told(ocsp), "ocsp", NotProved),
    "verify.certificates.ocsp.ends": raw(ocsp.ends, "ocsp"),
    "verify.certificates.fulcio.text_in": raw(lambda given: fulcio.text_in(given, is_bare=False), "utf8", NotProved),
    "verify.certificates.fulcio.utf8_string": raw(fulcio.utf8_string, "utf8", ValueError),
    "verify.crosscheck.second_opinion": raw(_opinion, "bundle"),
    "verify.encoding.read_base64": value(lambda given: encoding.read_base64(given, what="x"), "", NotProved),
    "verify.encoding.read_certificates": text(
        lambda given: encoding.read_certificates(given, what="x", limit=10), "pem", NotProved
    ),
    "verify.formats.bundle.parse_bundle": raw(bundle.parse_bundle, "bundle", NotProved),
    "verify.formats.bundle.prove_bare": raw(_bare, "bundle"),
    "verify.formats.dsse.parse_envelope": raw(dsse.parse_envelope, "envelope", NotProved),
    "verify.formats.dsse.read_envelope": value(lambda given: dsse.read_envelope(given, limit=1), "", NotProved),
    "verify.formats.simplesigning.read_payload": raw(simplesigning.read_payload, "simple", NotProved),
    "verify.formats.statement.parse_statement": raw(
        lambda given: statement.parse_statement(given, subject=SUBJECT), "statement", NotProved
    ),
    "verify.keys.load": raw(keys.load, "key"),
    "verify.notation.cbor.decode": raw(lambda given: cbor.decode(given, what="x"), "cose", NotProved),
    "verify.notation.cose.read": raw(cose.read, "cose", NotProved),
    "verify.notation.envelope.read_attributes": value(_attributes, "", NotProved),
    "verify.notation.jws.read": raw(jws.read, "jws", NotProved),
    "verify.notation.rules.require_target": raw(
        lambda given: rules.require_target(given, TARGET), "statement", NotProved
    ),
    "verify.trustedroot.parse": raw(lambda given: trustedroot.parse("hold", given), "trusted root"),
    "verify.witness.logbody.read": raw(logbody.read, "body", NotProved),
    "verify.witness.logbody.read_object": raw(lambda given: logbody.read_object(given, what="x"), "body", NotProved),
    "verify.witness.logbody.require": raw(_bound, "body", NotProved),
    "verify.witness.logentry.from_annotation": text(logentry.from_annotation, "annotation", NotProved),
    "verify.witness.logentry.from_bundle": value(logentry.from_bundle, "entry", NotProved),
    "verify.witness.timestamp.prove": raw(_stamped(timestamp.prove, authorities=[]), "token", NotProved),
    "verify.witness.timestamp.prove_under": raw(_stamped(timestamp.prove_under, anchors=[]), "token", NotProved),
    "verify.witness.timestamptoken.read": raw(timestamptoken.read, "token", NotProved),
    "facts.image.image_facts": raw(_image, "config", Unreadable),
    "facts.provenance.read_v02": predicate(provenance.read_v02, "https://slsa.dev/provenance/v0.2"),
    "facts.provenance.read_v1": predicate(provenance.read_v1, "https://slsa.dev/provenance/v1"),
    "facts.reading.read": predicate(
        lambda given: reading.read("https://spdx.dev/Document", given), "https://spdx.dev/Document"
    ),
    "facts.sbom.read_sbom": predicate(sbom.read_sbom, "https://cyclonedx.org/bom"),
    "facts.scanners.read_result": predicate(scanners.read_result, "https://in-toto.io/attestation/vulns/v0.2"),
    "facts.verdicts.read_vsa_v02": predicate(verdicts.read_vsa_v02, "https://slsa.dev/verification_summary/v0.2"),
    "facts.verdicts.read_vsa_v1": predicate(verdicts.read_vsa_v1, "https://slsa.dev/verification_summary/v1"),
    "facts.verdicts.read_test": predicate(verdicts.read_test, "https://in-toto.io/attestation/test-result/v0.1"),
    "facts.verdicts.read_sign": predicate(verdicts.read_sign, "https://sigstore.dev/cosign/sign/v1"),
    "facts.verdicts.read_custom": predicate(verdicts.read_custom, "https://cosign.sigstore.dev/attestation/v1"),
    "facts.vex.read_vex": predicate(vex.read_vex, "https://openvex.dev/ns/v0.2.0"),
    "facts.vulnerabilities.read_scan": predicate(
        vulnerabilities.read_scan, "https://cosign.sigstore.dev/attestation/vuln/v1"
    ),
    "policy.briefs.from_record": value(briefs.from_record, "brief", ValueError, KeyError, TypeError),
    "policy.checks.bases.diff_ids_of": raw(bases.diff_ids_of, "config"),
    "policy.decision.Decision.from_record": value(Decision.from_record, "decision", ValueError, KeyError, TypeError),
    "policy.match.Glob.parse": text(_lines(lambda line: Glob.parse(line).matches(line))),
    "policy.match.Glob.parse_tag": text(_lines(lambda line: Glob.parse_tag(line).matches(line))),
    "policy.pins.parse_lock": Row("written", lambda given: pins.parse_lock(given, file="pins.lock.yaml"), "lock"),
    "policy.who.distinguished.parse_subject": text(distinguished.parse_subject),
    "policy.words.document.parse_policy": Row(
        "written", lambda given: policy_document.parse_policy(given, file="policy.yaml", now=NOW), "policy"
    ),
    "policy.words.entries.parse_match": text(entries.parse_match),
}


def test_every_parser_of_the_pure_rooms_has_its_row():
    assert (doors() - NO_PARSERS) | PARSERS_TOO == ROWS.keys()


@pytest.mark.parametrize("name", ROWS)
def test_each_row_is_fed_something_that_its_parser_reads(name):
    """Otherwise a good input would be spoiled that never was one."""
    row = ROWS[name]
    error = _feed(row, sample(row.sample)) if row.sample else None
    assert (error is not None) is (name in _READS_PART_OF_IT), error


# Parsers whose sample is refused as a whole, since it is of another matter: what is spoiled in it is of their kind still.
_READS_PART_OF_IT = frozenset(
    {
        "verify.notation.cbor.decode",
        "verify.notation.rules.require_target",
        "verify.witness.logbody.require",
        "verify.witness.timestamp.prove",
        "verify.witness.timestamp.prove_under",
        "facts.scanners.read_result",
    }
)


# --- no exception other than ours


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", ROWS)
@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(choices=st.data())
def test_t55_no_input_leads_to_another_error_than_ours(name, choices):
    row = ROWS[name]
    error = _feed(row, choices.draw(_inputs(row)))
    assert error is None or str(error).isprintable() or row.feed == "written", "it is shown to people"


def _feed(row: Row, held: Any) -> Exception | None:
    """Our error, where it leads to one; any other is not caught."""
    try:
        row.call(held)
    except (PratiqueError, *row.own) as error:
        return error
    return None


def _inputs(row: Row) -> st.SearchStrategy[Any]:
    if row.feed == "value":
        return JSON | (_spoiled_values(sample(row.sample)) if row.sample else JSON)
    if row.feed == "raw":
        return st.binary(max_size=200) | JSON.map(lambda each: json.dumps(each).encode()) | _spoiled(sample(row.sample))
    strange = st.text(max_size=60) | st.text("/:@*.-_%=,;\"'\\ \n#+<>[]{}()0aZé\ud800", max_size=60)
    if not row.sample:
        return strange
    return strange | _spoiled(sample(row.sample).encode()).map(lambda each: each.decode(errors="surrogateescape"))


@st.composite
def _spoiled(draw: Any, good: bytes) -> bytes:
    """Some bytes of it changed, cut out, written twice, or put in from elsewhere."""
    made = bytearray(good)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(made) - 1, 0)))
        length = draw(st.sampled_from((1, 1, 2, 8, 64)))
        how = draw(st.sampled_from(("change", "cut", "twice", "put")))
        if how == "change" and made:
            made[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del made[at : at + length]
        elif how == "twice":
            made[at:at] = made[at : at + length]
        else:
            made[at:at] = draw(
                st.sampled_from((b'"', b"\\", b"{", b"]", b"\0", b"\xff", b"null", b"-1", b"1e999", b"\x30\x80"))
            )
    return bytes(made)


@st.composite
def _spoiled_values(draw: Any, good: Any) -> Any:
    """One thing in it, wherever it is, replaced by another."""
    made = json.loads(json.dumps(good))
    here, steps = made, draw(st.integers(0, 6))
    for _ in range(steps):
        names = list(here) if isinstance(here, dict) else list(range(len(here))) if isinstance(here, list) else []
        if not names:
            break
        name = draw(st.sampled_from(names))
        if not isinstance(here[name], dict | list) or draw(st.booleans()):
            here[name] = draw(JSON)
            break
        here = here[name]
    return made


# --- within a second of work, and a bounded memory


def _hostile(size: int) -> dict[str, bytes]:
    """Long inputs of one pattern each: what makes recursions deep, matches backtrack, lists long and numbers wide."""

    def fill(pattern: bytes, begin: bytes = b"", end: bytes = b"") -> bytes:
        return begin + pattern * ((size - len(begin) - len(end)) // len(pattern)) + end

    return {
        "nothing": b"",
        "zeros": bytes(size),
        "high": b"\xff" * size,
        "blanks": fill(b" \n"),
        "open lists": fill(b"["),
        "open objects": fill(b'{"a":'),
        "deep": fill(b"[", end=b"]" * (size // 2 - 1))[:size],
        "items": fill(b"0,", b"[", b"0]"),
        "empty objects": fill(b"{},", b"[", b"{}]"),
        "names": b"{" + b",".join(b'"%d":0' % each for each in range(size // 12)) + b"}",
        "one name": fill(b'"a":0,', b"{", b'"a":0}'),
        "digits": fill(b"9"),
        "exponent": fill(b"9", b"1e"),
        "text": fill(b"a", b'"', b'"'),
        "escapes": fill(b"\\u0041", b'"', b'"'),
        "backslashes": fill(b"\\"),
        "quotes": fill(b'"'),
        "equals": fill(b"a="),
        "commas": fill(b"a=b,"),
        "plus": fill(b"+=#"),
        "slashes": fill(b"a/"),
        "stars": fill(b"*a"),
        "double stars": fill(b"**/"),
        "dots": fill(b"."),
        "colons": fill(b"a:"),
        "at": fill(b"@sha256:"),
        "percent": fill(b"%41"),
        "base64": fill(b"QUFB", b'"', b'"'),
        "pem": fill(b"-----BEGIN CERTIFICATE-----\n"),
        "pem blocks": fill(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "der nested": fill(b"\x30\x80"),
        "der long": fill(b"\x00", b"\x30\x84\x7f\xff\xff\xff"),
        "der lists": fill(b"\x31\x00", b"\x30\x82\xff\xf0"),
        "cbor nested": fill(b"\x81"),
        "cbor endless": fill(b"\x00", b"\x9f"),
        "cbor huge": b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
        "cbor tags": fill(b"\xd2"),
        "digests": fill(b"sha256:" + b"a" * 64 + b" "),
        "yaml": fill(b"- a\n"),
        "anchors": fill(b"- &a [*a]\n"),
    }


HOSTILE = tuple(_hostile(64))


def _long(row: Row, pattern: str) -> Any:
    """The input as this parser takes it; a value is what JSON makes of it, or the text itself."""
    held = _hostile(WRITTEN if row.feed == "written" else LONG)[pattern]
    if row.feed == "raw":
        return held
    if row.feed in ("text", "written"):
        return held.decode(errors="replace")
    try:
        return json.loads(held)
    except (ValueError, RecursionError):
        return held.decode(errors="replace")


def _buried(row: Row, pattern: str) -> Any:
    """A good input in whose every text the hostile one stands; None where there is none of that form."""
    if row.feed == "value" and row.sample:
        return _replaced(
            json.loads(json.dumps(sample(row.sample))), _hostile(LONG // 8)[pattern].decode(errors="replace")
        )
    return None


def _replaced(good: Any, by: str) -> Any:
    if isinstance(good, dict):
        return {name: _replaced(each, by) for name, each in good.items()}
    if isinstance(good, list):
        return [_replaced(each, by) for each in good]
    return by if isinstance(good, str) else good


@pytest.mark.parametrize("name", ROWS)
def test_t55_no_input_takes_a_second_of_work(name):
    row = ROWS[name]
    _feed(row, sample(row.sample) if row.sample else "x")  # what is made once, is made before
    for pattern in HOSTILE:
        for held in filter(None, (_long(row, pattern), _buried(row, pattern))):
            # CPU time of the best of several tries: what is slow by itself is slow each time, and a busy machine is not.
            assert any(_cpu_seconds(row, held) < SECONDS for _ in range(5)), pattern


def _cpu_seconds(row: Row, held: Any) -> float:
    began = time.process_time()
    _feed(row, held)
    return time.process_time() - began


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.feed != "written"])
def test_t55_no_strangers_input_takes_more_memory_than_its_size_allows(name):
    row = ROWS[name]
    _feed(row, sample(row.sample) if row.sample else "x")
    for pattern in HOSTILE:
        held = _long(row, pattern)
        tracemalloc.start()
        try:
            _feed(row, held)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < OBJECTS * LONG + SLACK, pattern
