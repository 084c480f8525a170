#!/bin/sh
# Options that change nothing in the mode that the rest of the command line chooses: each is refused in one line that
# names it, and nothing is begun. (--json, --quiet and --threads are taken by every verb, so that scripts need not know
# which verb has progress to silence or work to share.) Usage: idle.sh TERN_PROGRAM
set -u
case $1 in /*) tern=$1 ;; *) tern=$PWD/$1 ;; esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fails=0
checks=0
fail() { printf 'FAILED: %s\n' "$*"; fails=$((fails + 1)); }

# idle OPTION COMMAND...: OPTION is what the line must name. Nothing may be left behind.
idle() {
  option=$1
  shift
  checks=$((checks + 1))
  got=0
  timeout 120 "$tern" "$@" >out 2>err </dev/null || got=$?
  if [ "$got" = 0 ]; then
    fail "taken without a word: $option in: $*"
  elif [ "$got" -gt 2 ] || [ "$(wc -l <err)" != 1 ] || ! grep -q -- "$option" err; then
    fail "exit $got, no line that names $option: $* ($(head -c 300 err))"
  fi
  for left in X X.tern X.onnx X_c X.svg X.png; do
    [ ! -e "$left" ] || fail "a refused command left $left behind: $*"
    rm -rf "$left"
  done
}
# Every OPTION (with its value) in the first argument, joined by ';', with the command that follows.
each() {
  list=$1
  shift
  IFS=';'
  for words in $list; do
    unset IFS
    # shellcheck disable=SC2086
    idle "${words%% *}" "$@" $words
  done
  unset IFS
}
works() { "$tern" "$@" >out 2>err </dev/null || fail "a command with effect is refused: $* ($(head -c 300 err))"; rm -rf X X.*; }

for s in train test; do
  for c in a b; do
    mkdir -p "few/$s/$c"
    for i in 1 2 3 4; do
      { printf 'P6 16 16 255\n'; LC_ALL=C awk -v seed="$c$s$i" -v c="$c" 'BEGIN {
        for (i = 1; i <= length(seed); ++i) n = n * 31 + index("abtesrin1234", substr(seed, i, 1)); srand(n)
        for (i = 0; i < 768; ++i) printf "%c", int(100 * rand()) + (c == "a" ? 20 : 120) }'; } >"few/$s/$c/$i.ppm"
    done
  done
done
printf 'tern-graph 1\nx = input() shape=3x16x16\nf = flatten(x)\ny = linear(f) out=2\n' >net.txt
common="--data folder:few --epochs 1 --batch 4 --quiet"
small="$common --model vgg_small --width 4"
"$tern" train $small --weights none --acts none --run fp32 || fail "the fp32 run"
"$tern" train $small --weights twn --acts ternary --run r || fail "the ternary run"
"$tern" pack r r.tern --quiet || fail "the packed file"
photo=few/test/a/1.ppm

# ---- train ----
to="train $common --run X"
mlp="$to --model mlp --width 4"
vgg="train $small --run X"
each '--model vgg_7;--width 4;--weights twn;--acts ternary;--quantize-first-last;--fp-shortcut;--options a=1;--genotype g.json;--drop-path 0.1;--quantizer-lr 0.1;--gradient-bits 4' $to --graph net.txt
each '--beta1 0.8;--beta2 0.8;--phases small;--rescale layer;--weight-lr 2;--allow-missing;--keep-best;--drop-path 0.1;--data-dir /tmp' $mlp
each '--momentum 0.8;--nesterov' $mlp --optimizer adam
each '--nesterov' $mlp --momentum 0
each '--decay-small' $mlp --weight-decay 0
each '--quantizer-lr 0.1' $mlp --weights twn --acts ternary
each '--quantizer-lr 0.1;--gradient-bits 4' $mlp --weights none --acts none
each '--quantize-first-last' $vgg --weights none --acts none
each '--fp-shortcut' $vgg --weights twn --acts ternary
each '--fp-shortcut' $to --model resnet20 --width 4 --weights none --acts none
each '--epochs 3;--schedule constant:lr=1' train --data folder:few --quiet --run X --model vgg_small --width 4 --policy rpr --weights grid --from fp32
idle momentum $mlp --momentum 0.8 --optimizer sgd:momentum=0.5
idle beta1 $mlp --beta1 0.8 --optimizer adam:beta1=0.7
idle split $mlp --data folder:few,split=0.3
idle seed $mlp --data folder:few,seed=3
idle split $mlp --data fashion-mnist-mini,split=0.3
idle bad $mlp --data fashion-mnist-mini,bad=skip
idle memory $mlp --data fashion-mnist-mini,memory=10
each '--epochs 5;--seed 3;--data folder:few;--weights twn;--keep-best;--validation 0.5' train --run r --resume
idle fp32/config.toml train fp32/config.toml --run r --resume
works $mlp --weights lsq --acts lsq --quantizer-lr 0.1
works $mlp --weights twn --acts none --gradient-bits 4
works $to --model resnet18 --width 4 --weights twn --fp-shortcut
works $mlp --validation 0.3 --keep-best

# ---- freeze, search, compare ----
freeze="freeze --from fp32 --quiet --run X"
each '--epochs 3;--schedule constant:lr=1;--momentum 0.9;--nesterov;--data-dir /tmp' $freeze
each '--keep-best' $freeze --validation 0
each '--model mlp' freeze --from fp32 --graph net.txt --run X
each '--epochs 5;--seed 3;--phases small;--from fp32' freeze --run r --resume
search="search --data folder:few --image-size 8 --cells 3 --width 4 --batch 2 --epochs 1 --random 0 --quiet --run X"
each '--temperature 2;--limit-weight 2;--final-cells 8;--final-width 8;--data-dir /tmp' $search
each '--entropy-decay 3' $search --entropy-weight 0
each '--entropy-decay 3;--reduction-skip conv2x2_ternary;--zero-gamma 2' $search --space darts
each '--zero-gamma 2' $search --allow-zero false
each '--reduction-skip conv2x2_ternary' $search --cell-template darts
"$tern" search --data folder:few --image-size 8 --cells 3 --width 4 --batch 2 --epochs 1 --random 0 --quiet --run s || fail "the search"
each '--epochs 3;--seed 2;--max-weightless 2' search --run s --resume
each '--epochs 3;--seed 2' search --run s --choose-again
idle s/config.toml search s/config.toml --run s --choose-again
compare="compare $common --model mlp --width 4 --run X"
idle 'warm' $compare --pair twn/none --warm-start
each '--momentum 0.5' $compare --pair none/none --optimizer adam
each '--keep-best;--quantizer-lr 0.1;--gradient-bits 4;--quantize-first-last;--phases small' $compare --pair none/none
works $compare --pair none/none --pair lsq/lsq --quantizer-lr 0.1 --gradient-bits 8

# ---- eval, verify, pack ----
for verb in 'eval r' 'verify r r.tern' 'pack r X.tern'; do
  each '--width 4;--options a=1;--mean 0.5;--std 0.5;--allow-missing;--model vgg_small;--graph net.txt' $verb
  each '--model vgg_small' $verb --data folder:few --width 4
done
for verb in 'eval r/last.safetensors' 'verify r/last.safetensors r.tern' 'pack r/last.safetensors X.tern'; do
  each '--model vgg_small' $verb --data folder:few --width 4
done
each '--checkpoint best' eval r/last.safetensors
each '--checkpoint last' eval fp32/last.safetensors --model vgg_small --width 4 --data folder:few
each '--width 4;--options a=1;--model mlp' eval fp32/last.safetensors --graph net.txt --data folder:few
each '--data folder:few;--data-dir /tmp' pack r X.tern
each '--data-dir /tmp' eval r
each '--data-dir /tmp' eval r --data folder:few
each '--data-dir /tmp' verify r r.tern
each '--data-dir /tmp' eval fp32/last.safetensors --model vgg_small --width 4 --data folder:few
works eval fp32/last.safetensors --model vgg_small --width 4 --data folder:few

# ---- run, export ----
each '--data folder:few;--data-dir /tmp;--limit 3' run r.tern "$photo"
each '--data-dir /tmp' run r.tern --data folder:few
each '--name x;--max-flash 64k;--max-ram 64k;--words 32;--form bits;--selftest 2;--arduino' export r.tern --onnx X.onnx
each '--exact;--int2' export r.tern --c X_c
works export r.tern --onnx X.onnx --exact

# ---- data, draw ----
each '--rows 3;--columns 3;--image-size 8;--sheet X.png' data
each '--rows 3;--columns 3;--data-dir /tmp' data folder:few
each '--label x' draw r
each '--label x' draw --curves r fp32 --out X.svg

# ---- topologies ----
for verb in 'summary --graph net.txt' 'summary net.txt' 'bench train --steps 1 --batch 2 --graph net.txt' 'bench model --graph net.txt'; do
  each '--width 4;--weights twn;--acts ternary;--options a=1;--input 3x16x16;--classes 4;--quantize-first-last;--fp-shortcut' $verb
done
idle net.txt summary net.txt --model mlp
each '--fp-shortcut' summary vgg_small --weights twn
each '--quantize-first-last' summary vgg_small
each '--fp-shortcut' summary resnet20
works summary resnet18 --weights twn --fp-shortcut --quantize-first-last
quick="--batches 1 --at 1 --seconds 0.01 --layer-seconds 0"
each '--width 4;--weights twn;--acts ternary;--input 3x16x16;--classes 4;--options a=1;--fp-shortcut;--save X.tern;--model mlp;--graph net.txt;--threads 2' bench model r.tern $quick
each '--run r' bench model --model mlp $quick
each '--acts ternary' bench rescale mlp --input 1x28x28
each '--set odd;--threads 2' bench layers --shape 16x8 --rounds 1 --seconds 0
each '--nonzero 0.5' bench layers --shape 16x8 --rounds 1 --seconds 0 --acts binary
each '--acts binary' bench layers --shape 16x8 --rounds 1 --seconds 0 --set relations

[ "$fails" = 0 ] && echo "idle: all $checks options without effect are refused"
[ "$fails" = 0 ]
