#!/bin/sh
# Builds the fuzz target with clang, address and undefined-behaviour sanitizers, and runs it.
#   tests/fuzz/run.sh [SECONDS] [BUILD_DIR]        default: 60 seconds, build-fuzz
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60} build=${2:-build-fuzz}
command -v clang++ >/dev/null || { echo "fuzzing needs clang++"; exit 1; }
flags="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g"
[ -d "$build" ] || CXX=clang++ meson setup "$build" -Dlibtern=false -Dtests=false -Dbuildtype=debugoptimized \
  -Dcpp_args="$flags" -Dcpp_link_args="$flags" >/dev/null
ninja -C "$build" --quiet
link="-std=c++20 -ffp-contract=off -Iinclude -Isrc -O1 $flags"
# shellcheck disable=SC2086  # flags are words
clang++ $link tests/fuzz/seed_corpus.cpp "$build/src/libtern-infer.a" -lpthread -o "$build/seed_corpus"
# shellcheck disable=SC2086
clang++ $link -fsanitize=fuzzer tests/fuzz/fuzz_packed.cpp "$build/src/libtern-infer.a" -lpthread -o "$build/fuzz_packed"
mkdir -p "$build/corpus"
"$build/seed_corpus" "$build/corpus"
"$build/fuzz_packed" -max_len=4096 -max_total_time="$seconds" -rss_limit_mb=2500 -timeout=20 -print_final_stats=1 \
  "$build/corpus"
