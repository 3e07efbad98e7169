"""The state's entries as small values; what cannot be read names nothing."""

import json

from proxy.oci.digest import Digest
from proxy.pipeline.keeping.records import DECISIONS, MANIFESTS, WITNESSES, Reader, witnesses_of
from proxy.state.memory import MemoryStore

APP = "reg.test/acme/app"
A, B, C = (Digest.of(name) for name in (b"a", b"b", b"c"))


def manifest(**more):
    record = {
        "digest": str(A),
        "mediaType": "m",
        "size": 1,
        "kind": "root",
        "isIndex": False,
        "names": [["t", str(B), 5, ""]],
        "proves": [[str(C), "referrers"], [str(C), "sha256-c.sig"]],
        "artifactType": None,
    }
    return json.dumps(record | more).encode()


async def test_a_manifest_row_is_read_with_its_version():
    state = MemoryStore()
    entry = await state.put(MANIFESTS, f"{APP}@{A}", manifest())
    (row,) = await Reader(state).rows()
    assert (row.repository, row.digest, row.kind, row.is_index) == (APP, A, "root", False)
    assert (row.names, row.subjects, row.entry.version) == ((B,), (C,), entry.version)


async def test_a_decision_row_says_what_it_rests_on():
    state = MemoryStore()
    record = {
        "upstream": "reg.test",
        "repository": "acme/app",
        "digest": str(A),
        "evidence": [str(B)],
        "bases": [f"reg.test/acme/base@{C}"],
    }
    await state.put(DECISIONS, "k", json.dumps(record).encode(), expires_at=2e9)
    (ruling,) = await Reader(state).rulings()
    assert (ruling.repository, ruling.digest, ruling.evidence) == (APP, A, (B,))
    assert ruling.bases == (("reg.test/acme/base", C),)
    assert ruling.entry.expires_at == 2e9


async def test_what_cannot_be_read_is_left_out():
    state = MemoryStore()
    for number, raw in enumerate((b"{", b"[]", manifest(names=[["t"]]), manifest(kind=None), b"null")):
        await state.put(MANIFESTS, f"{APP}@{Digest.of(bytes([number]))}", raw)
    await state.put(MANIFESTS, "no-digest", manifest())
    assert [row.kind for row in await Reader(state).rows()] == ["None"]


async def test_all_pages_are_read_and_equal_digests_are_one_object():
    state = MemoryStore()
    for number in range(600):
        await state.put(MANIFESTS, f"{APP}@{Digest.of(str(number).encode())}", manifest())
    rows = await Reader(state).rows()
    assert len(rows) == 600
    assert len({id(row.names[0]) for row in rows}) == 1


async def test_witnesses_are_found_by_subject_and_tag():
    state = MemoryStore()
    keys = [
        f"{APP}@{A}",
        f"{APP}:{A.dashed}.sig",
        f"{APP}:{A.dashed}.sig:newest",
        f"{APP}@{B}",
        "reg.test/acme/other@x",
    ]
    for key in keys:
        await state.put(WITNESSES, key, b"{}")
    assert {entry.key for entry in await witnesses_of(state, APP, [A])} == set(keys[:3])
