#!/bin/sh
# Faults that people met, each as they met it: what a command can show of them, one paragraph a fault.
# Usage: faults.sh TERN_PROGRAM SOURCE_ROOT
set -u
case $1 in /*) tern=$1 ;; *) tern=$PWD/$1 ;; esac
root=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fails=0
checks=0
fail() { printf 'FAILED: %s\n' "$*"; fails=$((fails + 1)); }
ok() { checks=$((checks + 1)); }

# expect CODE PATTERN COMMAND...: exit code, and a text on either output; both are kept in out and err.
expect() {
  code=$1
  pattern=$2
  shift 2
  ok
  got=0
  timeout 300 "$@" >out 2>err </dev/null || got=$?
  [ "$got" = "$code" ] || fail "exit $got instead of $code: $* ($(head -c 300 err))"
  [ -z "$pattern" ] || grep -qE -- "$pattern" out err || fail "no \"$pattern\": $* ($(head -c 300 err))"
}
# number KEY FILE: of a line of JSON.
number() { sed -n "s/.*\"$1\":\([-0-9.e+]*\).*/\1/p" "$2" | head -n 1; }
same() { ok; [ "$1" = "$2" ] || fail "$3: expected $2; got $1"; }

# pixels WIDTH HEIGHT R G B SEED: a binary PPM of noise around a colour.
pixels() {
  LC_ALL=C awk -v w="$1" -v h="$2" -v r="$3" -v g="$4" -v b="$5" -v seed="$6" 'BEGIN {
    srand(seed); printf "P6 %d %d 255\n", w, h
    for (i = 0; i < w * h; ++i) { put(r); put(g); put(b) }
  }
  function put(v) { v += int(60 * rand()) - 30; if (v < 1) v = 1; if (v > 255) v = 255; printf "%c", v }'
}
colours='a:220:30:30 b:30:220:30 c:30:30:220'
for c in $colours; do
  IFS=: read -r name r g b <<END
$c
END
  mkdir -p "abc/train/$name" "abc/test/$name"
  for i in 00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15; do pixels 16 16 "$r" "$g" "$b" "1$i" >"abc/train/$name/$i.ppm"; done
  for i in 00 01 02 03 04 05 06 07 08 09; do pixels 16 16 "$r" "$g" "$b" "2$i" >"abc/test/$name/$i.ppm"; done
done
small="--threads 1 --quiet --model vgg_small --width 4 --batch 16 --epochs 3 --schedule cosine:hi=0.05,lo=0"
mini="--threads 1 --quiet --data fashion-mnist-mini --model vgg_small --width 4 --limit-train 320 --limit-test 100 --batch 32 --epochs 1"
expect 0 '' $tern train $small --weights twn --acts ternary --data folder:abc --run r
expect 0 '' $tern pack r r.tern
expect 0 '' $tern eval r --json
same "$(number accuracy out)" 1.0 "the three colours are not learned"

# Classes go by name: a folder of some of them, and files.
mkdir -p bc/train bc/test
cp -r abc/train/b abc/train/c bc/train/
cp -r abc/test/b abc/test/c bc/test/
for what in 'eval r' 'run r.tern'; do
  got=0
  # shellcheck disable=SC2086
  $tern $what --data folder:bc --json >out 2>err || got=$?
  ok
  [ "$got" != 0 ] || [ "$(number correct out)" = 20 ] || fail "$what on two of three classes: $(cat out)"
done
expect 1 'class' $tern run r.tern --data fashion-mnist-mini
expect 0 '^abc/test/b/00[0-9]*.ppm: b' $tern run r.tern abc/test/b/00.ppm

# The centre of an image is what training crops from.
mkdir -p centre
for c in a b; do
  mkdir -p "centre/train/$c" "centre/test/$c"
  i=0
  while [ $i -lt 16 ]; do
    for s in train test; do
      LC_ALL=C awk -v class="$c" -v set="$s" -v seed="$i" 'BEGIN {
        srand(seed); printf "P6 16 16 255\n"
        for (y = 0; y < 16; ++y) for (x = 0; x < 16; ++x) {
          inner = x >= 4 && x < 12 && y >= 4 && y < 12
          red = inner || set == "train" ? class == "a" : class != "a"
          printf "%c%c%c", (red ? 200 : 30) + int(20 * rand()), 40 + int(20 * rand()), (red ? 30 : 200) + int(20 * rand())
        }
      }' >"centre/$s/$c/$i.ppm"
    done
    i=$((i + 1))
  done
done
expect 0 '' $tern train $small --weights none --acts none --data folder:centre --augment crop=8 --run rc
expect 0 '' $tern eval rc --json
ok
[ "$(number correct out)" -ge 30 ] || fail "evaluation looks at more than the centre: $(number correct out) of 32"

# A packed network without quantizers computes what its float path does.
expect 0 '' $tern train $mini --weights none --acts none --run rf
expect 0 '' $tern pack rf rf.tern
expect 0 'yes|identical' $tern verify rf rf.tern --limit 50

# A run that diverges fails, and leaves a checkpoint that can be read, or none.
got=0
$tern train $mini --weights none --acts none --epochs 4 --schedule constant:lr=10 --run rd >out 2>err || got=$?
ok
[ "$got" != 0 ] || $tern eval rd >out 2>err || fail "a diverged run exits 0 and cannot be evaluated"
got=0
$tern train $mini --weights none --acts none --schedule constant:lr=100 --checkpoint-steps 1 --run rd2 >out 2>err || got=$?
ok
[ ! -e rd2/last.safetensors ] || $tern eval rd2 >out 2>err || fail "the checkpoint of a diverged run cannot be read: $(cat err)"

# Files that vanish.
cp -r abc linked
rm -rf linked/train/c && cp -r abc/train/c elsewhere && ln -s "$dir/elsewhere" linked/train/c
expect 0 'c +16' $tern data folder:linked
cp -r abc odd && mkdir odd/train/d odd/test/d && for n in 1 2; do printf 'RIFF' >"odd/train/d/$n.webp"; done
expect 1 'webp|d' $tern train $small --data folder:odd --run rodd
cp -r abc hollow && mkdir hollow/train/bb hollow/test/bb
expect 1 'bb' $tern train $small --data folder:hollow --run rhollow

# Options without effect, shares of nothing.
printf 'tern-graph 1\nx = input() shape=3x16x16\nf = flatten(x)\ny = linear(f) out=3\n' >net.txt
for o in '--weights twn' '--acts ternary' '--width 4' '--model vgg_small' '--options relu=1' '--quantize-first-last'; do
  # shellcheck disable=SC2086
  expect 2 "${o%% *}" $tern train --data folder:abc --graph net.txt $o --quiet --run rx
done
got=0
$tern train $mini --limit-train 30 --validation 0.01 --run rv >out 2>err || got=$?
ok
[ "$got" != 0 ] || [ -e rv/best.safetensors ] || grep -q validation err || fail "a validation share of nothing is silent"

# Statistics over one image: in every batch, in the last one, after a warm start, while freezing, in a search.
one="--model mlp --width 4"
expect 1 'node "bn1" takes statistics.*at least 2; got 320 images in batches of 1' $tern train $mini $one --batch 1 --run rb
expect 1 'got 33 images in batches of 32, the last of 1' $tern train $mini $one --limit-train 33 --run rb
expect 0 '' $tern train $mini $one --limit-train 34 --weights none --acts none --run rbn
expect 1 'the last of 1; choose another batch' $tern train $mini $one --limit-train 33 --from rbn --run rb
expect 1 'the last of 1; choose another batch' $tern freeze --from rbn --limit-train 33 --validation 0 --batch 32 --run rb --quiet
expect 1 'takes statistics' $tern search --data fashion-mnist-mini --limit-train 32 --image-size 4 --cells 3 --width 4 --batch 1 --run rb
expect 0 '' $tern train $mini --limit-train 33 --run rbp
ok
[ ! -e rb ] || fail "a refused batch left a run directory behind"

# A test set of nothing.
mkdir -p none/train none/test && cp -r abc/train/* none/train/
got=0
$tern run r.tern --data folder:none >out 2>err || got=$?
ok
! grep -q nan out || fail "run on no images: exit $got, $(cat out)"

# Interruptions are no success.
for signal in INT TERM HUP; do
  env --default-signal=INT,HUP "$tern" train $mini --limit-train 8000 --epochs 50 --run "i$signal" >out 2>err &
  pid=$!
  n=0
  while [ ! -e "i$signal/config.toml" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
  sleep 0.5
  kill -s "$signal" "$pid"
  got=0
  wait "$pid" || got=$?
  ok
  case $got in 129 | 130 | 143) ;; *) fail "SIG$signal: exit $got" ;; esac
  ok
  [ -e "i$signal/last.safetensors" ] || fail "SIG$signal: no checkpoint"
done

# Two at once in one directory.
$tern train $mini --limit-train 8000 --epochs 50 --run two >/dev/null 2>&1 &
pid=$!
n=0
while [ ! -e two/config.toml ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
expect 1 '' $tern train $mini --epochs 50 --run two --limit-train 8000
expect 1 '' $tern train --run two --resume --quiet
kill -TERM "$pid"
wait "$pid"

# Changed data under a run.
cp -r abc data1
expect 0 '' $tern train $small --weights twn --acts ternary --data folder:data1 --run rdata
expect 0 '' cp -r rdata rdata2
sed -i 's/^epochs = 3/epochs = 4/' rdata2/config.toml
expect 1 'epochs|schedule' $tern train --run rdata2 --resume --quiet
pixels 16 16 5 5 5 9 >data1/train/a/99.ppm
expect 1 'data|image' $tern eval rdata --data folder:nowhere
got=0
$tern train --run rdata --resume --quiet >out 2>err || got=$?
ok
{ [ "$got" = 0 ] || grep -qi 'data' err; } || fail "resume on changed data names another cause: $(cat err)"

# A run is used from other folders, moved, and its data moved.
mkdir -p away runs
expect 0 '30 of 30' sh -c "cd away && $tern eval ../r"
expect 0 'finished' sh -c "cd away && $tern train --run ../r --resume"
cp -r r runs/moved
expect 0 '30 of 30' $tern eval runs/moved
cp -r abc gone
expect 0 '' $tern train $small --epochs 1 --weights none --acts none --data folder:gone --run rgone
mv gone moved
expect 1 "are not there: \"$dir/gone\"; if they were moved, name them: --data folder:PATH" $tern eval rgone
expect 0 'of 30 correct' $tern eval rgone --data folder:moved
expect 1 'set data in rgone/config.toml' $tern train --run rgone --resume
sed -i "s|^data = .*|data = 'folder:moved'|" rgone/config.toml
expect 0 'finished' $tern train --run rgone --resume
expect 1 "\"moved\" is neither in $dir/away nor in ../rgone" sh -c "cd away && $tern train --run ../rgone --resume"
mv moved rgone/
expect 0 'finished' sh -c "cd away && $tern train --run ../rgone --resume"

# Output that cannot be written.
expect 1 '' sh -c "$tern eval nowhere 2>&-"
ok
$tern eval r --json >/dev/full 2>err && fail "a full standard output exits 0"
for v in "summary mlp --input 1x28x28" list "size r.tern" info "plan r.tern --seconds 0"; do
  ok
  # shellcheck disable=SC2086
  $tern $v >/dev/full 2>err && fail "$v on a full standard output exits 0"
done
expect 0 '' sh -c "$tern train $small --weights twn --acts ternary --data folder:abc --run rfull 2>/dev/full"
ok
# (The address sanitizer wants terabytes of addresses.)
grep -q __asan_init "$tern" || (ulimit -v 400000 && timeout 20 $tern --version >/dev/null 2>&1) ||
  fail "--version in 400 MB of address space"

# Photos as people keep them.
mkdir photos && for c in a b c; do mkdir "photos/$c" && cp abc/train/$c/* "photos/$c/"; done
expect 0 '' $tern train $small --weights twn --acts ternary --data folder:photos --run rphotos
expect 0 '' $tern eval rphotos
mkdir onlytest && cp -r abc/test onlytest/test
expect 0 '' $tern eval r --data folder:onlytest --json
same "$(number correct out)" 30 "a folder with test/ alone"
expect 1 'no image|is empty|holds no|class' $tern data folder:rphotos

# tern run: a bad file among good ones, a folder, standard input.
printf 'junk' >bad.jpg
got=0
$tern run r.tern abc/test/a/00.ppm bad.jpg abc/test/b/00.ppm >out 2>err || got=$?
ok
{ [ "$got" = 1 ] && grep -q 'a/00.ppm: a' out && grep -q 'b/00.ppm: b' out && grep -q bad.jpg out err; } ||
  fail "one bad file among good ones: exit $got, $(cat out err)"
expect 0 'c/03.ppm: c' $tern run r.tern abc/test/c
ok
[ "$($tern run r.tern - <abc/test/c/01.ppm | grep -c ': c')" = 1 ] || fail "run on standard input"

# Onto another number of classes.
expect 1 '' $tern train $small --weights twn --acts ternary --data folder:bc --from r --run rt1
expect 0 '' $tern train $small --weights twn --acts ternary --data folder:bc --from r --allow-missing --run rt2

# Checkpoints have checksums.
cp -r r rbit
size=$(wc -c <rbit/last.safetensors)
printf '\377' | dd of=rbit/last.safetensors bs=1 seek=$((size - 40)) conv=notrunc 2>/dev/null
expect 1 'checksum' $tern eval rbit

# A link at the temporary name of a file that is written does no harm.
printf 'precious' >victim
for n in 0 1 2 3; do ln -s "$dir/victim" "out.tern.part$((n + 1))" 2>/dev/null; done
expect 0 '' $tern pack r out.tern
same "$(cat victim)" precious "a file behind a link was overwritten"

# Files that ask for much.
{ printf 'tern-graph 1\nx = input() shape=1x28x28\nf = flatten(x)\ny = linear(f) out=16777216\n'; } >huge.txt
expect 1 '' $tern train --data fashion-mnist-mini --graph huge.txt --quiet --run rhuge
printf 'PK' >w.pth
expect 1 'safetensors' $tern eval w.pth --model vgg_small

# Texts fit, names are answered.
expect 2 'schedule' $tern train --lr 0.1
expect 2 'batch' $tern train --batch-size 3
expect 0 'Usage' $tern help train
expect 0 'tern' $tern -V
for v in '' train search freeze compare run data list; do
  ok
  # shellcheck disable=SC2086
  $tern $v --help | awk 'length($0) > 100 {exit 1}' || fail "$v --help is wider than 100 columns"
done
ok
$tern list | awk 'length($0) > 100 {exit 1}' || fail "list is wider than 100 columns"
mkdir here && expect 0 'twn' sh -c "cd here && $tern train --data fashion-mnist-mini --limit-train 64 --limit-test 32 --epochs 1"
expect 1 'max_pool|pool' $tern train $mini --image-size 1 --run rsize

[ "$fails" = 0 ] && echo "faults: all $checks checks passed"
[ "$fails" = 0 ] || echo "faults: $fails of $checks checks failed"
exit "$((fails > 0))"
