#!/bin/sh
# Types what docs/own-photos.md says to type, on photos made here, and looks whether it says what the page says.
# Usage: own_photos.sh TERN_PROGRAM MAKE_PHOTOS PAGE
set -eu
bin=$(cd "$(dirname "$1")" && pwd)
page=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$2" "$dir"
# An indented line that begins with $ is typed; the indented lines below it are what it prints, where "..." stands for
# whatever it may be. Where they begin with "tern:" it fails.
awk '/^    \$ / { step = sprintf("%s/step-%03d", dir, ++n); says = step ".says"
                  print substr($0, 7) > (step ".sh"); printf "" > says; open = 1; next }
     /^    / { if (open) print substr($0, 5) > says; next }
     { open = 0 }' dir="$dir" "$page"
cd "$dir"
steps=0
for script in step-*.sh; do
  steps=$((steps + 1))
  says=${script%.sh}.says
  expected=0
  grep -q '^tern: ' "$says" && expected=1
  got=0
  PATH="$bin:$PATH" sh "$script" >printed 2>&1 </dev/null || got=$?
  if [ "$got" != "$expected" ]; then
    echo "FAILED: exit $got instead of $expected: $(cat "$script")"
    cat printed
    exit 1
  fi
  while read -r line; do
    pattern=$(printf '%s' "$line" | sed 's/[][\.*^$+?(){}|]/\\&/g; s/\\\.\\\.\\\./.*/g')
    grep -qE -- "^$pattern\$" printed && continue
    echo "FAILED: the page has \"$line\" below \"$(cat "$script")\"; it printed:"
    cat printed
    exit 1
  done <"$says"
done
[ "$steps" -ge 8 ] || { echo "FAILED: the page has $steps commands"; exit 1; }
echo "own photos: $steps commands of the page do what it says"
