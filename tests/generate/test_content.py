"""Images are told apart by what they are made from: folders do not share them, and a change rolls out."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import images
from harness.samba import free_port

from nlinkshim.engines.generate.files import Rendered, render
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings

# what is in the images, and what is not
INSIDE: list[dict[str, Any]] = [
    {"shares": ["films"]},
    {"encryption": "desired"},
    {"users": ["media", "other"]},
    {"users": ["media=2000"]},
    {"writable": True},
    {"mount_wait": 61},
    {"mount_path": "/srv/fuse/films"},
    {"base": "docker.io/library/alpine:3.20"},
    {"beside": ["library"]},
    {"rootless": True},
]
OUTSIDE: list[dict[str, Any]] = [
    {"client_cidrs": ["10.0.0.0/8"]},
    {"service": "LoadBalancer"},
    {"registry": "localhost/other"},
    {"consumer_image": "plex:1"},
]


def rendered(target: str = "kubernetes", **keys: Any) -> dict[str, Rendered]:
    return {str(path): file for path, file in render(target, Model.of(Settings.of(keys))).items()}


def template(**keys: Any) -> Any:
    """The server's pod, by which the cluster sees whether it is to be replaced."""
    return yaml.safe_load(rendered(**keys)["kubernetes/server.yaml"].content)["spec"]["template"]


def images_of(files: dict[str, Rendered]) -> set[str]:
    services = yaml.safe_load(files["compose.yaml"].content)["services"]
    return {service["image"].rpartition(":")[2] for service in services.values() if "build" in service}


@pytest.mark.quick
@pytest.mark.parametrize("keys", INSIDE, ids=str)
def test_a_change_of_what_is_in_the_image_replaces_the_pod(keys: dict[str, Any]):
    assert template(**keys) != template()
    (before,), (after,) = images_of(rendered("compose")), images_of(rendered("compose", **keys))
    assert before != after
    # with a tag of the user's own the pod is replaced too, and the node asks for the image anew
    own = {"tag": "mine", "registry": "registry.example"}
    assert template(**own, **keys) != template(**own)
    assert {c["imagePullPolicy"] for c in template(**own, **keys)["spec"]["containers"]} == {"Always"}


@pytest.mark.quick
@pytest.mark.parametrize("keys", OUTSIDE, ids=str)
def test_any_other_change_leaves_the_images_alone(keys: dict[str, Any]):
    assert images_of(rendered("compose", **keys)) == images_of(rendered("compose"))
    annotations = template(**keys)["metadata"]["annotations"]
    assert annotations == template()["metadata"]["annotations"]


@pytest.mark.quick
def test_a_wheel_of_the_same_name_is_other_content(folder: Path):
    model = Model.of(Settings.of({"wheels": str(folder)}))
    wheel = folder / f"nlinkshim-{model.version}-py3-none-any.whl"
    tags = set()
    for content in (b"one", b"two"):
        wheel.write_bytes(content)
        files = {str(path): file for path, file in render("compose", model).items()}
        tags |= images_of(files)
    assert len(tags) == 2


@pytest.mark.quick
def test_the_tag_is_one():
    """A local version of Python's has a + in it."""
    model = replace(Model.of(Settings()), version="1.2.3+local.4", content="0" * 12)
    assert model.image("smbd") == "localhost/nlinkshim-smbd:1.2.3-local.4-000000000000"


@pytest.mark.timeout(300)
def test_two_folders_of_one_host_side_by_side(image: images.Builder, dfs):
    """Built one after the other, then run at once: each serves its own share from its own image."""
    built = {}
    for share in ("films", "music"):
        name, port = f"nlside-{share}", free_port()
        keys = {"sentinel": "readme.txt", "tag": "", "shares": [f"{share}=."], "container_port": port}
        folder = image.generate(name, keys)
        image.store.run(folder / "build", "--layers", timeout=600, ENGINE="buildah", IMAGES="smbd")
        built[share] = images.Image(image.store, folder, name, port, image.parent)
    with dfs(), contextlib.ExitStack() as stack:
        serving = {share: stack.enter_context(one.serving()) for share, one in built.items()}
        for share, container in serving.items():
            (other,) = set(serving) - {share}
            assert "readme.txt" in container.client(share, "ls").stdout
            assert "NT_STATUS_BAD_NETWORK_NAME" in container.client(other, "ls").stdout
            assert container.health() == (True, "")
