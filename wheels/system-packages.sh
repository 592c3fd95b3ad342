#!/bin/sh
# Install Debian packages that are missing. Where that is not possible, say which are and go on: what needs
# them says so itself.
set -eu

missing=
for package in "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "no apt-get here; please install the counterparts of:$missing" >&2
    exit 0
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "not root, and no sudo without a password; please run: sudo apt-get install$missing" >&2
        exit 0
    fi
    as_root="sudo"
fi
here=$(dirname "$0")
# shellcheck disable=SC2086  # word by word
sh "$here/quietly.sh" "the lists of Debian's packages" $as_root apt-get update -qq
# shellcheck disable=SC2086
sh "$here/quietly.sh" "Debian packages:$missing" $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing
