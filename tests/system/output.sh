#!/bin/sh
# The program where its output, its memory or its input is not what it hopes for.
# Usage: output.sh TERN_PROGRAM
set -eu
case $1 in /*) tern=$1 ;; *) tern=$PWD/$1 ;; esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fails=0
fail() { printf 'FAILED: %s\n' "$*"; fails=$((fails + 1)); }
# gives CODE COMMAND...: the exit code of a shell's command line, its messages in $dir/err unless it sends them elsewhere.
gives() {
  code=$1
  got=0
  sh -c "$2" 2>"$dir/err" </dev/null >/dev/null || got=$?
  [ "$got" = "$code" ] || fail "exit $got instead of $code: $2 ($(head -c 300 "$dir/err"))"
}
lost() {
  gives 1 "$1"
  tail -n 1 "$dir/err" | grep -q "^tern: cannot write to standard output: " || fail "no word of lost output: $1"
}

cd "$dir"
train="$tern train --data fashion-mnist-mini --model mlp --width 4 --weights twn --acts ternary --limit-train 64 --limit-test 32
  --epochs 2 --batch 32 --threads 1"
train=$(echo $train)
[ -e /dev/full ] || { echo "no /dev/full here: nothing tried"; exit 77; }

# Nobody listens to messages: all goes on.
gives 1 "$tern eval nowhere 2>&-"
gives 1 "$tern eval nowhere 2>/dev/full"
gives 2 "$tern evil 2>/dev/full"
gives 0 "$train --run r 2>/dev/full >out"
grep -q '^epoch 2/2' out || fail "a training whose messages are lost does not report"
gives 0 "$tern pack r r.tern --quiet 2>&-"
gives 0 "$tern verify r r.tern --limit 8 --quiet 0<&- 2>&-"

# Results are lost: the work is done, the exit code tells.
lost "$train --run full >/dev/full"
[ -e full/last.safetensors ] || fail "a training whose standard output is full leaves no checkpoint"
gives 0 "$tern eval full --quiet"
for verb in --version --help 'train --help' info list 'list datasets --json' 'data' 'data fashion-mnist-mini --json' 'eval r' 'eval r --json' \
  'run r.tern' 'run r.tern --json' 'verify r r.tern --limit 8' 'summary vgg_small' 'summary vgg_small --json' 'size r.tern' \
  'size r.tern --json' 'plan r.tern' 'draw --curves r' 'pack r again.tern'; do
  lost "$tern $verb >/dev/full"
  lost "$tern $verb >&-"
done
gives 0 "{ while [ ! -e gone ]; do sleep 0.05; done; $tern list; echo \$? >code; } | { exec <&-; : >gone; }"
[ "$(cat code)" = 141 ] || fail "exit $(cat code) instead of 141 of a program whose reader has gone"

# A packed file or a checkpoint, which somebody may have sent, names no path to open; a run directory does.
for split in train test; do
  mkdir -p photos/$split/dark photos/$split/light
  { printf 'P6 8 8 255\n'; head -c 192 /dev/zero; } >photos/$split/dark/1.ppm
  { printf 'P6 8 8 255\n'; head -c 192 /dev/zero | tr '\0' '\377'; } >photos/$split/light/1.ppm
done
gives 0 "$train --batch 2 --data folder:photos --run p --quiet && $tern pack p p.tern --quiet"
gives 0 "$tern eval p --quiet"
gives 1 "$tern run p.tern"
gives 0 "$tern run p.tern --data folder:photos"
for command in "eval p/last.safetensors" "verify p/last.safetensors p.tern" \
  "freeze --from p/last.safetensors --run q --phases 1:1x1e-3 --validation 0 --quiet"; do
  gives 1 "$tern $command"
  grep -q 'a path is opened only where you name it: --data folder:.*photos$' "$dir/err" || fail "no word of the path: $command"
  gives 0 "$tern $command --data folder:photos"
done

# Memory is short: a line, or the work, but no wait for ever. (A sanitized program starts in no such room.)
if (ulimit -v 4000000 && $tern --version) >/dev/null 2>&1; then
  for room in 80000 120000 150000; do
    gives 0 "ulimit -v $room; timeout 60 $tern --version"
  done
fi

[ "$fails" = 0 ] && echo "output: all as it should be"
[ "$fails" = 0 ]
