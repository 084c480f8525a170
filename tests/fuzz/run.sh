#!/bin/sh
# Builds a fuzz target with clang, libFuzzer and the sanitizers of addresses and undefined behaviour, and runs it long.
# (The test `fuzz` runs all of targets.def for seconds, without libFuzzer.)
#   tests/fuzz/run.sh TARGET [SECONDS] [BUILD_DIR]     packed, or one of targets.def; default: packed, 60 seconds, build-fuzz
#   CXX=clang++-14 WORKERS=2 RUNS=1000000 tests/fuzz/run.sh packed 600     processes on one corpus, runs of each at most
set -eu
cd "$(dirname "$0")/../.."
target=${1:-packed} seconds=${2:-60} build=${3:-build-fuzz}
cxx=${CXX:-clang++}
command -v "${cxx%% *}" >/dev/null || { echo "fuzzing needs clang++"; exit 1; }
flags="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g1"
compile="$cxx -std=c++20 -ffp-contract=off -Iinclude -Isrc -Itests -Itests/support -O2 $flags"
corpus="$build/corpus-$target"
mkdir -p "$corpus"
full=true words=words
[ "$target" != packed ] || full=false words=packed
[ "$target" = packed ] || grep -q "^TERN_FUZZ($target," tests/fuzz/targets.def || { echo "unknown target $target"; exit 2; }
lib="$build/lib-$full"
[ -f "$lib/build.ninja" ] || CXX="$cxx" meson setup "$lib" -Dlibtern=$full -Dtests=false -Dunity=on -Dunity_size=1000 -Doptimization=1 -Db_lundef=false \
  -Dcpp_args="$flags" -Dcpp_link_args="$flags" >/dev/null
# shellcheck disable=SC2086  # flags are words
if [ "$target" = packed ]; then
  ninja -C "$lib" --quiet
  libs="$lib/src/libtern-infer.a -lpthread"
  $compile tests/fuzz/seed_packed.cpp $libs -o "$build/seed_packed"
  $compile -fsanitize=fuzzer tests/fuzz/fuzz_packed.cpp $libs -o "$build/fuzz_packed"
  "$build/seed_packed" "$corpus"
else
  ninja -C "$lib" --quiet src/libtern.a src/libtern-infer.a
  libs="$lib/src/libtern.a $lib/src/libtern-infer.a $(pkg-config --cflags --libs openblas fmt zlib tomlplusplus) -lpthread"
  $compile -fsanitize=fuzzer -DTARGET="$target" tests/fuzz/fuzzer.cpp "tests/fuzz/targets/$target.cpp" $libs -o "$build/fuzz_$target"
  "$build/fuzz_$target" --seeds "$corpus"
fi
export ASAN_OPTIONS="${ASAN_OPTIONS:-quarantine_size_mb=8:malloc_context_size=5:max_malloc_fill_size=0}"
i=0
while [ "$i" -lt "${WORKERS:-1}" ]; do
  "$build/fuzz_$target" "-dict=tests/fuzz/$words.dict" "-artifact_prefix=$build/" -max_len=4096 -max_total_time="$seconds" \
    -runs="${RUNS:--1}" -entropic=0 -reload=30 -reduce_inputs=0 -rss_limit_mb=2500 -malloc_limit_mb=600 -timeout=120 -print_final_stats=1 \
    "$corpus" >"$build/fuzz_$target.$i.log" 2>&1 &
  i=$((i + 1))
done
wait
grep -h -e ERROR -e SUMMARY -e "stat::number_of_executed_units" -e "stat::peak_rss_mb" "$build/fuzz_$target".*.log
! grep -q -e ERROR "$build/fuzz_$target".*.log
