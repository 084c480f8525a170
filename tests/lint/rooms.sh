#!/bin/sh
# Rooms and their arrows: fails on an include that points up, and on what has only one home. Usage: rooms.sh SOURCE_ROOT
set -eu
cd "$1"
bad=0
complain() { printf '%s\n' "$*"; bad=1; }

# The drawing: a room, what it owns, "->" and the rooms that it stands on, each drawn further down.
drawing=$(sed -n 's/^    \([a-z]*\)  .* ->\(.*\)$/\1\2/p' docs/architecture.md)
stands_on() { echo "$drawing" | sed -n "s/^$1 //p"; }
echo "$drawing" | awk '{ seen[$1] = 1; for (i = 2; i <= NF; ++i) if (seen[$i]) { print "docs/architecture.md: " $1 " -> " $i " points up"; up = 1 } } END { exit up }' || exit 1
# The rooms that a room may include from, besides itself.
allowed() {
  for below in $(stands_on "$1"); do
    echo "$below"
    allowed "$below"
  done
}

# Public header to room.
room_of_header() {
  case "$1" in
    tern/public.h | tern/error.hpp | tern/shape.hpp | tern/rng.hpp | tern/parallel.hpp | tern/interrupt.hpp | tern/tensor.hpp | tern/graph.hpp | tern/registry.hpp | tern/spec.hpp | tern/position.hpp) echo core ;;
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
    tern/export.hpp) echo export ;;
    tern/train.hpp | tern/search.hpp | tern/search_config.def | tern/bench.hpp | tern/compare.hpp | tern/version.hpp | tern/train_config.def) echo train ;;
    tern/*) echo unknown ;;
    *) echo "${1%%/*}" ;;
  esac
}

for room in $(find src -mindepth 1 -maxdepth 1 -type d ! -name pch | sed 's|^src/||'); do
  echo "$drawing" | grep -qE "^$room( |\$)" || complain "src/$room: not in the drawing of docs/architecture.md"
  may=" $(allowed "$room" | sort -u | tr '\n' ' ')"
  headers=$(for header in include/tern/*; do [ "$(room_of_header "tern/${header##*/}")" = "$room" ] && echo "$header"; done || true)
  for file in $(find "src/$room" -name '*.[ch]pp' -o -name '*.def') $headers; do
    for header in $(sed -n 's/^ *#include "\([^"]*\)".*/\1/p' "$file"); do
      case "$header" in stb_* | @*) continue ;; esac  # @: within the text of a C program
      from=$(room_of_header "$header")
      [ "$from" = "$room" ] && continue
      [ -e "$(dirname "$file")/$header" ] && continue
      case "$may" in
        *" $from "*) ;;
        *) complain "$file: includes \"$header\" of room $from, which $room may not use" ;;
      esac
    done
  done
done

# The rooms within infer: what an operation means, what runs it, who chooses. The rest of infer stands on top.
inner() {
  case "$1" in
    ops) echo "ops" ;;
    steps) echo "ops steps" ;;
    plan) echo "ops steps plan" ;;
  esac
}
for room in ops steps plan; do
  for file in src/infer/$room/*.[ch]pp; do
    for header in $(sed -n 's/^ *#include "\([^"]*\)".*/\1/p' "$file"); do
      from=${header#infer/}
      case "$header" in
        infer/*/*) from=${from%%/*} ;;
        infer/*) from="the top" ;;
        *) [ "$(room_of_header "$header")" != infer ] && continue ;;
      esac
      case " $(inner "$room") " in
        *" $from "*) ;;
        *) complain "$file: includes \"$header\", which infer/$room may not use" ;;
      esac
    done
  done
done

# What an operation is called is the business of ops alone; the others ask it (Operation, Meaning).
for file in $(grep -rlE 'graph->op\b|\bop->name|find_packed_op' src/infer --include='*.[ch]pp' | grep -v '^src/infer/ops/' || true); do
  complain "$file: compares names of operations"
done

# only PATTERN HOME...: PATTERN may appear in the named files alone.
only() {
  pattern=$1
  shift
  for file in $(grep -rlE "$pattern" src include tools --include='*.cpp' --include='*.hpp' --include='*.h' || true); do
    case " $* " in *" $file "*) ;; *) complain "$file: has \"$pattern\", whose home is $*" ;; esac
  done
}
only '#include *[<"]cblas.h' src/kernels/float/blas.cpp
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
