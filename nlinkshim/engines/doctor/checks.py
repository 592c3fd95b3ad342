"""The table of checks, in the order in which they are done and shown: what is nearest to the user's mount
last."""

from __future__ import annotations

from nlinkshim.engines.doctor import kernel, loading, mount, propagation, samba
from nlinkshim.engines.doctor.result import Check

CHECKS = (
    Check("shim-loads", "a process is really preloaded, and the shim answers in it", loading.shim_loads),
    Check("shim-noexec", "the shim's file system allows code to be mapped", loading.shim_noexec),
    Check("proc", "/proc is there: the shim reads the list of mounts", loading.proc),
    Check("seccomp", "no filter denies the system calls of the shim", loading.seccomp),
    Check("kernel", "the kernel's release", kernel.release),
    Check("fuse-device", "/dev/fuse can be opened", kernel.fuse_device),
    Check("fuse-conf", "/etc/fuse.conf lets the server's user mount with allow_other", kernel.fuse_conf),
    Check("cifs", "this kernel can mount the share", kernel.cifs),
    Check("smbd", "smbd is there, and a preload reaches it", samba.smbd),
    Check("smbd-running", "the running smbd processes have an effective shim", samba.smbd_running),
    Check("fuse-mounts", "without PATH: which FUSE mounts there are", mount.fuse_mounts),
    Check("path-mount", "what is mounted at PATH, and how", mount.path_mount),
    Check("mount-alive", "the mount answers in time", mount.mount_alive),
    Check("mount-access", "who may enter the mount", mount.mount_access),
    Check("link-counts", "the mount lies or is honest; the shim corrects it", mount.link_counts),
    Check("propagation-mount", "the mount itself propagates", propagation.of_mount),
    Check("propagation-parent", "mounts made at PATH (or in /mnt) reach containers", propagation.of_parent),
)
