"""The verifier agrees with RFC 8032 and with the cryptography library, and is stricter where the RFC leaves a choice."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proxy.verify import ed25519ph

# RFC 8032 7.3, "TEST abc": the one published Ed25519ph vector.
PUBLIC = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
SIGNATURE = bytes.fromhex(
    "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
    "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
)
ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19


def plain_add(left, right):
    """Affine addition by the curve's own formula (RFC 8032 5.1.4), slow and independent of the code under test."""
    (x1, y1), (x2, y2) = left, right
    d = -121665 * pow(121666, -1, FIELD) % FIELD
    product = d * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, FIELD) % FIELD
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, FIELD) % FIELD
    return x, y


def plain_times(scalar, point):
    total = (0, 1)
    while scalar:
        if scalar & 1:
            total = plain_add(total, point)
        point = plain_add(point, point)
        scalar >>= 1
    return total


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def base():
    y = 4 * pow(5, -1, FIELD) % FIELD
    d = -121665 * pow(121666, -1, FIELD) % FIELD
    square = (y * y - 1) * pow(d * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if (x * x - square) % FIELD:
        x = x * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
    return (x if x % 2 == 0 else FIELD - x), y


def sign(seed, message):
    """RFC 8032 5.1.6 with phflag 1; returns public key and signature."""
    expanded = hashlib.sha512(seed).digest()
    secret = int.from_bytes(expanded[:32], "little") & (2**254 - 8) | 2**254
    public = encode(plain_times(secret, base()))
    dom = b"SigEd25519 no Ed25519 collisions\x01\x00"
    prehash = hashlib.sha512(message).digest()
    r = int.from_bytes(hashlib.sha512(dom + expanded[32:] + prehash).digest(), "little") % ORDER
    point = encode(plain_times(r, base()))
    k = int.from_bytes(hashlib.sha512(dom + point + public + prehash).digest(), "little") % ORDER
    return public, point + ((r + k * secret) % ORDER).to_bytes(32, "little")


def test_the_published_vector_is_verified():
    assert ed25519ph.verify(PUBLIC, signature=SIGNATURE, message=b"abc")


def test_the_published_vector_fits_no_other_message():
    assert not ed25519ph.verify(PUBLIC, signature=SIGNATURE, message=b"abd")
    assert not ed25519ph.verify(PUBLIC, signature=SIGNATURE, message=b"")


def test_the_independent_signer_of_these_tests_makes_the_published_vector():
    seed = bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
    assert sign(seed, b"abc") == (PUBLIC, SIGNATURE)


@pytest.mark.parametrize("bit", range(0, 512, 7))
def test_no_flipped_bit_of_the_signature_is_accepted(bit):
    flipped = bytearray(SIGNATURE)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not ed25519ph.verify(PUBLIC, signature=bytes(flipped), message=b"abc")


@pytest.mark.parametrize("seed", range(4))
def test_what_the_independent_signer_signs_is_verified(seed):
    message = b"x" * (seed * 200)
    public, signature = sign(bytes([seed]) * 32, message)
    assert ed25519ph.verify(public, signature=signature, message=message)
    assert not ed25519ph.verify(PUBLIC, signature=signature, message=message)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_the_equation_agrees_with_the_library_on_pure_signatures(seed, message):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    challenge = hashlib.sha512(signature[:32] + public + message).digest()
    assert ed25519ph._holds(public, signature, challenge)
    assert not ed25519ph._holds(public, signature, hashlib.sha512(challenge).digest())


def test_a_pure_signature_is_not_a_prehashed_one():
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = private.public_key().public_bytes_raw()
    assert not ed25519ph.verify(public, signature=private.sign(b"abc"), message=b"abc")
    prehash = hashlib.sha512(b"abc").digest()
    assert not ed25519ph.verify(public, signature=private.sign(prehash), message=b"abc")


def test_a_scalar_that_is_not_below_the_order_is_refused():
    larger = int.from_bytes(SIGNATURE[32:], "little") + ORDER
    malleable = SIGNATURE[:32] + larger.to_bytes(32, "little")
    assert not ed25519ph.verify(PUBLIC, signature=malleable, message=b"abc")


def test_the_small_order_points_are_all_the_multiples_of_one_of_order_eight():
    generator = plain_times(ORDER, ed25519ph._decode((3).to_bytes(32, "little")))
    assert {encode(plain_times(n, generator)) for n in range(8)} == ed25519ph._SMALL_ORDER


@pytest.mark.parametrize("public", sorted(ed25519ph._SMALL_ORDER))
def test_a_key_of_small_order_proves_nothing(public):
    """With such a key S = 0 and R = the identity would fit an eighth of all messages or more."""
    identity = (1).to_bytes(32, "little")
    assert not ed25519ph.is_sound_key(public)
    assert not any(ed25519ph.verify(public, signature=identity + bytes(32), message=bytes([n])) for n in range(16))


def test_a_point_r_of_small_order_is_refused_though_the_equation_fits():
    """S = k·a makes R the identity: only who holds the key can do it, and no honest signer does."""
    seed = bytes(32)
    expanded = hashlib.sha512(seed).digest()
    secret = int.from_bytes(expanded[:32], "little") & (2**254 - 8) | 2**254
    public, _ = sign(seed, b"")
    identity = (1).to_bytes(32, "little")
    prehash = hashlib.sha512(b"abc").digest()
    dom = b"SigEd25519 no Ed25519 collisions\x01\x00"
    k = int.from_bytes(hashlib.sha512(dom + identity + public + prehash).digest(), "little") % ORDER
    signature = identity + (k * secret % ORDER).to_bytes(32, "little")
    assert not ed25519ph.verify(public, signature=signature, message=b"abc")


@pytest.mark.parametrize(
    "number",
    [FIELD, FIELD + 1, FIELD + 3, 2**255 - 1, 2**256 - 1, 1 | 2**255, (FIELD - 1) | 2**255],
    ids=["p", "p+1", "p+3", "2^255-1", "all ones", "minus zero at 1", "minus zero at -1"],
)
def test_a_point_that_is_written_non_canonically_is_no_key(number):
    assert not ed25519ph.is_sound_key(number.to_bytes(32, "little"))


def test_a_number_that_is_no_point_is_no_key():
    assert ed25519ph._decode((2).to_bytes(32, "little")) is None
    assert not ed25519ph.is_sound_key((2).to_bytes(32, "little"))


@given(st.binary(max_size=70), st.binary(max_size=70))
def test_t55_no_bytes_make_it_raise(public, signature):
    assert ed25519ph.verify(public, signature=signature, message=b"") is False
    assert ed25519ph.is_sound_key(public) in (True, False)


@given(st.binary(min_size=64, max_size=64))
def test_t55_no_random_signature_is_accepted(signature):
    assert not ed25519ph.verify(PUBLIC, signature=signature, message=b"abc")
