"""Where things are inside the images. The images are ours, so none of it is a setting."""

SHIM = "/usr/local/lib/nlinkshim.so"
MOUNT_PARENT = "/srv/fuse"  # the mount's parent folder on the host is bound here
SECRETS = "/run/secrets/smb"  # one file a user, named after it: the password
SAMBA_SETTINGS = "/etc/samba/version.conf"  # those that depend on the version in the image
STATE = "/run/samba"  # all that smbd writes; a tmpfs
