"""What the templates are filled from: the settings, related to each other, and what follows from them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from nlinkshim._version import __version__
from nlinkshim.engines.generate import consumers, inside
from nlinkshim.engines.generate.settings import Settings
from nlinkshim.errors import UsageError

FIRST_UID = 1000


@dataclass(frozen=True)
class Share:
    """One share. Rooted at the mount's parent, or (`in_mount`) inside the mount."""

    name: str
    path: str
    in_mount: bool
    inside: str  # the mount as its clients see it: a path below the share, or "" for the share itself


@dataclass(frozen=True)
class User:
    name: str
    uid: int


@dataclass(frozen=True)
class Model:
    """Settings that fit together. Make one with Model.of."""

    settings: Settings
    version: str = __version__
    content: str = ""  # digest of what the images are made from, once that is rendered

    @classmethod
    def of(cls, settings: Settings) -> Model:
        """Raises UsageError, naming the keys that contradict each other."""
        model = cls(settings)
        _hold((*consumers.relations(model), *_relations(model)))
        return model

    def refuse_for(self, target: str) -> None:
        """Raises UsageError, naming the key that does not go with what is to be written."""
        _hold(consumers.relations_of_target(target, self))

    @property
    def kind(self) -> consumers.Kind:
        """How the consumers get at the mount."""
        return consumers.KINDS[self.settings.consumer]

    @property
    def mount_parent(self) -> str:
        """The folder on the host that holds the mount."""
        return posixpath.dirname(self.settings.mount_path)

    @property
    def mount_name(self) -> str:
        return posixpath.basename(self.settings.mount_path)

    @property
    def mount(self) -> str:
        """The mount as smbd's container sees it: where it is on the host, so that absolute links hold."""
        return self.settings.mount_path

    @property
    def above_mount(self) -> tuple[str, ...]:
        """The folders that lead to the mount, without the root folder."""
        return tuple(str(above) for above in PurePosixPath(self.mount).parents[:-1])

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        return tuple(self._share(*text.partition("=")) for text in self.settings.shares)

    def _share(self, name: str, separator: str, subfolder: str) -> Share:
        if not separator:
            return Share(name, self.mount_parent, False, self.mount_name)
        path = self.mount if subfolder == "." else f"{self.mount}/{subfolder}"
        return Share(name, path, True, "")

    @property
    def parent_shared(self) -> bool:
        """Whether a share exports all that lies beside the mount."""
        return any(not share.in_mount for share in self.shares)

    @property
    def listed(self) -> str:
        """What the health check lists in the first share; it ends in * where any entry will do."""
        share = self.shares[0]
        if not share.in_mount:
            return f"{share.inside}/{self.settings.sentinel or '*'}"
        sentinel = f"{self.mount}/{self.settings.sentinel}"
        below = sentinel.startswith(f"{share.path}/") and sentinel != f"{share.path}/"
        return sentinel.removeprefix(f"{share.path}/") if below else "*"

    @cached_property
    def users(self) -> tuple[User, ...]:
        users = []
        for position, text in enumerate(self.settings.users):
            name, _, number = text.partition("=")
            users.append(User(name, int(number) if number else FIRST_UID + position))
        return tuple(users)

    @cached_property
    def base_kind(self) -> str:
        """debian, alpine or own; "" where the name of the base does not tell."""
        if self.settings.base_kind != "auto":
            return self.settings.base_kind
        name = self.settings.base.partition("@")[0].rpartition("/")[2].partition(":")[0]
        return name if name in ("debian", "alpine") else ""

    def image(self, stage: str) -> str:
        """The reference of an image of ours: smbd, mounter or tools.

        Images of other content have another name: so folders on one host do not take each other's, and what
        is applied after a change differs.
        """
        return f"{self.settings.registry}/nlinkshim-{stage}:{self.settings.tag or self._own_tag}"

    @property
    def tag_may_move(self) -> bool:
        """Whether nodes must ask the registry if an image that they have is still the one of this tag."""
        return bool(self.settings.tag) and self.settings.registry.partition("/")[0] != "localhost"

    @property
    def _own_tag(self) -> str:
        return f"{self.version}-{self.content}".replace("+", "-")

    @cached_property
    def tolerations(self) -> tuple[dict[str, str | int], ...]:
        """What all pods tolerate, as Kubernetes writes it."""
        return tuple(_toleration(text) for text in self.settings.tolerations)

    @property
    def server_tolerations(self) -> tuple[dict[str, str | int], ...]:
        """And for how long the server tolerates a node that is dead to Kubernetes."""
        seconds = self.settings.toleration_seconds
        return self.tolerations + tuple(
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
            for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        )

    def secret(self, user: User) -> str:
        """The name of the Kubernetes Secret that holds the user's name and password."""
        return f"{self.settings.name}-user-{user.name}"

    @property
    def client_user(self) -> User | None:
        """Whom the consumers log in as; None: a guest."""
        return self.users[0] if self.users else None

    @property
    def client_uid(self) -> int:
        """Whose the files are that consumers see."""
        return self.client_user.uid if self.client_user else FIRST_UID

    @property
    def service_host(self) -> str:
        """The Kubernetes Service, as nodes name it."""
        return f"{self.settings.name}.{self.settings.namespace}.svc.cluster.local"

    def client_source(self, host: str) -> str:
        """What the consumers mount: the first share, down to where the FUSE mount is in it."""
        share = self.shares[0]
        return f"//{host}/{share.name}" + (f"/{share.inside}" if share.inside else "")

    @property
    def _client_subfolder(self) -> str:
        """The part of the FUSE mount that the consumers mount: "", or a path that begins with /."""
        share = self.shares[0]
        return share.path.removeprefix(self.mount) if share.in_mount else ""

    @property
    def consumer_path(self) -> str:
        """Where a consumer sees it: at the path of the original, so that symbolic links lead to the same."""
        return self.settings.mount_path + self._client_subfolder

    @property
    def client_sentinel(self) -> str:
        """The sentinel as a consumer sees it below consumer_path; "" where any entry will do."""
        sentinel = f"/{self.settings.sentinel}"
        below = self.settings.sentinel and sentinel.startswith(f"{self._client_subfolder}/")
        return sentinel.removeprefix(f"{self._client_subfolder}/") if below else ""

    @property
    def client_path(self) -> str:
        """Where a node mounts it. A consumer sees client_parent at mount_parent."""
        return self.client_root + self._client_subfolder

    @property
    def client_parent(self) -> str:
        return posixpath.dirname(self.client_root)

    @property
    def client_root(self) -> str:
        """What stands on a node for the root of the FUSE mount."""
        return self.settings.client_path or f"/srv/smb/{self.mount_name}"

    @property
    def scope(self) -> str:
        """NLINKSHIM_SCOPE in smbd's container."""
        return "fuse" if self.settings.scope == "fuse" else self.mount


def _toleration(text: str) -> dict[str, str | int]:
    taint, _, effect = text.partition(":")
    key, separator, value = taint.partition("=")
    matched = {"operator": "Equal", "value": value} if separator else {"operator": "Exists"}
    return {"key": key, **matched, **({"effect": effect} if effect else {})}


def _hold(relations: Iterable[consumers.Relation]) -> None:
    for key, wrong, complaint in relations:
        if wrong:
            raise UsageError(f"{key}: {complaint}")


def _within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def _relations(model: Model) -> list[tuple[str, bool, str]]:
    """Key, whether it is wrong, and the complaint: one row a rule."""
    given = model.settings
    share_names = [share.name.lower() for share in model.shares]
    user_names = [user.name for user in model.users]
    uids = [user.uid for user in model.users]
    return [
        ("shares", not share_names, "expected at least one share"),
        ("shares", len(set(share_names)) < len(share_names), "two shares have the same name"),
        ("users", len(set(user_names)) < len(user_names), "two users have the same name"),
        ("users", len(set(uids)) < len(uids), "two users have the same id; give them as NAME=UID"),
        ("users", not user_names and not given.guest, "expected a user, or guest = true"),
        (
            "guest",
            given.guest and given.encryption != "off",
            'a session without a password cannot be encrypted; expected encryption = "off" beside it',
        ),
        (
            "min_protocol",
            given.min_protocol < "SMB3" and given.encryption == "required",
            'SMB 2 cannot encrypt; expected SMB3_00 or later, or encryption = "desired" or "off"',
        ),
        (
            "rootless",
            given.rootless and (len(user_names) != 1 or given.guest),
            "expected just one user and guest = false: there is no capability to become another",
        ),
        (
            "wide_links",
            given.wide_links and given.rootless,
            "links could lead to smbd's own files, which belong to its user here; expected rootless = false",
        ),
        (
            "base_kind",
            not model.base_kind,
            f"the name {given.base} does not tell; expected debian, alpine or own",
        ),
        (
            "client_path",
            posixpath.basename(model.client_root) != model.mount_name,
            f"expected a path that ends in /{model.mount_name}, the last name of mount_path",
        ),
        (
            "client_path",
            model.kind.mounter and _within(model.client_root, model.mount_parent),
            f"expected a path outside of {model.mount_parent}, which smbd shares, or binds, on its own node",
        ),
        (
            "service_address",
            bool(given.service_address) and given.service != "LoadBalancer",
            'only a Service with service = "LoadBalancer" can have one',
        ),
        (
            "mount_path",
            any(_within(own, model.mount_parent) for own in inside.OWN)
            or any(_within(model.mount_parent, made) for made in inside.MADE),
            f"the images need what is in their own {model.mount_parent}, which would be hidden by the mount's"
            " parent folder; expected a mount in a folder of its own, such as /srv/fuse/dfs",
        ),
        ("server_command", bool(given.server_command) and not given.server_image, "expected a server_image"),
    ]
