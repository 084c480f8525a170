#!/bin/sh
# The C++ of the pages compiles with the public headers alone, a translation unit a page. Of every ```cpp block the
# #include lines go to the top and what begins with class or struct at the margin, up to its "};", stays as it is; the
# rest is the body of a function. C++ that is not to be compiled stands in a ```text block, and in no other.
# Usage: snippets.sh SOURCE_ROOT      (CXX: the compiler)
set -eu
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
blocks=0
for page in README.md CONTRIBUTING.md $(find docs datasets -name '*.md' | sort); do
  : >"$work/includes"
  : >"$work/blocks"
  awk -v includes="$work/includes" -v blocks="$work/blocks" -v page="$page" '
    /^```/ { if (cpp) printf "namespace at_line_%d {\n%s%svoid body() {\n%s%s}\n}\n", at, from, types, from, body >blocks
             open = !open; fence = open ? substr($0, 4) : ""; cpp = fence == "cpp"
             at = FNR; from = sprintf("#line %d \"%s\"\n", FNR + 1, page); types = body = ""; next }
    cpp { include = /^ *#include/; type = type || /^(class|struct) /
          if (include) print >includes
          types = types (type ? $0 : "") "\n"; body = body (type || include ? "" : $0) "\n"
          if (/};$/ && (/^}/ || /^(class|struct) /)) type = 0 }
    open && !cpp && fence != "text" && /tern::|#include *<tern\// {
      printf "%s:%d: C++ in a ```%s block; expected ```cpp, or ```text\n", page, FNR, fence; bad = 1 }
    END { exit bad }' "$page" || bad=1
  [ -s "$work/blocks" ] || continue
  blocks=$((blocks + $(grep -c '^namespace at_line_' "$work/blocks")))
  cat "$work/includes" "$work/blocks" >"$work/page.cpp"
  # shellcheck disable=SC2086  # the compiler and its flags are words
  ${CXX:-c++} ${CXXFLAGS:-} -std=c++20 -fsyntax-only -Wall -Wextra -Werror -Wno-unused -Iinclude "$work/page.cpp" || bad=1
done
[ "$blocks" -gt 0 ] || { echo "no page has C++: what was looked at?"; bad=1; }
[ "$bad" = 0 ] && echo "snippets: $blocks blocks compile"
exit "$bad"
