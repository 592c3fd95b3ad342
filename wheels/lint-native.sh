#!/bin/sh
# The C code in its format (.clang-format), and the native parts under the analyzers of gcc and clang, warnings as errors.
set -eu

root=$(dirname "$0")/..
flags="-std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror"
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

clang-format --dry-run -Werror "$root"/csrc/*/*.[ch] "$root"/tests/probe/*.[ch] "$root"/bench/*.c

for source in "$root"/csrc/shim/*.c "$root"/csrc/walker/*.c; do
    case $source in
    */shim/*) extra='-ffreestanding -fno-builtin -fno-strict-aliasing -fvisibility=hidden -DNLINKSHIM_VERSION="lint"' ;;
    *) extra=-pthread ;;
    esac
    # shellcheck disable=SC2086  # flags, word by word
    gcc $flags $extra -fanalyzer -c "$source" -o "$objects/gcc.o"
    # shellcheck disable=SC2086
    clang $flags $extra --analyze -Xclang -analyzer-werror "$source" -o "$objects/clang.plist"
done
