#!/bin/sh
# Installs the build into a folder of its own, and builds projects outside the tree against it: a C program by pkg-config and the
# C compiler alone, one by CMake and one by Meson; and both from the sources.
#   packages.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$*"
  exit 1
}
# step COMMAND...: says nothing unless it fails.
step() { "$@" >"$work/log" 2>&1 || fail "failed: $*: $(tail -n 20 "$work/log")"; }
# runs PROGRAM
runs() { "$1" "$work/net.tern" "$work/right.pgm" | grep -q '^class 1 of 2' || fail "$1: another class"; }

step meson install -C "$build" --no-rebuild --destdir "$work/root"
pc=$(find "$work/root" -name tern-infer.pc)
[ -n "$pc" ] || fail "tern-infer.pc is not installed"
prefix=$(find "$work/root" -path '*/include/tern' | head -n 1)
prefix=${prefix%/include/tern}
[ -n "$(find "$work/root" -path '*doc/tern/LICENSE')" ] || fail "LICENSE is not installed"
export PKG_CONFIG_PATH="$(dirname "$pc")" PKG_CONFIG_SYSROOT_DIR="$work/root"
export LD_LIBRARY_PATH="$(dirname "$pc")/..${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

# Headers: those of libtern only where it is; each compiles alone, with nothing else of tern on the path.
if [ ! -e "$(dirname "$pc")/tern.pc" ] && [ -e "$prefix/include/tern/train.hpp" ]; then
  fail "headers of libtern are installed without it"
fi
for header in infer.hpp tern.h packed.hpp cpu.hpp parallel.hpp interrupt.hpp layer_bench.hpp rng.hpp graph.hpp shape.hpp error.hpp; do
  echo "#include <tern/$header>" >"$work/header.cpp"
  step ${CXX:-c++} -std=c++20 -fsyntax-only "-I$prefix/include" "$work/header.cpp"
done
echo '#include <tern/tern.h>' >"$work/header.c"
step ${CC:-cc} -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only "-I$prefix/include" "$work/header.c"

# shellcheck disable=SC2046  # flags are words
step ${CXX:-c++} -std=c++20 $(pkg-config --cflags tern-infer) "$source/docs/examples/packed_by_hand.cpp" $(pkg-config --static --libs tern-infer) -o "$work/by_hand"
step "$work/by_hand" "$work"
# shellcheck disable=SC2046
step ${CC:-cc} -std=c99 $(pkg-config --cflags tern-infer) "$source/docs/examples/classify.c" $(pkg-config --static --libs tern-infer) -o "$work/classify"
runs "$work/classify"
echo "pkg-config: a C program, linked by the C compiler"

cp -r "$source/tests/embedding/project" "$work/project"
cp "$source/docs/examples/classify.c" "$work/project"
if command -v cmake >/dev/null; then
  step cmake -S "$work/project" -B "$work/cmake" "-DCMAKE_PREFIX_PATH=$prefix"
  step cmake --build "$work/cmake"
  runs "$work/cmake/classify"
  step cmake -S "$work/project" -B "$work/cmake-source" "-DTERN_SOURCE=$source" -DTERN_ISAS=portable -DCMAKE_BUILD_TYPE=Debug
  step cmake --build "$work/cmake-source" -j 2
  runs "$work/cmake-source/classify"
  echo "CMake: find_package and add_subdirectory"
else
  echo "NOT CHECKED: CMake projects, since cmake is not installed"
fi

step meson setup "$work/meson" "$work/project" --wrap-mode=nofallback
step ninja -C "$work/meson"
runs "$work/meson/classify"
mkdir "$work/project/subprojects/tern"
for part in meson.build meson_options.txt LICENSE src include; do ln -s "$source/$part" "$work/project/subprojects/tern/$part"; done
step meson setup "$work/meson-source" "$work/project" --force-fallback-for=tern-infer -Dtern:isas=portable -Doptimization=0
step ninja -C "$work/meson-source" -j 2
runs "$work/meson-source/classify"
echo "Meson: installed and as a subproject"
