#!/bin/sh
# What a shared library shows: functions and classes that include/tern declares TERN_PUBLIC, under a version, and nothing else;
# that programs get along with it; and that another version in the same process is not bound into it.
#   symbols.sh SOURCE_DIR LIBRARY
set -eu
source=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$*"
  exit 1
}

nm -D --defined-only "$library" | sed -n 's/^[0-9a-f]* [A-Za-z] //p' | grep -v '^TERN_[0-9.]*$' >"$work/versioned" || true
[ -s "$work/versioned" ] || fail "$library shows nothing"
if grep -v '@@TERN_[0-9.]*$' "$work/versioned"; then fail "these symbols of $library have no version"; fi
sed 's/@@.*//' "$work/versioned" >"$work/shown"
readelf -d "$library" | grep -q 'SONAME.*\.so\.[0-9]*\.[0-9]*\]' || fail "$library: its SONAME has no number"

# Names behind TERN_PUBLIC: in front of the first bracket, else of classes.
cat "$source"/include/tern/*.h* | sed 's,//.*,,' | tr '\n' ' ' | sed 's/TERN_PUBLIC /\n&/g' | sed -n 's/^TERN_PUBLIC \([^;{]*\).*/\1/p' |
  sed -e 's/(.*//' -e 's/ *:.*[^:]$//' -e 's/ *$//' -e 's/.*[ *&]//' | sort -u >"$work/public"
grep '^tern_' "$work/shown" >"$work/c" || true
while read -r name; do
  grep -qx "$name" "$work/public" || fail "$library shows $name, which tern.h does not declare"
done <"$work/c"
for name in $(sed -n 's/^TERN_PUBLIC .*[ *]\(tern_[a-z_]*\)(.*/\1/p' "$source/include/tern/tern.h"); do
  grep -qx "$name" "$work/c" || fail "$library does not show $name"
done
if grep -vE '^(tern_|_Z(T[IVS])?N[KOR]*4tern)' "$work/shown"; then fail "$library shows these, which are not in namespace tern"; fi
# Of a C++ name the path without arguments and templates; one of its parts is public.
grep -v '^tern_' "$work/shown" | c++filt | sed -e 's/^\(vtable\|typeinfo\|typeinfo name\|VTT\) for //' -e 's/\[abi:[^]]*\]//' >"$work/cpp"
while read -r name; do
  parts=$(printf '%s\n' "$name" | sed -e 's/(.*//' -e 's/.* \(tern::\)/\1/' -e 's/<.*//' -e 's/::/\n/g')
  printf '%s\n' "$parts" | grep -qxFf "$work/public" || fail "$library shows $name, which no header declares TERN_PUBLIC"
done <"$work/cpp"
echo "$(wc -l <"$work/shown") symbols, $(wc -l <"$work/c") of them C"

# Programs in both languages see all that they need, in particular whose exceptions they catch.
ln -s "$library" "$work/libtern-infer.so"
ln -s "$library" "$work/$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')"
export LD_LIBRARY_PATH="$work${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
for program in packed_by_hand.cpp packed_inference.cpp; do
  # shellcheck disable=SC2086  # flags are words
  ${CXX:-c++} ${CXXFLAGS:-} -std=c++20 -I"$source/include" "$source/docs/examples/$program" -L"$work" -ltern-infer -o "$work/${program%.cpp}"
done
${CC:-cc} -std=c99 -I"$source/include" "$source/docs/examples/classify.c" -L"$work" -ltern-infer -o "$work/classify"
"$work/packed_by_hand" "$work" >/dev/null
"$work/packed_inference" "$work/net.tern" | grep -q 'one result' || fail "packed_inference: another result"
if "$work/packed_inference" "$work/none.tern" 2>"$work/message"; then fail "packed_inference: a missing file was accepted"; fi
grep -q 'none.tern' "$work/message" || fail "packed_inference: $(cat "$work/message")"
"$work/classify" "$work/net.tern" "$work/right.pgm" | grep -q 'class 1 of 2' || fail "classify: another class"

# Another version: every function under the same name, and each of them ends the process. It is asked first for all symbols.
{
  echo '#include <stdlib.h>'
  grep -vE '^(_ZT[VIS]|_ZGV)' "$work/shown" | sed 's/.*/void &(void) { abort(); }/'
} >"$work/other.c"
cat >"$work/both.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <tern/tern.h>
int main(int argc, char** argv) {
  void* ours = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!ours || argc != 3) return puts(dlerror()), 1;
  tern_model* (*load)(const char*) = (tern_model * (*)(const char*)) dlsym(ours, "tern_load");
  int (*classify)(tern_model*, const uint8_t*, int64_t, int32_t*) =
      (int (*)(tern_model*, const uint8_t*, int64_t, int32_t*))dlsym(ours, "tern_classify");
  const char* (*error)(void) = (const char* (*)(void))dlsym(ours, "tern_error");
  uint8_t image[16] = {0};
  int32_t found = -1;
  tern_model* net = load(argv[2]);
  if (!net || classify(net, image, 1, &found) != 0 || load("/none.tern")) return puts(error()), 1;
  return found == 0 || found == 1 ? 0 : 1;
}
END
${CC:-cc} -w -shared -fPIC "$work/other.c" -o "$work/libother.so"
${CC:-cc} -w -I"$source/include" "$work/both.c" -o "$work/both" -L"$work" -Wl,--no-as-needed -lother -ldl
"$work/both" "$library" "$work/net.tern" || fail "another version in the process was bound into $library"
