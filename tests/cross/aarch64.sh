#!/bin/sh
# Builds libtern-infer for aarch64 and runs the suites of its rooms under qemu-user.
#   needs (Debian): g++-aarch64-linux-gnu qemu-user
#   tests/cross/aarch64.sh [BUILD_DIR]             default: build-aarch64
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build-aarch64}
[ -d "$build" ] || meson setup "$build" --cross-file tests/cross/aarch64.txt -Dlibtern=false -Dtests=false >/dev/null
ninja -C "$build" --quiet
# Catch2 v2 is headers only, so the host's copy serves; it must not bring the host's other headers along.
mkdir -p "$build/catch" && ln -sfn /usr/include/catch2 "$build/catch/catch2"
source=$(pwd)
for room in kernels packed infer; do
  # shellcheck disable=SC2046  # a list of files
  aarch64-linux-gnu-g++ -std=c++20 -O1 -ffp-contract=off -Iinclude -Isrc -Itests -Itests/support -isystem "$build/catch" \
    -DTERN_SOURCE_DIR="\"$source\"" $(ls tests/"$room"/*.cpp) tests/support/main.cpp "$build/src/libtern-infer.a" -lpthread \
    -o "$build/test_$room"
  qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/test_$room"
done
