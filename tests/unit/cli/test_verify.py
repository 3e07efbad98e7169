"""`pratique verify` beside a state: what a pull would get instead of what was judged."""

import pytest

from proxy.demo.images import make_image, new_key, sign, signature_tag
from proxy.demo.registry import DemoRegistry
from proxy.oci.digest import Digest

A = Digest.of(b"a")
IMAGE = "reg.test/acme/app:1.0"


@pytest.fixture
def offer(desk):
    """`offer(is_signed=…)`: the upstream has an image at 1.0; its digest is returned."""
    with DemoRegistry() as registry:
        desk.settings["upstreams"]["reg.test"]["url"] = registry.url
        desk.write()

        def put(*, is_signed: bool) -> Digest:
            image = make_image("offered")
            registry.put("acme/app", image, tag="1.0")
            if is_signed:
                signature = sign(image.digest, private=new_key("team")[0], reference_name="reg.test/acme/app")
                registry.put("acme/app", signature, tag=str(signature_tag(image.digest)))
            return image.digest

        yield put


def test_a_denied_digest_is_not_proposed_as_a_pin(desk, offer):
    denied = offer(is_signed=False)
    desk.pin()
    said = desk("verify", IMAGE, "-o", "json")
    assert (said.code, said.document["digest"]) == (1, str(denied))
    assert said.document["notes"] == [f"the tag is pinned to {A}, and the proxy answers that"]
    table = desk("verify", IMAGE).out
    assert f"Note: the tag is pinned to {A}, and the proxy answers that.\n" in table
    assert "pin confirm" not in table


def test_an_allowed_digest_comes_with_the_command_that_moves_the_pin(desk, offer):
    allowed = offer(is_signed=True)
    desk.pin()
    said = desk("verify", IMAGE, "-o", "json")
    assert said.code == 0
    (note,) = said.document["notes"]
    assert note.endswith(f"; `pratique pin confirm {IMAGE}@{allowed}` moves it")
    assert desk("pin", "confirm", IMAGE).err == "", "what was judged needs no note"
    assert desk("verify", IMAGE, "-o", "json").document["notes"] == []


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_tag_that_is_followed_moves_by_itself(desk, offer, is_signed):
    desk.policy["images"][0]["pinning"] = "follow"
    desk.write()
    offer(is_signed=is_signed)
    desk.pin()
    (note,) = desk("verify", IMAGE, "-o", "json").document["notes"]
    assert note.endswith("; the rule follows the tag, once the new digest is admitted")
    assert "pin confirm" not in note
