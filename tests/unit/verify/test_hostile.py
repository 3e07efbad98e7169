"""Each row of the attacks in each form of evidence: honest evidence, with one thing changed, proves nothing of what is asked.

The table stands in tests/fakes/hostile/table.py; tests/integration/test_hostile_twins.py takes each twin through the proxy.
"""

import pytest

from tests.fakes.hostile.forge import FORMS, Forge
from tests.fakes.hostile.logs import KINDS
from tests.fakes.hostile.table import ELSEWHERE, HOLES, ROWS, empty_cells, twins_of
from tests.fakes.hostile.twins import CASES, STAMPED, TWINS, right_case
from tests.fakes.layouts import ROOT, needs_vectors
from tests.fakes.vectors import expected, scene_of

pytestmark = needs_vectors
PROVED_AT_ALL = [each for each in TWINS if each.level == "verify"]
ANCHORS = sorted({*CASES.items(), *STAMPED.items(), *((each.form, each.case_name) for each in TWINS)})


def reasons(proved):
    return [each.reason for each in proved.rejections]


@pytest.mark.parametrize(("form", "name"), ANCHORS)
def test_what_the_forge_makes_with_nothing_changed_is_proved(form, name):
    """Else a twin could be refused for what the forge does wrong."""
    case = right_case(form, name)
    proved = scene_of(case).prove(Forge(form, case).make())
    assert (expected(case, proved), reasons(proved)) == ([], [])


@pytest.mark.parametrize(("form", "kind"), [(form, kind) for form, kinds in KINDS.items() for kind in kinds])
def test_t20_an_entry_of_each_kind_is_proved_where_it_is_of_this_signing(form, kind):
    case = right_case(form, CASES[form])
    proved = scene_of(case).prove(Forge(form, case).make(kind=kind))
    assert expected(case, proved) == []
    assert {each.log.kind for each in proved.evidence} == {kind}


@pytest.mark.parametrize("twin", PROVED_AT_ALL, ids=str)
def test_a_twin_is_refused_for_what_was_changed(twin):
    proved = scene_of(twin.case).prove(*twin.founds())
    assert expected(twin.case, proved) != []
    assert proved.evidence == ()
    assert any(twin.says in each for each in reasons(proved)), reasons(proved)


@pytest.mark.parametrize("twin", [each for each in PROVED_AT_ALL if each.ask is None], ids=str)
def test_t50_a_twin_beside_honest_evidence_harms_nothing(twin):
    """What was found and not proved is shown, and is never fatal by itself (face.md, Semantics)."""
    scene, honest = scene_of(twin.case), twin.forge.make()
    for founds in ((honest, *twin.founds()), (*twin.founds(), honest)):
        proved = scene.prove(*founds)
        assert expected(twin.case, proved) == []
        assert {each.sources[1] for each in proved.evidence} == {honest.blob}
        assert proved.rejections


def test_every_cell_of_the_table_has_a_twin_or_a_reason():
    assert empty_cells() == []
    assert all(len(reason) > 20 for reason in HOLES.values())
    assert {row for row, _ in HOLES} <= set(ROWS)
    assert {form for _, form in HOLES} <= set(FORMS)


def test_no_reason_stands_for_a_hole_that_is_filled():
    assert [cell for cell in HOLES if twins_of(*cell)] == []


def test_every_row_is_in_the_table():
    assert {each.row for each in TWINS} <= set(ROWS)
    assert set(ROWS) == {each.row for each in TWINS} | ELSEWHERE.keys()


def test_no_twin_is_there_twice():
    assert len({str(each) for each in TWINS}) == len(TWINS)


@pytest.mark.parametrize("row", ELSEWHERE)
def test_what_is_shown_elsewhere_is_there(row):
    for each in ELSEWHERE[row]:
        file, _, name = each.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text()
