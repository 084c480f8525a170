#!/bin/sh
# Installs the build into a folder of its own, and builds and runs the programs of docs/examples/README.md that need one
# library, with nothing but pkg-config.
#   run.sh SOURCE_DIR BUILD_DIR tern-infer|tern
set -eu
source=$1 build=$2 library=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$*"
  exit 1
}

mkdir "$work/bin"
meson install -C "$build" --no-rebuild --quiet --destdir "$work/root" >/dev/null
pc=$(find "$work/root" -name "$library.pc" | head -n 1)
[ -n "$pc" ] || fail "$library.pc is not installed"
export PKG_CONFIG_PATH="$(dirname "$pc")" PKG_CONFIG_SYSROOT_DIR="$work/root"
export LD_LIBRARY_PATH="$(dirname "$pc")/..${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
flags=$(pkg-config --cflags "$library")
libs=$(pkg-config --static --libs "$library")

# compile FILE PROGRAM
compile() {
  # shellcheck disable=SC2086  # flags are words
  case "$1" in
    *.c)
      ${CC:-cc} -std=c99 -Wall -Wextra -Werror $flags -c "$1" -o "$2.o"
      ${CXX:-c++} ${CXXFLAGS:-} "$2.o" -o "$2" $libs
      ;;
    *) ${CXX:-c++} ${CXXFLAGS:-} -std=c++20 -Wall -Wextra $flags "$1" -o "$2" $libs ;;
  esac
}

# Rows of the table: | [file](file) | what | library | command | pattern |
table=$source/docs/examples/README.md
sed -n 's/^| \[\([a-z_.]*\)\]([^)]*) | [^|]* | \([a-z-]*\) | \([^|]*\) | \([^|]*\) |$/\1;\2;\3;\4/p' "$table" >"$work/rows"
for file in "$source"/docs/examples/*.c*; do
  name=$(basename "$file")
  grep -qE "^$name;tern(-infer)?;" "$work/rows" || fail "$file: no row in $table"
  grep -q "(docs/examples/$name)" "$source/README.md" || fail "$file: README.md does not name it"
  [ "$(wc -l <"$file")" -le 80 ] || fail "$file: more than 80 lines"
done
while IFS=';' read -r file needs command pattern; do
  [ "$needs" = "$library" ] || continue
  program=$work/bin/${file%.*}
  compile "$source/docs/examples/$file" "$program"
  command=$(printf '%s' "$command" | sed "s|DATA|$source/datasets|; s|WORK|$work|g")
  # shellcheck disable=SC2086  # arguments are words
  (cd "$work" && bin/$command) >"$work/out" 2>&1 </dev/null || fail "$file: $(tail -n 3 "$work/out")"
  grep -q "$pattern" "$work/out" || fail "$file: no \"$pattern\" in what it printed: $(tail -n 3 "$work/out")"
  echo "$file: $(tail -n 1 "$work/out")"
done <"$work/rows"
[ "$library" = tern-infer ] || exit 0

"$work/bin/classify" "$work/net.tern" "$work/left.pgm" | grep -q '^class 0 of 2' || fail "left.pgm: another class"
if "$work/bin/classify" "$work/none.tern" "$work/left.pgm" 2>/dev/null; then fail "a missing model was accepted"; fi
if TERN_ISA=pentium "$work/bin/classify" "$work/net.tern" "$work/left.pgm" 2>"$work/message"; then
  fail "an unknown instruction set was accepted"
fi
grep -q 'available: reference' "$work/message" || fail "the known instruction sets are not named: $(cat "$work/message")"
