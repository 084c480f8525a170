#!/bin/sh
# Builds a fuzz target with clang and the sanitizers of addresses and undefined behaviour, and runs it (docs/file-format.md).
#   tests/fuzz/run.sh TARGET [SECONDS] [BUILD_DIR]     packed: packed models; readers: safetensors, npy, npz
#                                                      default: packed, 60 seconds, build-fuzz
#   CXX=clang++-14 WORKERS=2 RUNS=1000000 tests/fuzz/run.sh packed 600     processes on one corpus, runs of each at most
set -eu
cd "$(dirname "$0")/../.."
target=${1:-packed} seconds=${2:-60} build=${3:-build-fuzz}
cxx=${CXX:-clang++}
command -v "$cxx" >/dev/null || { echo "fuzzing needs clang++"; exit 1; }
flags="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g1"
compile="$cxx -std=c++20 -ffp-contract=off -Iinclude -Isrc -Itests/support -O2 $flags"
corpus="$build/corpus-$target"
mkdir -p "$corpus"
# shellcheck disable=SC2086  # flags are words
case "$target" in
  packed)
    [ -f "$build/build.ninja" ] || CXX="$cxx" meson setup "$build" -Dlibtern=false -Dtests=false -Dbuildtype=release \
      -Dcpp_args="$flags" -Dcpp_link_args="$flags" >/dev/null
    ninja -C "$build" --quiet
    libs="$build/src/libtern-infer.a -lpthread" ;;
  readers)
    libs="$(echo src/convert/safetensors.cpp src/convert/numpy.cpp src/convert/zip.cpp src/data/bytes.cpp src/data/gzip.cpp \
      src/core/tensor.cpp src/core/shape.cpp src/core/buffer.cpp src/core/file.cpp src/core/parallel.cpp) -lz -lpthread" ;;
  *) echo "unknown target $target"; exit 2 ;;
esac
# shellcheck disable=SC2086
$compile "tests/fuzz/seed_$target.cpp" $libs -o "$build/seed_$target"
# shellcheck disable=SC2086
$compile -fsanitize=fuzzer "tests/fuzz/fuzz_$target.cpp" $libs -o "$build/fuzz_$target"
"$build/seed_$target" "$corpus"
export ASAN_OPTIONS="${ASAN_OPTIONS:-quarantine_size_mb=8:malloc_context_size=5:max_malloc_fill_size=0}"
i=0
while [ "$i" -lt "${WORKERS:-1}" ]; do
  "$build/fuzz_$target" "-dict=tests/fuzz/$target.dict" "-artifact_prefix=$build/" -max_len=4096 -max_total_time="$seconds" \
    -runs="${RUNS:--1}" -entropic=0 -reload=30 -reduce_inputs=0 -rss_limit_mb=2500 -malloc_limit_mb=600 -timeout=120 -print_final_stats=1 \
    "$corpus" >"$build/fuzz_$target.$i.log" 2>&1 &
  i=$((i + 1))
done
wait
grep -h -e ERROR -e SUMMARY -e "stat::number_of_executed_units" -e "stat::peak_rss_mb" "$build/fuzz_$target".*.log
! grep -q -e ERROR "$build/fuzz_$target".*.log
