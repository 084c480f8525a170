#!/bin/sh
# What signals and lost terminals do to work that takes long: it ends in order and says so by its exit code, or
# goes on. Usage: signals.sh TERN_PROGRAM
set -eu
case $1 in /*) tern=$1 ;; *) tern=$PWD/$1 ;; esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fails=0
fail() { printf 'FAILED: %s\n' "$*"; fails=$((fails + 1)); }

# Long enough that it has not ended before it is asked to.
long="--data fashion-mnist-mini --width 4 --limit-train 1000 --limit-test 100 --batch 10 --epochs 1000 --threads 1"
short="--data fashion-mnist-mini --width 4 --limit-train 320 --limit-test 100 --batch 32 --epochs 2 --threads 1"
search="--data fashion-mnist-mini --limit-train 64 --image-size 8 --cells 3 --width 4 --batch 16 --epochs 1000 --threads 1"

# interrupt SIGNAL CODE RUN COMMAND...: sent once metrics.jsonl in RUN has a line.
interrupt() {
  signal=$1
  code=$2
  run=$3
  shift 3
  # What a shell without job control starts in the background ignores SIGINT, and under nohup SIGHUP: not here.
  env --default-signal=INT,HUP \
    "$@" >"$dir/out" 2>"$dir/err" &
  pid=$!
  until [ -s "$run/metrics.jsonl" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  kill -s "$signal" "$pid"
  got=0
  wait "$pid" || got=$?
  [ "$got" = "$code" ] || fail "exit $got instead of $code after $signal: $* ($(tail -c 300 "$dir/err"))"
}

interrupt INT 130 "$dir/int" "$tern" train $long --run "$dir/int"
grep -q 'stopped; continue with' "$dir/err" || fail "no word of how to continue: $(tail -c 300 "$dir/err")"
interrupt TERM 143 "$dir/term" "$tern" train $long --run "$dir/term"
interrupt HUP 129 "$dir/hup" "$tern" train $long --run "$dir/hup"
grep -q 'stopped; continue with' "$dir/err" || fail "SIGHUP is the end, not a request: $(tail -c 300 "$dir/err")"
for run in int term hup; do
  "$tern" eval "$dir/$run" --limit 10 --json >/dev/null || fail "no checkpoint after $run"
done
interrupt TERM 143 "$dir/search" "$tern" search $search --run "$dir/search"
interrupt INT 130 "$dir/compare/none_none_seed1" "$tern" compare $long --run "$dir/compare" --pair none/none --pair twn/none
grep -q 'stopped; the same command continues' "$dir/err" || fail "compare does not say that it was stopped"
[ ! -s "$dir/out" ] || [ -e "$dir/compare/table.md" ] || fail "a table that is not there: $(cat "$dir/out")"

# answers SIGNAL CODE COMMAND...: sent after two seconds into work that takes a minute or more; the end comes at once. With
# a file in $reached two seconds after its double time.
reached=
answers() {
  signal=$1
  code=$2
  shift 2
  begun=$(date +%s)
  env --default-signal=INT,HUP "$@" >"$dir/out" 2>"$dir/err" &
  pid=$!
  if [ -n "$reached" ]; then
    until [ -e "$reached" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    sleep "$(($(date +%s) - begun))"
  fi
  sleep 2
  kill -s "$signal" "$pid" 2>/dev/null || fail "was over before SIG$signal: $*"
  (sleep 15; kill -9 "$pid") 2>/dev/null &
  guard=$!
  got=0
  wait "$pid" || got=$?
  kill "$guard" 2>/dev/null || true
  wait "$guard" 2>/dev/null || true
  [ "$got" = "$code" ] || fail "exit $got instead of $code after $signal: $* ($(tail -c 300 "$dir/err"))"
}

# Before the first step there is nothing to keep: decoding of large images, calibration, a folder of them in every verb.
for class in a b; do
  mkdir -p "$dir/large/train/$class" "$dir/large/test/$class"
  { printf 'P6 4000 4000 255\n'; head -c 48000000 /dev/zero; } >"$dir/large/train/$class/0.ppm"
  for i in $(seq 400); do
    ln "$dir/large/train/$class/0.ppm" "$dir/large/train/$class/$i.ppm"
    ln "$dir/large/train/$class/0.ppm" "$dir/large/test/$class/$i.ppm"
  done
done
heavy="--data fashion-mnist-mini --model vgg_small --width 160 --limit-train 16 --batch 16 --epochs 1 --threads 1"
answers INT 130 "$tern" train --data "folder:$dir/large" --model mlp --threads 1 --run "$dir/never"
answers HUP 129 "$tern" data "folder:$dir/large" --threads 1
answers TERM 143 "$tern" search $search --data "folder:$dir/large" --run "$dir/never"
answers TERM 143 "$tern" train $heavy --weights lsq --acts lsq --limit-train 2000 --batch 2000 --run "$dir/never"
[ ! -e "$dir/never" ] || fail "a run directory of what never began"

# Evaluation behind the steps of an epoch: the steps are kept, and evaluated on resuming.
reached="$dir/evaluated/last.safetensors"
answers TERM 143 "$tern" train $heavy --limit-train 32 --checkpoint-steps 1 --run "$dir/evaluated"
reached=
grep -q 'stopped; continue with' "$dir/err" || fail "no word of how to continue: $(tail -c 300 "$dir/err")"
[ ! -s "$dir/evaluated/metrics.jsonl" ] || fail "the evaluation was over"
answers INT 130 "$tern" train --run "$dir/evaluated" --resume --threads 1
answers INT 130 "$tern" eval "$dir/evaluated" --threads 1
"$tern" pack "$dir/evaluated" "$dir/evaluated.tern" --quiet || fail "the interrupted run cannot be packed"
answers TERM 143 "$tern" verify "$dir/evaluated" "$dir/evaluated.tern" --threads 1

# A packed file is there wholly or not at all.
"$tern" pack "$dir/evaluated" "$dir/killed.tern" --quiet &
pid=$!
until [ -n "$(find "$dir" -maxdepth 1 -name 'killed.tern.*')" ] || ! kill -0 "$pid" 2>/dev/null; do :; done
kill -TERM "$pid" 2>/dev/null || true
wait "$pid" || true
[ -z "$(find "$dir" -maxdepth 1 -name 'killed.tern.*')" ] || fail "a packed file that is half written"
[ ! -e "$dir/killed.tern" ] || cmp -s "$dir/killed.tern" "$dir/evaluated.tern" || fail "another packed file"

# A table of which a part is there.
"$tern" compare $short --run "$dir/part" --pair none/none --pair twn/none >"$dir/out" 2>"$dir/err" &
pid=$!
until [ -e "$dir/part/none_none_seed1/result.json" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
kill -TERM "$pid"
got=0
wait "$pid" || got=$?
[ "$got" = 143 ] || fail "exit $got of a compare that was stopped"
[ "$(cat "$dir/part/twn_none_seed1/metrics.jsonl" 2>/dev/null | wc -l)" = 2 ] ||
  grep -q 'Partial: 1 of 2 runs are done' "$dir/out" || fail "a partial table does not say so: $(cat "$dir/out")"

# nohup: the signal is ignored, the training ends as it would.
sh -c 'trap "" HUP; exec "$@"' sh "$tern" train $short --epochs 20 --run "$dir/nohup" --quiet &
pid=$!
until [ -s "$dir/nohup/metrics.jsonl" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
kill -HUP "$pid" 2>/dev/null || true
wait "$pid" || fail "exit $? of a training under nohup after SIGHUP"

# Messages that nobody can read any more: the training goes on without them.
"$tern" train $short --run "$dir/pipe" 2>&1 | true
python3 - "$tern" $short --run "$dir/lost" <<'P'
import os, pty, subprocess, sys
ours, theirs = pty.openpty()
training = subprocess.Popen([sys.argv[1], "train", *sys.argv[2:]], stdin=theirs, stdout=theirs, stderr=theirs)
os.read(ours, 1)
os.close(theirs)
os.close(ours)
training.wait()
P
for run in pipe lost; do
  [ "$(wc -l <"$dir/$run/metrics.jsonl")" = 2 ] || fail "a training to \"$run\" did not end"
done

# Two at once.
"$tern" train $long --run "$dir/twice" --quiet &
pid=$!
until [ -s "$dir/twice/metrics.jsonl" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
got=0
"$tern" train --run "$dir/twice" --resume 2>"$dir/err" || got=$?
[ "$got" = 1 ] || fail "exit $got of a second training in one directory"
grep -q "in use by process $pid" "$dir/err" || fail "the holder is not named: $(cat "$dir/err")"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
"$tern" train --run "$dir/twice" --resume 2>"$dir/err" >"$dir/resumed" &
pid=$!
until [ -s "$dir/resumed" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
kill -TERM "$pid" 2>/dev/null || fail "a lock outlived its process: $(cat "$dir/err")"
got=0
wait "$pid" || got=$?
[ "$got" = 143 ] || fail "exit $got of a resumed training that was stopped"

[ "$fails" = 0 ] || exit 1
printf 'ok\n'
