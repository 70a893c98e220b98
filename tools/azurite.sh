#!/bin/sh
# Install Azurite, the emulator of Azure's storage, into build/azurite for the tests that need it.
# Usage: tools/azurite.sh   (needs npm and Node; later versions want Node 22)
set -eu
version=3.35.0
folder="$(dirname "$0")/../build/azurite"
mkdir -p "$folder"
# Without a lock file, which would record where packages were fetched from. The version is exact.
timeout 300 npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund \
    --omit=dev --loglevel=error "azurite@$version"
rm -f "$folder/node_modules/.package-lock.json"
"$folder/node_modules/.bin/azurite-blob" --version
