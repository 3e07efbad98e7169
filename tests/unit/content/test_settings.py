from datetime import timedelta

import pytest
from pydantic import ValidationError

from proxy.content.settings import ContentSettings, ScrubSettings


def test_sizes_are_read_as_a_person_writes_them():
    found = ContentSettings.model_validate({"maxBytes": "500GiB", "highWater": 0.95, "lowWater": 0.5})
    assert (found.max_bytes, found.high_water, found.low_water) == (500 * 2**30, 0.95, 0.5)


def test_without_a_budget_the_disk_is_the_limit():
    assert ContentSettings().max_bytes is None


def test_everything_is_hashed_again_each_week_unless_told_otherwise():
    assert ContentSettings().scrub == ScrubSettings(rate=20 * 2**20, every=timedelta(days=7))
    found = ContentSettings.model_validate({"scrub": {"rate": "100MiB", "every": "12h"}}).scrub
    assert (found.rate, found.every) == (100 * 2**20, timedelta(hours=12))
    assert ContentSettings.model_validate({"scrub": {"rate": 0}}).scrub.rate == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"lowWater": 0.9, "highWater": 0.9},
        {"lowWater": 0},
        {"highWater": 1.1},
        {"maxBytes": "0"},
        {"maxBytes": "many"},
        {"maxBlobs": 3},
        {"scrub": {"rate": "fast"}},
        {"scrub": {"rate": -1}},
        {"scrub": {"every": "0d"}},
        {"scrub": {"every": 7}},
        {"scrub": {"when": "at night"}},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        ContentSettings.model_validate(wrong)
