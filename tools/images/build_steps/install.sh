#!/bin/sh
# Install the packages of a lock file reproducibly into a folder: install.sh LOCK FOLDER
set -eu
lock=$1
folder=$2
mkdir -p "$folder"
if grep -q '^[a-zA-Z0-9]' "$lock"; then
  python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore \
    --no-deps --require-hashes --only-binary=:all: --no-compile --target "$folder" -r "$lock"
fi
# Scripts of packages are not needed: everything is started with `python3 -m`.
rm -rf "$folder/bin"
python3 "$(dirname "$0")/trim.py" "$folder"
PYTHONHASHSEED=0 python3 "$(dirname "$0")/compile.py" "$folder"
