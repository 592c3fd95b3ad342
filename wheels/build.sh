#!/bin/sh
# Build the wheel for this machine and its C library, and check it: wheels/build.sh PYTHON FOLDER
set -eu

python=$1
folder=$2
rm -rf "$folder"
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$folder" .
wheel=$(echo "$folder"/nlinkshim-*.whl)

"$python" -m check_wheel_contents "$wheel"
"$python" -m abi3audit --strict --summary "$wheel"
"$python" -m auditwheel show "$wheel"
echo "$wheel"
