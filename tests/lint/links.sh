#!/bin/sh
# Pages hang together: every relative link leads to a file, README.md reaches every file of docs (a link to a folder
# reaches what is in it) and names every public header. Usage: links.sh SOURCE_ROOT
set -eu
cd "$1"
pages=$(git ls-files '*.md' 2>/dev/null || true)
[ -n "$pages" ] || pages=$(find README.md CHANGELOG.md CONTRIBUTING.md docs datasets -name '*.md')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# links PAGE: its relative links as paths from the root, one a line. Code has brackets, too: fenced and indented lines do not count.
links() {
  awk '/^```/ { code = !code } !code && !/^    / { while (match($0, /\]\([^)]*\)/)) {
         print substr($0, RSTART + 2, RLENGTH - 3); $0 = substr($0, RSTART + RLENGTH) } }' "$1" |
    sed 's/ .*//; s/#.*//' | grep -vE '^$|^[a-z]+:' | while read -r to; do
      printf '%s\n' "$(dirname "$1")/$to"
    done | sed -e :up -e 's,[^/.][^/]*/\.\./,,;t up' -e 's,^\./,,' -e 's,/$,,' || true
}

bad=0
for page in $pages; do
  links "$page" >"$work/links"
  while read -r to; do
    [ -e "$to" ] || { printf '%s\n' "$page: links to $to, which is not there"; bad=1; }
  done <"$work/links"
done

echo README.md >"$work/todo"
: >"$work/seen"
while [ -s "$work/todo" ]; do
  sort -u "$work/todo" | grep -vxFf "$work/seen" >"$work/new" || true
  cat "$work/new" >>"$work/seen"
  : >"$work/todo"
  while read -r at; do
    if [ -d "$at" ]; then
      find "$at" -maxdepth 1 -type f
    elif [ -f "$at" ] && [ "${at%.md}" != "$at" ]; then
      links "$at"
    fi >>"$work/todo"
  done <"$work/new"
done
find docs -type f | grep -vxFf "$work/seen" >"$work/lost" || true
while read -r file; do
  printf '%s\n' "$file: no page that README.md reaches links to it"
  bad=1
done <"$work/lost"
for header in include/tern/*.h*; do
  grep -qF "\`${header#include/}\`" README.md || { printf '%s\n' "README.md does not name $header"; bad=1; }
done
exit $bad
