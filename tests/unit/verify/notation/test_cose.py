"""A COSE envelope has one meaning, and what was signed is what came."""

import cbor2
import pytest

from proxy.verify.evidence import NotProved
from proxy.verify.notation import cose
from tests.fakes.notary import NAME, Pen, company


@pytest.fixture(scope="module")
def pen() -> Pen:
    return Pen(company(), form="cose")


def test_a_cose_is_read_whole(pen):
    envelope = cose.read(pen.write())

    assert (envelope.form, envelope.algorithm) == ("notation-cose", "ES256")
    sealed, _, payload, signature = cbor2.loads(pen.write()).value
    assert (envelope.payload, len(envelope.signature)) == (payload, len(signature))
    assert envelope.message == cbor2.dumps(["Signature1", sealed, b"", payload])
    assert len(envelope.certificates) == 3


def _outer(change):
    def changed(raw):
        items = cbor2.loads(raw).value
        return cbor2.dumps(cbor2.CBORTag(18, change(items)))

    return changed


def _protected(**changes):
    def change(items):
        said = dict(cbor2.loads(items[0])) | {_label(name): value for name, value in changes.items()}
        return [cbor2.dumps(said, datetime_as_timestamp=True), *items[1:]]

    return _outer(change)


def _header(**changes):
    return _outer(
        lambda items: [items[0], dict(items[1]) | {_label(name): value for name, value in changes.items()}, *items[2:]]
    )


def _label(name):
    return int(name[1:]) if name[:1] == "_" else name


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda raw: raw + b"\x00", "after its end", id="t06 bytes after it"),
        pytest.param(lambda raw: raw[1:], "not a tagged COSE_Sign1", id="no tag"),
        pytest.param(lambda raw: b"\xd1" + raw[1:], "type 6, 17", id="the tag of a MAC"),
        pytest.param(lambda raw: b"\xd2" + raw, "not a tagged COSE_Sign1", id="the tag twice"),
        pytest.param(_outer(lambda items: items[:3]), "not a tagged COSE_Sign1", id="no signature"),
        pytest.param(_outer(lambda items: [*items, b""]), "not a tagged COSE_Sign1", id="a fifth item"),
        pytest.param(_outer(lambda items: [items[0], items[1], None, items[3]]), "lacks", id="a detached payload"),
        pytest.param(_outer(lambda items: [{}, *items[1:]]), "lacks", id="a protected map that is not sealed"),
        pytest.param(_outer(lambda items: [b"", *items[1:]]), "ends before", id="an empty protected header"),
        pytest.param(_outer(lambda items: [b"\x80", *items[1:]]), "not a map", id="a protected list"),
        pytest.param(
            _outer(lambda items: [items[0] + b"\x00", *items[1:]]), "after its end", id="t06 more in the seal"
        ),
        pytest.param(_outer(lambda items: [items[0], [], *items[2:]]), "not a map", id="an unprotected list"),
        pytest.param(
            _outer(lambda items: [b"\xa2\x01\x26\x01\x38\x24", *items[1:]]),
            "twice",
            id="t06 an algorithm that is said twice",
        ),
        pytest.param(_protected(_1=5), "does not allow", id="t36 a MAC's algorithm"),
        pytest.param(_protected(_1="ES256"), "does not allow", id="an algorithm by name"),
        pytest.param(_protected(_1=None), "does not allow", id="no algorithm"),
        pytest.param(_protected(_258=-16), "258", id="a hash envelope"),
        pytest.param(_protected(_33=[b""]), "33", id="a signed chain beside the other"),
        pytest.param(_protected(_4=b"kid"), "COSE header 4", id="a key id"),
        pytest.param(_header(_1=-7), "outside what is signed", id="t36 an algorithm in the unsigned header"),
        pytest.param(_header(_2=[]), "outside what is signed", id="crit in the unsigned header"),
        pytest.param(_header(**{f"{NAME}signingScheme": "x"}), "outside what is signed", id="the scheme twice"),
        pytest.param(_header(_33=[]), "chain of 1 to 10", id="no certificate"),
        pytest.param(_header(_33=b"x"), "chain of 1 to 10", id="a certificate that is no list"),
        pytest.param(_header(_33=[b"x"] * 11), "chain of 1 to 10", id="t53 eleven certificates"),
        pytest.param(_header(_33=["x"]), "something else", id="a certificate in text"),
        pytest.param(_header(**{f"{NAME}timestampSignature": "x"}), "not a byte string", id="a timestamp in text"),
        pytest.param(_protected(**{f"{NAME}signingTime": 7}), "not a time", id="a time without its tag"),
        pytest.param(
            _protected(**{f"{NAME}signingTime": cbor2.CBORTag(1, 2**60)}), "not a time", id="a time after all times"
        ),
        pytest.param(_protected(**{f"{NAME}signingTime": cbor2.CBORTag(1, -1)}), "not a time", id="a time before 1970"),
        pytest.param(_protected(**{f"{NAME}signingTime": cbor2.CBORTag(1, True)}), "not a time", id="true for a time"),
        pytest.param(_protected(**{f"{NAME}signingTime": cbor2.CBORTag(1, 1.5)}), "not whole", id="half a second"),
        pytest.param(
            _protected(**{f"{NAME}signingTime": cbor2.CBORTag(0, "2026-11-01T00:00:00Z")}),
            "type 6, 0",
            id="a time in text",
        ),
    ],
)
def test_a_cose_with_two_meanings_or_none_is_refused(pen, change, why):
    with pytest.raises(NotProved) as caught:
        cose.read(change(pen.write()))
    assert why in str(caught.value)
