#!/bin/sh
# The program on data as people have it: own photos, classes by name, crops, files one by one.
# Usage: data.sh TERN_PROGRAM MAKE_PHOTOS
set -eu
case $1 in /*) tern=$1 ;; *) tern=$PWD/$1 ;; esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$2" "$dir"
cd "$dir"
fails=0
fail() { printf 'FAILED: %s\n' "$*"; fails=$((fails + 1)); }

# says PATTERN COMMAND...: it succeeds and says so on standard output.
says() {
  pattern=$1
  shift
  "$@" >out 2>err </dev/null || fail "exit $?: $* ($(head -c 300 err))"
  grep -qE -- "$pattern" out || fail "no \"$pattern\": $* ($(head -c 600 out))"
}
# refuses PATTERN COMMAND...: exit 1, and one line on standard error that matches.
refuses() {
  pattern=$1
  shift
  got=0
  "$@" >out 2>err </dev/null || got=$?
  [ "$got" = 1 ] || fail "exit $got instead of 1: $*"
  grep -qE -- "$pattern" err || fail "no \"$pattern\" on stderr: $* ($(head -c 600 err))"
  [ "$(wc -l <err)" = 1 ] || fail "more than one line on stderr: $*"
}

train="$tern train --threads 1 --quiet --model vgg_small --width 4 --weights twn --acts ternary --augment none --batch 16 --epochs 3
  --schedule cosine:hi=0.05,lo=0"

# Classes are what they are called, whatever their number and order.
$train --data folder:colours --run r
$tern pack r r.tern --quiet
mkdir -p two/test
cp -r colours/test/b colours/test/c two/test
for verb in "eval r" "run r.tern"; do
  says '20 of 20 correct' $tern $verb --data folder:two
  says 'classes by name: 2 of the data among the network.s 3' $tern $verb --data folder:two
  refuses 'that the network knows \("a", "b", "c"\); got "Ankle boot"' $tern $verb --data fashion-mnist-mini
done
says ': b [0-9.]+ %, [ac] ' $tern run r.tern colours/test/b/100.ppm
says '"class":1,"name":"b","probability":0' $tern run r.tern colours/test/b/100.ppm --json
refuses 'was trained on a folder of images; name the data' $tern run r.tern
$tern verify r r.tern --data folder:two --quiet || fail "verify on two of three classes"

# Evaluation, calibration, verification and the packed file see the centre that training cropped from.
$train --data folder:frames --augment crop=8 --run frames-run
$tern pack frames-run frames.tern --quiet
says '20 of 20 correct' $tern eval frames-run
says '20 of 20 correct' $tern run frames.tern --data folder:frames
says ': b [0-9.]+ %' $tern run frames.tern frames/test/b/100.ppm
$tern verify frames-run frames.tern --quiet || fail "verify of a network that crops"

# Folders of classes alone: a test part of their own, which the run remembers.
mkdir flat
cp -r colours/train/a colours/train/b colours/train/c flat
$train --data folder:flat --run flat-run
grep -q "^data = 'folder:$PWD/flat,split=0.2,seed=1'" flat-run/config.toml || fail "the split is not in the settings"
says 'test images: 15 of 72, from every class' $tern eval flat-run
says ' of 15 correct' $tern eval flat-run
says ' of 15 correct' $tern eval flat-run --data folder:flat
says ' of 72 correct' $tern eval flat-run --data folder:flat,split=1
says '20 of 20 correct' $tern eval flat-run --data folder:two
$tern pack flat-run flat.tern --quiet
says ' of 15 correct' $tern run flat.tern --data folder:flat
refuses 'has no test images' $tern run flat.tern --data folder:flat,split=0
refuses 'has no test images' $tern eval flat-run --data folder:flat,split=0
says '57 train, 15 test images of 3x16x16, 3 classes' $tern data folder:flat
says '57 train, 15 test images of 1x16x16' $tern data folder:flat,channels=1
$tern train --run flat-run --resume --quiet || fail "a run with a split cannot be resumed"

# Pixels that are not kept give the same network.
$train --data folder:flat,memory=0 --workers 2 --run later-run
loss() { $tern eval "$1" --json | sed 's/.*"loss":\([^,]*\),.*/\1/'; }
[ "$(loss flat-run)" = "$(loss later-run)" ] || fail "images decoded while they are used train another network"

# Messages that fit the case.
refuses 'there is no "nowhere"' $tern data folder:nowhere
mkdir -p flat-bad/a flat-bad/b flat-empty
cp flat/a/100.ppm flat-bad/a
refuses 'got none in "b"' $tern data folder:flat-bad
refuses 'got no image' $tern data folder:flat-empty
refuses 'unknown option "splt"; did you mean "split"' $tern data folder:flat,splt=1
ln -s ../../flat/b flat-bad/b/again
says '2 classes' $tern data folder:flat-bad
refuses 'mnist is not here; .*train-images.idx3-ubyte' $tern data mnist

# Files one by one: those that cannot be read keep nobody from the others.
says '^new/plum.jpg: [abc] ' sh -c "'$tern' run r.tern new 2>/dev/null || true"
refuses 'broken.jpg' $tern run r.tern new
[ "$(wc -l <out)" = 3 ] || fail "three of four photos are good: $(cat out)"
got=0
$tern run r.tern new/broken.jpg colours/test/a/100.ppm nowhere.jpg --json >out 2>err || got=$?
[ "$got" = 1 ] || fail "run with bad files exits $got"
grep -q '{"image":"new/broken.jpg","error":"' out || fail "no error in the JSON: $(cat out)"
grep -q '{"image":"colours/test/a/100.ppm","class":0,"name":"a",' out || fail "no answer in the JSON: $(cat out)"
[ "$(wc -l <err)" = 2 ] || fail "two files are bad: $(cat err)"
$tern run r.tern - <colours/test/c/101.ppm | grep -q '^-: c ' || fail "run on standard input"
refuses 'holds no images' $tern run r.tern flat-empty
mkdir -p mixed
cp colours/test/a/100.ppm mixed
touch mixed/b.webp mixed/c.txt
ln -s nowhere mixed/d.png
got=0
$tern run r.tern mixed >out 2>err || got=$?
[ "$got" = 1 ] || fail "run of a folder with other files exits $got"
grep -q '^tern: mixed: left out, because nothing here reads them: 1 .txt, 1 .webp$' err || fail "other files: $(cat err)"
grep -q '^tern: mixed: left out, because they lead nowhere: 1 link, d.png$' err || fail "no word of a dead link: $(cat err)"
grep -q '^mixed/100.ppm: a' out || fail "what can be read has no answer: $(cat out)"
got=0
$tern run r.tern mixed --json >out 2>err || got=$?
[ "$got" = 1 ] || fail "run of a folder with other files exits $got"
grep -q '{"image":"mixed","error":"mixed: left out, because nothing here reads them: 1 .txt, 1 .webp"}' out ||
  fail "no word of other files in the JSON: $(cat out)"
rm mixed/100.ppm
refuses 'holds no images .*1 .txt, 1 .webp; left out, because they lead nowhere' $tern run r.tern mixed

# Photos of several sizes, one of them bad.
says '15 test images of 3x64x64' $tern data folder:photos,bad=skip,split=0.25,seed=3
says 'left out, because nothing here reads them: 1 .heic' $tern data folder:photos,bad=skip
$tern data folder:colours --sheet sheet.png --rows 2 --columns 3 >/dev/null
[ -s sheet.png ] || fail "no contact sheet"

[ "$fails" = 0 ] && echo "data: all checks passed"
exit "$fails"
