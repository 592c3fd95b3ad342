"""The table of checks, in the order in which they are done and shown: what is nearest to the user's mount
last."""

from __future__ import annotations

from nlinkshim.engines.doctor import (
    confinement,
    consumer,
    emptiness,
    kernel,
    loading,
    mount,
    names,
    propagation,
    samba,
)
from nlinkshim.engines.doctor.result import Check

CHECKS = (
    Check("shim-loads", loading.shim_loads),
    Check("shim-noexec", loading.shim_noexec),
    Check("proc", loading.proc),
    Check("seccomp", loading.seccomp),
    Check("kernel", kernel.release),
    Check("fuse-device", kernel.fuse_device),
    Check("fuse-conf", kernel.fuse_conf),
    Check("cifs", kernel.cifs),
    Check("smbd", samba.smbd),
    Check("smbd-running", samba.smbd_running),
    Check("apparmor", confinement.apparmor),
    Check("selinux", confinement.selinux),
    Check("fuse-mounts", mount.fuse_mounts),
    Check("path-mount", mount.path_mount),
    Check("mount-alive", mount.mount_alive),
    Check("mount-access", mount.mount_access),
    Check("link-counts", mount.link_counts),
    Check("names", names.names),
    Check("beneath-mount", emptiness.beneath_mount),
    Check("guard", emptiness.guard),
    Check("propagation-mount", propagation.of_mount),
    Check("propagation-parent", propagation.of_parent),
    Check("consumer", consumer.reached),
)
