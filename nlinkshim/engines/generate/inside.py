"""Where things are inside the images. The images are ours, so none of it is a setting.

Only the folder that holds the mount is where it is on the host, so that absolute links hold.
"""

SHIM = "/usr/local/lib/nlinkshim.so"
SECRETS = "/run/secrets/smb"  # one file a user, named after it: the password
SAMBA_SETTINGS = "/etc/samba/version.conf"  # those that depend on the version in the image
RECORD = "/run/nlinkshim-mounted"  # of the mounter, and of the node: how the share was mounted
NAMES = "/run/samba/names.conf"  # what smb.conf includes for the names that the mount has
STATE = "/run/samba"  # all that smbd writes; a tmpfs

# what the images cannot do without: no folder of the host may be bound over or above any of it
OWN = (
    *("/etc", "/usr/bin", "/usr/lib", "/usr/libexec", "/usr/local/bin", "/usr/sbin", "/var/log/samba"),
    *(SHIM, SECRETS, STATE),
)
# nor below any of these, which the runtime makes, or which lead elsewhere
MADE = ("/bin", "/dev", "/lib", "/proc", "/sbin", "/sys", "/var/lock", "/var/run", SECRETS, STATE)
