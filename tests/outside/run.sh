#!/bin/sh
# Installs the build into a folder of its own and builds programs against it with nothing but pkg-config.
#   run.sh SOURCE_DIR BUILD_DIR infer|tern
set -eu
source=$1 build=$2 library=$3
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$here/root" >/dev/null
pc=$(find "$here/root" -name tern-infer.pc | head -n 1)
[ -n "$pc" ] || { echo "tern-infer.pc is not installed"; exit 1; }
export PKG_CONFIG_PATH="$(dirname "$pc")" PKG_CONFIG_SYSROOT_DIR="$here/root"
export LD_LIBRARY_PATH="$(dirname "$pc")/..${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

if [ "$library" = tern ]; then
  # shellcheck disable=SC2046,SC2086  # flags are words
  ${CXX:-c++} ${CXXFLAGS:-} -std=c++20 $(pkg-config --cflags tern) "$source/tests/outside/toy_quantizer.cpp" -o "$here/toy" \
    $(pkg-config --static --libs tern)
  "$here/toy" "$source/datasets" "$here" | grep 'packed equals trained'
  echo "a quantizer from outside: ok"
  exit 0
fi

flags=$(pkg-config --cflags tern-infer)
libs=$(pkg-config --static --libs tern-infer)
# shellcheck disable=SC2086  # flags are words
${CXX:-c++} ${CXXFLAGS:-} -std=c++20 $flags "$source/tests/outside/make_model.cpp" -o "$here/make_model" $libs
${CC:-cc} -std=c99 -Wall -Wextra -Werror $flags -c "$source/tests/outside/classify.c" -o "$here/classify.o"
${CXX:-c++} ${CXXFLAGS:-} "$here/classify.o" -o "$here/classify" $libs
"$here/make_model" "$here/net.tern"
dark='\001' bright='\372'
row="$dark$dark$bright$bright"
{ printf 'P5 4 4 255\n'; printf "$row$row$row$row"; } >"$here/right.pgm"
row="$bright$bright$dark$dark"
{ printf 'P5 4 4 255\n'; printf "$row$row$row$row"; } >"$here/left.pgm"
"$here/classify" "$here/net.tern" "$here/right.pgm" | grep '^class 1 of 2'
"$here/classify" "$here/net.tern" "$here/left.pgm" | grep '^class 0 of 2'
if "$here/classify" "$here/none.tern" "$here/left.pgm" 2>/dev/null; then echo "a missing model was accepted"; exit 1; fi
if TERN_ISA=pentium "$here/classify" "$here/net.tern" "$here/left.pgm" 2>"$here/message"; then
  echo "an unknown instruction set was accepted"
  exit 1
fi
grep -q 'available: reference' "$here/message"
echo "installed library: ok"
