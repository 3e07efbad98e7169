"""What is packed comes out as it went in, in another process too, and its large parts go beside the pipe."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from proxy.pipeline.court.parcel import packed, unpacked

LARGE = os.urandom(300_000)


@pytest.fixture
def parcels():
    made = []
    yield made
    for parcel in made:
        parcel.close()


@pytest.mark.parametrize(
    "value", [b"", {"a": [LARGE, b"small", LARGE[:65_536]]}, (LARGE, LARGE, "text"), LARGE[:65_535]]
)
def test_a_value_comes_out_as_it_went_in(parcels, value):
    parcels.append(packed(value))
    assert unpacked(parcels[0]) == value


def test_large_parts_are_not_in_what_goes_through_the_pipe(parcels):
    parcels.append(packed([LARGE]))
    assert len(parcels[0].head) < 1000
    parcels.append(packed([b"small"]))
    assert parcels[1].path == ""


def test_another_process_reads_it(parcels):
    parcels.append(packed([LARGE]))
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as pool:
        assert pool.submit(unpacked, parcels[0]).result(timeout=60) == [LARGE]


def test_a_parcel_that_was_closed_is_an_error_and_never_other_bytes():
    parcel = packed([LARGE])
    parcel.close()
    with pytest.raises(OSError, match="No such file"):
        unpacked(parcel)
