"""Everything that is said of upstreams holds as well where threads carry each blob: the same tests, once more."""

import pytest

from proxy.upstream import registry
from proxy.upstream.exchange.carriage import Carriage
from tests.integration.test_fill import *  # noqa: F403 the same tests
from tests.integration.test_hostile_upstream import (
    house,  # noqa: F401 their fixture
    test_a_blob_is_taken_up_after_a_restart_with_if_range,  # noqa: F401
    test_a_blob_longer_than_its_manifest_says_is_refused,  # noqa: F401
    test_a_body_that_trickles_is_given_up_and_what_came_is_kept,  # noqa: F401
    test_a_file_of_another_length_is_refused_and_what_is_held_stays,  # noqa: F401
    test_a_token_that_ends_in_the_middle_of_a_blob_is_fetched_anew,  # noqa: F401
    test_an_upstream_that_will_not_go_on_is_asked_from_the_start,  # noqa: F401
    test_promise_2_other_bytes_after_a_resume_never_complete,  # noqa: F401
    test_what_a_disk_spoilt_of_a_beginning_is_fetched_anew_at_once,  # noqa: F401
)
from tests.integration.test_upstream import *  # noqa: F403 the same tests


@pytest.fixture(autouse=True)
def by_threads(monkeypatch):
    """Each blob is large, and nobody's connection is kept for it."""
    monkeypatch.setattr(registry, "LARGE", -(1 << 60))
    monkeypatch.setattr(Carriage, "suits", lambda *_, **__: True)
