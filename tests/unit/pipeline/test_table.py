from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.answers import ManifestAnswer
from proxy.pipeline.table import Table

KEY = (None, "acme/app", "reg.test", "v1")


def answer(raw: bytes = b"{}") -> ManifestAnswer:
    return ManifestAnswer(raw, "application/json", Digest.of(raw), Repository("reg.test", "acme/app"), "hit")


def test_what_was_put_is_repeated_until_its_end():
    table = Table()
    table.put(KEY, answer(), until=100.0, generation=table.generation)
    assert table.get(KEY, 99.9) == answer()
    assert table.get(KEY, 100.0) is None


def test_t62_one_increment_drops_everything():
    table = Table()
    table.put(KEY, answer(), until=None, generation=table.generation)
    table.drop()
    assert table.get(KEY, 0.0) is None


def test_t62_an_answer_whose_work_began_before_the_drop_is_not_kept():
    table = Table()
    generation = table.generation
    table.drop()
    table.put(KEY, answer(), until=None, generation=generation)
    assert table.get(KEY, 0.0) is None


def test_the_table_is_bounded_by_bytes(monkeypatch):
    monkeypatch.setattr("proxy.pipeline.table._BYTES", 100)
    table = Table()
    for number in range(10):
        table.put((None, str(number), None, "v1"), answer(b"x" * 30), until=None, generation=0)
    kept = [number for number in range(10) if table.get((None, str(number), None, "v1"), 0.0)]
    assert kept == [7, 8, 9]


def test_another_listener_or_namespace_is_another_key():
    table = Table()
    table.put(KEY, answer(), until=None, generation=0)
    assert table.get(("docker.io", *KEY[1:]), 0.0) is None
    assert table.get((None, "acme/app", None, "v1"), 0.0) is None
