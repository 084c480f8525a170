#!/bin/sh
# Builds libtern-infer for other machines and runs the suites of its rooms there, under qemu-user.
#   needs (Debian): qemu-user and the compiler of the target: g++-aarch64-linux-gnu, g++-arm-linux-gnueabihf,
#   g++-riscv64-linux-gnu, g++-i686-linux-gnu, g++-s390x-linux-gnu (the last one is big-endian)
#   tests/cross/run.sh [TARGET...]       default: aarch64 armhf riscv64 i686 s390x; those without a compiler are skipped
set -eu
cd "$(dirname "$0")/../.."
source=$(pwd)
failed=0
[ $# -gt 0 ] || set -- aarch64 armhf riscv64 i686 s390x

# Compiler's prefix, qemu's name, Meson's family, byte order.
describe() {
  case $1 in
    aarch64) echo aarch64-linux-gnu aarch64 aarch64 little ;;
    armhf) echo arm-linux-gnueabihf arm arm little ;;
    riscv64) echo riscv64-linux-gnu riscv64 riscv64 little ;;
    i686) echo i686-linux-gnu i386 x86 little ;;
    s390x) echo s390x-linux-gnu s390x s390x big ;;
    *) echo "unknown target $1" >&2; exit 2 ;;
  esac
}

# run_target TARGET PREFIX QEMU FAMILY ENDIAN
run_target() {
  build=build/cross-$1
  if ! command -v "$2-g++" >/dev/null || ! command -v "qemu-$3" >/dev/null; then
    echo "$1: SKIPPED, no $2-g++ or qemu-$3"
    return
  fi
  mkdir -p "$build"
  cat >"$build/cross.txt" <<END
[binaries]
cpp = '$2-g++'
ar = '$2-ar'
strip = '$2-strip'
exe_wrapper = ['qemu-$3', '-L', '/usr/$2']
[properties]
needs_exe_wrapper = true
[host_machine]
system = 'linux'
cpu_family = '$4'
cpu = '$1'
endian = '$5'
END
  [ -f "$build/build.ninja" ] || meson setup "$build" --cross-file "$build/cross.txt" -Dlibtern=false -Dtests=false -Dunity=on >/dev/null
  ninja -C "$build" --quiet
  # Catch2 v2 is headers only, so the host's copy serves; it must not bring the host's other headers along.
  mkdir -p "$build/catch" && ln -sfn /usr/include/catch2 "$build/catch/catch2"
  sse=
  [ "$4" != x86 ] || sse='-msse2 -mfpmath=sse'
  rooms='kernels packed infer'
  [ "$5" = little ] || rooms='packed infer'  # machines of the other byte order have the reference only (kernels/cpu.cpp)
  for room in $rooms; do
    # shellcheck disable=SC2046,SC2086  # lists of files and flags
    "$2-g++" -std=c++20 -O1 $sse -ffp-contract=off -Wno-psabi -Iinclude -Isrc -I"$build/src" -Itests -Itests/support \
      -isystem "$build/catch" -DTERN_SOURCE_DIR="\"$source\"" $(ls tests/"$room"/*.cpp tests/support/*.cpp) \
      "$build/src/libtern-infer.a" -lpthread -o "$build/test_$room"
    printf '%s %s: ' "$1" "$room"
    if qemu-"$3" -L "/usr/$2" "$build/test_$room" >"$build/$room.log"; then
      tail -n 2 "$build/$room.log" | head -n 1
    else
      echo FAILED && tail -n 30 "$build/$room.log"
      failed=1
    fi
  done
}

for target in "$@"; do
  # shellcheck disable=SC2046  # words
  run_target "$target" $(describe "$target")
done
exit "$failed"
