"""`pratique verify --bundle`: each bundle that a real tool made, by the command itself, offline; and each of its hostile twins."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.oci.digest import Digest
from tests.fakes.lab import every_case
from tests.fakes.layouts import LAB, VECTORS, needs_vectors, read_layout

KUBEWARDEN = VECTORS / "bundle-cosign3-sign-kubewarden" / "bundle.json"
ARTIFACT = b"an artifact"


@dataclass(frozen=True)
class Sealed:
    """A bundle, what its statement is about, and who is said to have signed it."""

    name: str
    raw: bytes = field(repr=False)
    digest: str
    who: tuple[str, ...]


def in_lab() -> Iterator[Sealed]:
    for case in every_case():
        layout = read_layout(LAB / case["folder"])
        bundles = [raw for raw in layout.blobs.values() if b'"verificationMaterial"' in raw[:4096]]
        for number, raw in enumerate(sorted(bundles)):
            yield Sealed(f"{case['name']}-{number}", raw, subject_of(raw), who_of(case))


def who_of(case: dict) -> tuple[str, ...]:
    """The options that name the first signer of a case."""
    lists = [case["require"].get("signature", {}), *case["require"].get("attestations", [])]
    asked = next(each for one in lists for way in ("any_of", "all_of") for each in one.get(way, []))
    root = ("--trusted-root", str(LAB / asked["trusted_root"])) if "trusted_root" in asked else ()
    if "key" in asked:
        return ("--key", str(LAB / asked["key"]), *root)
    who = asked["keyless"]
    exact = ("--identity", who["identity"]) if "identity" in who else ("--identity-regex", who["identity_regex"])
    return (*exact, "--issuer", who["issuer"], *root)


def subject_of(raw: bytes) -> str:
    statement = json.loads(base64.b64decode(json.loads(raw)["dsseEnvelope"]["payload"]))
    return "sha256:" + statement["subject"][0]["digest"]["sha256"]


SEALED = list(in_lab())
every = pytest.mark.parametrize("sealed", SEALED, ids=lambda each: each.name)
# Of two signers' bundles each is one's, and the case says only that one of them must be there.
OTHERS = [each for each in SEALED if each.name.startswith(("v3-two-signers", "mixed"))]
certain = pytest.mark.parametrize("sealed", [each for each in SEALED if each not in OTHERS], ids=lambda each: each.name)


def verify(desk, sealed: Sealed, *, digest: str = "", raw: bytes = b"", who: tuple[str, ...] = ()):
    (desk.folder / "x.bundle").write_bytes(raw or sealed.raw)
    return desk(
        "verify", "--bundle", "x.bundle", "--digest", digest or sealed.digest, *(who or sealed.who), "-o", "json"
    )


@needs_vectors
def test_the_vectors_hold_bundles_of_each_kind():
    """T23: an empty list would pass everything."""
    assert len(SEALED) >= 30
    assert len(OTHERS) >= 2
    whos = {each.who[0] for each in SEALED}
    assert whos == {"--key", "--identity", "--identity-regex"}


@needs_vectors
@certain
def test_a_bundle_of_a_real_tool_is_proved(desk, sealed):
    said = verify(desk, sealed)
    assert (said.code, said.err) == (0, ""), said.out
    (proved,) = said.document["evidence"]
    assert said.document["verified"] is True
    assert proved["subject"] == sealed.digest
    assert proved["form"] == "bundle"


@needs_vectors
def test_of_two_signers_bundles_exactly_the_named_ones_is_proved(desk):
    two = [each for each in OTHERS if each.name.startswith("v3-two-signers")]
    assert sorted(verify(desk, each).code for each in two) == [0, 1]
    other = ("--key", str(LAB / "trust/keys/other.pub"))
    assert sorted(verify(desk, each, who=other).code for each in two) == [0, 1]


@needs_vectors
@certain
def test_t28_nobody_else_is_proved_by_it(desk, sealed):
    """Another key, identity, issuer or root, and another image."""
    for who in strangers(sealed.who):
        said = verify(desk, sealed, who=who)
        assert (said.code, said.document["evidence"]) == (1, []), who
        assert len(said.document["rejections"][0]["reason"]) > 20, who
    other = verify(desk, sealed, digest=str(Digest.of(b"another image")))
    assert other.code == 1
    assert "it speaks of" in other.document["rejections"][0]["reason"]


def strangers(who: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    named = dict(zip(who[::2], who[1::2], strict=True))
    for option, others in {
        "--key": [str(LAB / "trust/keys/pki_leaf.pub")],
        "--identity": [named.get("--identity", "") + "x", "mallory@acme.test"],
        "--identity-regex": ["acme"],
        "--issuer": ["https://accounts.google.com"],
        "--trusted-root": [str(LAB / f"trust/roots/{name}.json") for name in ("fulcio_b", "tsaonly_b", "rekor_b")],
    }.items():
        for other in others if option in named else ():
            if option == "--trusted-root" and "--key" in named and not other.endswith("rekor_b.json"):
                continue  # a key's signature rests on no CA
            yield tuple(part for pair in (named | {option: other}).items() for part in pair)


@needs_vectors
@certain
def test_t11_a_bundle_of_which_a_bit_was_changed_proves_nothing_and_says_why(desk, sealed):
    """In each value that a signature, a log or a timestamp stands for: one bit of it."""
    for path, changed in spoiled(json.loads(sealed.raw)):
        if is_unread(sealed, path):
            continue
        said = verify(desk, sealed, raw=json.dumps(changed).encode())
        assert said.code == 1, path
        assert said.document["evidence"] == [], path
        assert said.document["rejections"], path


def is_unread(sealed: Sealed, path: list[object]) -> bool:
    """A bare key asks for no log without a root, and for no time beside a log; a time beside a log's own proves no more."""
    if "signedTimestamp" in path and b'"inclusionPromise"' in sealed.raw:
        return True
    if sealed.who[0] != "--key" or "dsseEnvelope" in path:
        return False
    return "--trusted-root" not in sealed.who or "signedTimestamp" in path


def spoiled(document: dict) -> Iterator[tuple[list[object], dict]]:
    names = {"sig", "payload", "signedEntryTimestamp", "rootHash", "canonicalizedBody", "signedTimestamp"}
    for path in paths_to(document, names):
        other = json.loads(json.dumps(document))
        *above, last = path
        holder = other
        for step in above:
            holder = holder[step]
        raw = bytearray(base64.b64decode(holder[last]))
        raw[len(raw) // 2] ^= 1
        holder[last] = base64.b64encode(raw).decode()
        yield path, other


def paths_to(value: object, names: set[str], above: tuple[object, ...] = ()) -> Iterator[list[object]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        if key in names and isinstance(each, str):
            yield [*above, key]
        yield from paths_to(each, names, (*above, key))


@needs_vectors
def test_the_public_root_that_is_shipped_stands_where_none_is_named(desk):
    raw = KUBEWARDEN.read_bytes()
    workflow = "https://github.com/kubewarden/kubewarden-controller/.github/workflows/release.yml@refs/tags/v1.34.0"
    who = ("--identity", workflow, "--issuer", "https://token.actions.githubusercontent.com")
    sealed = Sealed("kubewarden", raw, subject_of(raw), who)
    said = verify(desk, sealed)
    assert said.code == 0, said.out
    (proved,) = said.document["evidence"]
    assert proved["opinions"] == "pratique, sigstore-python"
    assert proved["san"] == workflow
    assert proved["logIndex"].isdigit()
    assert proved["logIntegratedAt"].startswith("20")
    assert proved["extension.sourceRepositoryUri"] == "https://github.com/kubewarden/kubewarden-controller"
    staging = ("--trusted-root", str(VECTORS / "roots" / "sigstore-staging.json"))
    assert verify(desk, sealed, who=(*who, *staging)).code == 1
    shown = desk("verify", "--bundle", str(desk.folder / "x.bundle"), "--digest", sealed.digest, *who)
    assert shown.out.startswith(f"verified: {desk.folder / 'x.bundle'} of {sealed.digest}\n")
    assert f"identity    {workflow} (uri), vouched for by {who[3]}" in shown.out


# Signatures over the bytes of a file -----------------------------------------------------------------------------------


def signed(private, *, digest: bool = True, **changes: object) -> bytes:
    made = private.sign(
        ARTIFACT, *([ec.ECDSA(hashes.SHA256())] if isinstance(private, ec.EllipticCurvePrivateKey) else [])
    )
    named = {"algorithm": "SHA2_256", "digest": base64.b64encode(bytes.fromhex(Digest.of(ARTIFACT).hex)).decode()}
    content = {"signature": base64.b64encode(made).decode()} | ({"messageDigest": named} if digest else {})
    document = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "messageSignature": content,
    }
    return json.dumps(document | changes).encode()


@pytest.fixture
def files(desk):
    """`files(private, …)`: a bundle, its artifact and its key in the folder; the options that name key and bundle."""

    def put(private, **changes: object) -> tuple[str, ...]:
        (desk.folder / "x.bundle").write_bytes(signed(private, **changes))
        (desk.folder / "x").write_bytes(ARTIFACT)
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (desk.folder / "x.pub").write_bytes(pem)
        return ("verify", "--bundle", "x.bundle", "--key", "x.pub")

    return put


@pytest.mark.parametrize("digest", [True, False])
def test_a_signature_over_a_file_is_proved_by_the_file_and_by_its_digest_alone(desk, files, digest):
    asked = files(ec.generate_private_key(ec.SECP256R1()), digest=digest)
    assert desk(*asked, "--artifact", "x").code == 0
    assert desk(*asked, "--digest", str(Digest.of(ARTIFACT))).code == 0
    assert desk(*asked, "--digest", str(Digest.of(b"other"))).code == 1
    (desk.folder / "x").write_bytes(ARTIFACT + b"\n")
    assert desk(*asked, "--artifact", "x").code == 1


def test_an_ed25519_signature_needs_the_file_since_it_is_over_no_digest(desk, files):
    asked = files(ed25519.Ed25519PrivateKey.generate())
    assert desk(*asked, "--artifact", "x").code == 0
    said = desk(*asked, "--digest", str(Digest.of(ARTIFACT)))
    assert said.code == 1
    assert "only the sha256 hash of the bytes was given" in said.out


# Misuse ----------------------------------------------------------------------------------------------------------------

SOME = ("--digest", str(Digest.of(ARTIFACT)))
BY_KEY = ("--key", "x.pub")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*BY_KEY,), "one of --digest D and --artifact FILE"),
        ((*BY_KEY, *SOME, "--artifact", "x"), "one of --digest D and --artifact FILE"),
        ((*SOME,), "nobody is named who must have signed"),
        ((*SOME, *BY_KEY, "--identity", "a"), "are different signers"),
        ((*SOME, *BY_KEY, "--issuer", "a"), "nobody vouches for a key"),
        ((*SOME, "--identity", "a"), "add --issuer O"),
        ((*SOME, "--identity-regex", "a"), "add --issuer O"),
        ((*SOME, "--issuer", "a"), "nobody is named who must have signed"),
        ((*SOME, "--identity", "", "--issuer", "a"), "which is nobody's"),
        ((*SOME, "--identity-regex", "(", "--issuer", "a"), "("),
        ((*SOME, "--key", "absent.pub"), "the key file absent.pub cannot be read"),
        ((*SOME, "--key", "x"), "not a PEM public key"),
        ((*BY_KEY, "--artifact", "absent"), "the artifact absent cannot be read"),
        ((*BY_KEY, "--artifact", "."), "the artifact . cannot be read"),
        ((*BY_KEY, "--digest", "sha256:7"), "ask for algorithm:hex"),
        ((*SOME, *BY_KEY, "--trusted-root", "x"), "trust root"),
        ((*SOME, *BY_KEY, "--out", "y"), "--out goes with --record"),
        ((*SOME, *BY_KEY, "reg.test/a/b:1"), "ask one of them at a time"),
        ((*SOME, *BY_KEY, "--replay", "x"), "ask one of them at a time"),
    ],
)
def test_a_misuse_is_exit_64_with_a_sentence(desk, files, arguments, sentence):
    files(ec.generate_private_key(ec.SECP256R1()))
    said = desk("verify", "--bundle", "x.bundle", *arguments)
    assert (said.code, said.out) == (64, ""), said
    assert sentence in said.err
    assert "defect" not in said.err


def test_a_bundle_that_is_not_there_is_a_misuse_and_one_that_is_none_is_refused(desk, files):
    files(ec.generate_private_key(ec.SECP256R1()))
    assert desk("verify", "--bundle", "absent", *BY_KEY, *SOME).code == 64
    for raw in (b"", b"{}", b"[" * 100_000, b"\xff" * 100, b'{"a":1,"a":2}', b"null"):
        (desk.folder / "x.bundle").write_bytes(raw)
        said = desk("verify", "--bundle", "x.bundle", *BY_KEY, *SOME)
        assert said.code == 1, raw[:20]
        assert said.out.startswith("not verified: x.bundle"), raw[:20]


def test_options_of_a_bundle_without_one_name_what_is_missing(desk):
    said = desk("verify", "--digest", SOME[1], "--key", "x.pub")
    assert said.code == 64
    assert "--digest and --key go with --bundle, which is missing" in said.err


def test_yaml_says_the_same_as_json(desk, files):
    import yaml

    asked = (*files(ec.generate_private_key(ec.SECP256R1())), *SOME)
    assert yaml.safe_load(desk(*asked, "-o", "yaml").out) == desk(*asked, "-o", "json").document
