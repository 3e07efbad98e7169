"""Which images are meant, and how it ends."""

import pytest

from proxy.cli.fetching import Warmed
from proxy.cli.warm import _code

WARM = Warmed("a", proved=9)
REFUSED = Warmed("b", "refused", "no", status=403)
ABSENT = Warmed("c", "absent", "no", status=404)
LATER = Warmed("d", "unavailable", "later", status=503)
DOWN = Warmed("e", "unavailable", "down", status=502)
PART = Warmed("f", "unavailable", "cut", proved=9)


@pytest.mark.parametrize(
    ("warmed", "code"),
    [
        ([], 0),
        ([WARM], 0),
        ([WARM, REFUSED], 1),
        ([ABSENT, LATER], 1),
        ([WARM, LATER], 3),
        ([PART], 3),
        ([LATER], 75),
        ([LATER, DOWN], 75),
        ([DOWN], 69),
    ],
)
def test_a_script_knows_by_the_code_whether_to_come_again(warmed, code):
    assert _code(warmed) == code


def test_nothing_to_warm_is_told(desk):
    said = desk("cache", "warm")
    assert said.code == 64
    assert "the lock file names nothing" in said.err


def test_a_list_that_cannot_be_read_is_told(desk):
    said = desk("cache", "warm", "--from", "absent.txt")
    assert said.code == 64
    assert "absent.txt cannot be read" in said.err
