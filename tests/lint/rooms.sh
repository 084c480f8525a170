#!/bin/sh
# Rooms and their arrows: fails on an include that points up, and on what has only one home. Usage: rooms.sh SOURCE_ROOT
set -eu
cd "$1"
bad=0
complain() { printf '%s\n' "$*"; bad=1; }

# Room, then the rooms that it may include from (besides itself).
allowed() {
  case "$1" in
    core) echo "" ;;
    kernels | autograd | data) echo "core" ;;
    packed) echo "core kernels" ;;
    infer) echo "packed kernels core" ;;
    ops) echo "autograd core kernels" ;;
    quant) echo "ops autograd core kernels" ;;
    optim) echo "autograd core" ;;
    nn) echo "ops quant autograd core kernels" ;;
    freeze | nas) echo "nn quant optim ops autograd core" ;;
    convert) echo "nn quant packed infer ops autograd core kernels data" ;;
    train) echo "convert nas freeze nn quant optim ops data infer packed autograd core kernels" ;;
  esac
}
# Public header to room.
room_of_header() {
  case "$1" in
    tern/error.hpp | tern/shape.hpp | tern/rng.hpp | tern/parallel.hpp | tern/tensor.hpp | tern/graph.hpp | tern/spec.hpp) echo core ;;
    tern/cpu.hpp) echo kernels ;;
    tern/packed.hpp) echo packed ;;
    tern/infer.hpp | tern/layer_bench.hpp | tern/tern.h) echo infer ;;
    tern/autograd.hpp) echo autograd ;;
    tern/ops.hpp | tern/logic.hpp) echo ops ;;
    tern/quant.hpp | tern/levels.hpp) echo quant ;;
    tern/optim.hpp) echo optim ;;
    tern/nn.hpp) echo nn ;;
    tern/freeze.hpp) echo freeze ;;
    tern/nas.hpp) echo nas ;;
    tern/data.hpp) echo data ;;
    tern/convert.hpp | tern/safetensors.hpp | tern/numpy.hpp) echo convert ;;
    tern/train.hpp | tern/search.hpp | tern/search_config.def | tern/bench.hpp | tern/compare.hpp | tern/version.hpp | tern/train_config.def) echo train ;;
    tern/*) echo unknown ;;
    *) echo "${1%%/*}" ;;
  esac
}

for room in core kernels packed infer autograd ops quant optim nn freeze nas convert train data; do
  for file in $(find "src/$room" -name '*.[ch]pp' -o -name '*.def' -path "src/$room/*"); do
    for header in $(sed -n 's/^ *#include "\([^"]*\)".*/\1/p' "$file"); do
      case "$header" in stb_*) continue ;; esac
      from=$(room_of_header "$header")
      [ "$from" = "$room" ] && continue
      [ -e "$(dirname "$file")/$header" ] && continue
      case " $(allowed "$room") " in
        *" $from "*) ;;
        *) complain "$file: includes \"$header\" of room $from, which $room may not use" ;;
      esac
    done
  done
done

# only PATTERN HOME...: PATTERN may appear in the named files alone.
only() {
  pattern=$1
  shift
  for file in $(grep -rlE "$pattern" src include tools --include='*.cpp' --include='*.hpp' --include='*.h' || true); do
    case " $* " in *" $file "*) ;; *) complain "$file: has \"$pattern\", whose home is $*" ;; esac
  done
}
only '#include *[<"]cblas.h' src/kernels/blas.cpp
only 'getenv' src/kernels/cpu.cpp
only 'cpuid.h|__builtin_cpu_supports' src/kernels/cpu.cpp
for file in $(grep -rlE '#include *[<"](immintrin|arm_neon|x86intrin)' src include tools | grep -v '^src/kernels/' || true); do
  complain "$file: intrinsics live in src/kernels"
done
[ "$(grep -rlE '#define STB_IMAGE_IMPLEMENTATION' src | wc -l)" -le 1 ] || complain "stb_image is implemented twice"

# Public headers: std and tern only, no using namespace.
for file in include/tern/*.hpp; do
  grep -nE '^ *using namespace' "$file" && complain "$file: using namespace in a public header"
  for header in $(sed -n 's/^ *#include <\([^>]*\)>.*/\1/p' "$file"); do
    case "$header" in */* | *.h | *.hpp) complain "$file: includes <$header>; public headers use std only" ;; esac
  done
done
[ "$bad" = 0 ] && echo "rooms: every arrow points down"
exit "$bad"
