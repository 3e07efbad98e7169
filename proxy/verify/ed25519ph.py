"""Ed25519ph verification (RFC 8032 5.1), which cosign writes for Ed25519 keys and the cryptography library has not.

Public values only go in, so nothing here is constant-time. Stricter than the RFC where it leaves a choice: the equation
is checked without the cofactor, S is below L, and no point is of small order or written non-canonically.
"""

import functools
import hashlib
from typing import TypeAlias

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)
_BASE = bytes.fromhex("58" + "66" * 31)  # y = 4/5 and an even x
_DOM2 = b"SigEd25519 no Ed25519 collisions" + bytes([1, 0])  # RFC 8032 2: phflag 1, empty context, as cosign signs
# The canonical encodings of the eight points whose order divides the cofactor: a key or R among them proves nothing.
_SMALL_ORDER = frozenset(
    bytes.fromhex(encoding)
    for encoding in (
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "00" * 32,
        "00" * 31 + "80",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)
_BASE_WINDOW = 8
_KEY_WINDOW = 5

Extended: TypeAlias = tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z
Ready: TypeAlias = tuple[int, int, int]  # y-x, y+x, 2dxy: an affine point ready to be added


def verify(public: bytes, *, signature: bytes, message: bytes) -> bool:
    """Whether `signature` (64 bytes) is `public`'s (32 bytes) Ed25519ph over `message` with an empty context."""
    if len(signature) != 64 or len(public) != 32:
        return False
    prehash = hashlib.sha512(message).digest()
    return _holds(public, signature, hashlib.sha512(_DOM2 + signature[:32] + public + prehash).digest())


def is_sound_key(public: bytes) -> bool:
    """Whether these 32 bytes are the canonical encoding of a point of large order."""
    return _key_table(public) is not None


def _holds(public: bytes, signature: bytes, challenge: bytes) -> bool:
    """RFC 8032 5.1.7: R = [S]B - [k]A, by comparing encodings, so that a non-canonical R never fits."""
    scalar = int.from_bytes(signature[32:], "little")
    table = _key_table(public)
    if table is None or scalar >= _L or signature[:32] in _SMALL_ORDER:
        return False
    k = int.from_bytes(challenge, "little") % _L
    return _encode(_combine(scalar, k, table)) == signature[:32]


def _combine(s: int, k: int, negated_key: tuple[Ready, ...]) -> tuple[int, int, int]:
    """[s]B + [k](-A) in one pass of doublings (Straus), as X, Y, Z."""
    base, p = _base_table(), _P
    steps: list[list[Ready]] = [[] for _ in range(256)]
    _schedule(steps, s, base, _BASE_WINDOW)
    _schedule(steps, k, negated_key, _KEY_WINDOW)
    x, y, z = 0, 1, 1
    for additions in reversed(steps):
        # RFC 8032 5.1.4, doubling; T is made only where an addition wants it.
        a, b = x * x % p, y * y % p
        h, g = a + b, a - b
        e, f = (h - (x + y) ** 2) % p, (2 * z * z + g) % p
        x, y, z = e * f % p, g * h % p, f * g % p
        if additions:
            t = e * h % p
            for addition in additions:
                x, y, z, t = _add((x, y, z, t), addition)
    return x, y, z


def _schedule(steps: list[list[Ready]], scalar: int, table: tuple[Ready, ...], window: int) -> None:
    """Enter each signed odd digit of the scalar (width-w NAF) at the doubling that it follows."""
    size, place = 1 << window, 0
    while scalar:
        zeros = (scalar & -scalar).bit_length() - 1
        scalar >>= zeros
        place += zeros
        digit = scalar % size
        if digit > size >> 1:
            minus, plus, product = table[size - digit >> 1]
            steps[place].append((plus, minus, -product))
            scalar += size - digit
        else:
            steps[place].append(table[digit >> 1])
            scalar -= digit


def _add(point: Extended, ready: Ready) -> Extended:
    x, y, z, t = point
    minus, plus, product = ready
    a, b, c = (y - x) * minus % _P, (y + x) * plus % _P, t * product % _P
    e, f, g, h = b - a, 2 * z - c, 2 * z + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _ready(point: Extended) -> Ready:
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    x, y = x * inverse % _P, y * inverse % _P
    return (y - x) % _P, (y + x) % _P, 2 * _D * x * y % _P


def _odd_multiples(x: int, y: int, count: int) -> tuple[Ready, ...]:
    """1, 3, 5, … times the point."""
    point: Extended = (x, y, 1, x * y % _P)
    twice = _ready(_add(point, _ready(point)))
    multiples = [_ready(point)]
    for _ in range(count - 1):
        point = _add(point, twice)
        multiples.append(_ready(point))
    return tuple(multiples)


def _decode(encoded: bytes) -> tuple[int, int] | None:
    """RFC 8032 5.1.3; None where it is no point, or not the only encoding of one."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if len(encoded) != 32 or y >= _P:
        return None
    u, v = y * y - 1, _D * y * y + 1
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if (v * x * x - u) % _P:
        x = x * _SQRT_MINUS_1 % _P
    if (v * x * x - u) % _P or (x == 0 and sign):
        return None
    return (_P - x if x & 1 != sign else x), y


def _encode(point: tuple[int, int, int]) -> bytes:
    x, y, z = point
    inverse = pow(z, -1, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(32, "little")


@functools.cache
def _base_table() -> tuple[Ready, ...]:
    point = _decode(_BASE)
    assert point is not None
    return _odd_multiples(*point, 1 << _BASE_WINDOW - 2)


@functools.lru_cache(maxsize=64)
def _key_table(public: bytes) -> tuple[Ready, ...] | None:
    """Odd multiples of -A; None for a key that proves nothing. Kept, since few keys check many signatures."""
    point = _decode(public)
    if point is None or public in _SMALL_ORDER:
        return None
    return _odd_multiples(-point[0] % _P, point[1], 1 << _KEY_WINDOW - 2)
