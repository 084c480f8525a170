#!/bin/sh
# The program from the outside: train, kill, resume, pack, verify, run, and what bad input gets.
# Usage: cli.sh TERN_PROGRAM SOURCE_ROOT      (TERN_KILLS: how often the training run is killed, 5 by default)
set -eu
case $1 in /*) tern=$1 ;; *) tern=$PWD/$1 ;; esac
root=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fails=0
fail() { printf 'FAILED: %s\n' "$*"; fails=$((fails + 1)); }

# expect CODE PATTERN COMMAND...: exit code, and one line on standard error that matches.
expect() {
  code=$1
  pattern=$2
  shift 2
  got=0
  "$@" >"$dir/out" 2>"$dir/err" </dev/null || got=$?
  [ "$got" = "$code" ] || fail "exit $got instead of $code: $* ($(head -c 300 "$dir/err"))"
  [ -z "$pattern" ] || grep -q -- "$pattern" "$dir/err" || fail "no \"$pattern\" on stderr: $* ($(head -c 300 "$dir/err"))"
  if [ "$code" != 0 ] && [ "$(wc -l <"$dir/err")" != 1 ]; then fail "more than one line on stderr: $*"; fi
}

settings="--data fashion-mnist-mini --width 4 --weights twn --acts ternary --limit-train 640 --limit-test 200 --epochs 2 --batch 32
  --augment pad=2,flip --schedule cosine:hi=0.05,lo=0,per=step --quiet"

# refused CODE PATTERN COMMAND...: as expect, and the run directory that the command names does not come to be.
refused() {
  code=$1
  pattern=$2
  shift 2
  expect "$code" "$pattern" "$@" --run "$dir/refused"
  if [ -e "$dir/refused" ]; then
    fail "a refused command left a run directory behind: $*"
    rm -rf "$dir/refused"
  fi
}

# hammer RUN KILLS TERN VERB...: starts it, kills it hard at moments that the clock picks, resumes it, until it has ended.
# A start that was killed before it had written anything gives the next one half a second more.
hammer() {
  run=$1
  want=$2
  verb=$4
  shift 2
  kills=0
  early=0
  "$@" --run "$run" &
  while :; do
    pid=$!
    sleep "$(date +%N | cut -c 1-2 | awk -v early="$early" '{print (20 + $1 % 30) / 100 + early / 2}')"
    kill -9 "$pid" 2>/dev/null || true
    status=0
    wait "$pid" 2>/dev/null || status=$?
    [ "$status" = 0 ] && break
    [ "$status" = 137 ] || fail "exit $status of a run that was killed $kills times: $*"
    [ "$status" = 137 ] || break
    kills=$((kills + 1))
    [ -e "$run/config.toml" ] || { early=$((early + 1)); "$@" --run "$run" & continue; }  # there is nothing to resume
    if [ "$kills" -ge "$want" ]; then
      $tern "$verb" --run "$run" --resume --quiet
      break
    fi
    $tern "$verb" --run "$run" --resume --quiet &
  done
  [ "$kills" -ge 1 ] || fail "the run ended before it was killed once: $*"
  rm -f "$run"/*.part*
}
# Tensors of two runs, without what their files say of seconds.
tensors() {
  header=$(od -An -t u4 -N 4 "$1" | tr -d ' ')
  tail -c +$((header + 9)) "$1" | cksum
}
same_tensors() { [ "$(tensors "$dir/$1/last.safetensors")" = "$(tensors "$dir/$2/last.safetensors")" ]; }

# A run that nothing disturbs, and one that is killed again and again.
want_kills=${TERN_KILLS:-5}
long="--limit-train 4000 --epochs $((2 + want_kills / 2)) --checkpoint-steps 2"
$tern train --run "$dir/whole" $settings $long
hammer "$dir/killed" "$want_kills" $tern train $settings $long
$tern eval "$dir/whole" --data fashion-mnist-mini --json >"$dir/a.json"
$tern eval "$dir/killed" --data fashion-mnist-mini --json >"$dir/b.json"
same_tensors whole killed || fail "weights differ after $kills kills and resumes"
printf 'kills survived: %s\n' "$kills"

# A pretrained network, frozen onto the grid, packed.
plain="--data fashion-mnist-mini --width 4 --weights none --acts none --limit-train 320 --limit-test 100 --batch 32"
$tern train --run "$dir/fp32" $plain --epochs 1 --quiet
phases="--policy rpr:clip=1,partitions=5 --phases 0.75:$((1 + want_kills / 2))x1e-3+1:1x1e-3 --limit-train 4000 --checkpoint-steps 2 --quiet"
$tern freeze --from "$dir/fp32" --run "$dir/rpr" $phases
hammer "$dir/rpr-killed" "$want_kills" $tern freeze --from "$dir/fp32" $phases
same_tensors rpr rpr-killed || fail "frozen weights differ after $kills kills and resumes"
printf 'kills survived while freezing: %s\n' "$kills"
$tern freeze --from "$dir/fp32" --phases paper --plan | grep -q '112 epochs' || fail "freeze --plan"
$tern freeze --from "$dir/fp32" --run "$dir/frozen" --phases 0.9:1x1e-3+1:1x1e-3 >"$dir/freeze.txt" 2>"$dir/freeze.err"
grep -q 'certified' "$dir/freeze.txt" || fail "no certificate"
grep -q 'rescaled' "$dir/freeze.err" || fail "nothing said about rescaling"
grep -q "warm start from $dir/fp32/last.safetensors: [0-9]* tensors used, " "$dir/freeze.err" || fail "nothing said of the weights"
grep -q 'input: mean .* (from .*fp32/last.safetensors)' "$dir/freeze.err" || fail "nothing said of the normalisation"
grep -q 'validation: [0-9]* of [0-9]* training images are held out' "$dir/freeze.err" || fail "freeze holds no images out, or does not say so"
grep -q '^validation = 0.04' "$dir/frozen/config.toml" || fail "freeze's default for validation"
[ -e "$dir/frozen/best.safetensors" ] || fail "freeze keeps no best checkpoint"
grep -q '^net.conv2.weight .* conv2.weight$' "$dir/frozen/mapping.txt" || fail "no mapping.txt"
$tern freeze --from "$dir/fp32" --run "$dir/frozen-json" --phases 1:1x1e-3 --validation 0 --json >"$dir/freeze.json"
grep -q '"certified":true,"freeze":{"fraction":1.0,"relaxed":0,' "$dir/freeze.json" || fail "freeze --json: $(cat "$dir/freeze.json")"
[ -e "$dir/frozen-json/best.safetensors" ] && fail "freeze --validation 0 holds images out"
$tern freeze --from "$dir/fp32" --run "$dir/below" --phases 0.9:1x1e-3 --json | grep -q '"certified":false' || fail "a certificate below fraction 1"
grep -q '^weights = .grid:levels=ternary' "$dir/frozen/config.toml" || fail "freeze's defaults"
grep -q '^width = 4' "$dir/frozen/config.toml" || fail "freeze does not take over the topology"
printf '[optim]\nbatch = 16\n[data]\nvalidation = 0.1\n' >"$dir/freeze.toml"
$tern freeze "$dir/freeze.toml" --from "$dir/fp32" --run "$dir/frozen-file" --phases 1:1x1e-3 --limit-train 64 --quiet
for line in 'batch = 16' 'validation = 0.1' 'width = 4' "optimizer = 'adam'" 'weight_decay = 0.0' "weights = 'grid:levels=ternary'"; do
  grep -q "^$line" "$dir/frozen-file/config.toml" || fail "freeze with a configuration: no $line"
done
$tern freeze --help | grep -q 'optimizer.*\[adam\]' || fail "freeze --help shows other defaults"
$tern pack "$dir/frozen" "$dir/frozen.tern" --quiet
$tern verify "$dir/frozen" "$dir/frozen.tern" --limit 50 --quiet || fail "verify found a difference in a frozen network"
printf '[freeze]\npolicy = "rpr"\n[model]\nweights = "grid"\n[data]\ndata = "fashion-mnist-mini"\n' >"$dir/fromless.toml"
expect 2 'run: is required' $tern freeze --from "$dir/fp32"
refused 2 'from' $tern freeze
refused 2 'from' $tern freeze --from ''
refused 2 'from' $tern freeze "$dir/fromless.toml"
refused 1 'unknown freezing policy' $tern freeze --from "$dir/fp32" --policy nope
refused 1 'there is no checkpoint' $tern freeze --from "$dir/nowhere" --model vgg_small --quiet
refused 1 'cannot be frozen there' $tern freeze --from "$dir/fp32" --weights sttn --quiet
refused 1 'conv1.weight' $tern freeze --from "$dir/fp32" --model resnet20 --quiet
refused 1 'has shape' $tern train --from "$dir/fp32" $plain --width 8 --quiet
expect 2 'begun without a freezing policy' $tern freeze --run "$dir/fp32" --resume

# Settings that are true or false are switches, and the last one counts.
$tern train $plain --nesterov --keep-best --no-keep-best --limit-train 64 --epochs 1 --quiet --run "$dir/switches" >/dev/null
grep -q '^nesterov = true$' "$dir/switches/config.toml" || fail "--nesterov"
grep -q '^keep_best = false$' "$dir/switches/config.toml" || fail "--no-keep-best"
refused 2 'nesterov' $tern train $plain --nesterov=perhaps

# Evaluation says what became of the tensors and where the normalisation comes from, and refuses a file of something else.
$tern eval "$dir/fp32" --limit 20 --mapping >"$dir/eval.txt"
grep -q '^[0-9]* tensors used, 0 missing, 0 unused$' "$dir/eval.txt" || fail "eval prints no summary of the tensors"
grep -q '^net.conv2.weight .* conv2.weight$' "$dir/eval.txt" || fail "eval --mapping of a run"
grep -q '^input: mean .* (from ' "$dir/eval.txt" || fail "eval does not say where the normalisation comes from"
$tern eval "$dir/fp32/last.safetensors" --model vgg_small --width 4 --data fashion-mnist-mini --limit 20 --mapping --json >"$dir/eval.json"
grep -q '"tensors":{"used":[0-9]*,"missing":\[\],"unused":0,"remarks":\[\],"mapping":\[{"source":"net.conv1.weight"' "$dir/eval.json" || fail "eval --json --mapping"
grep -q '"mean_from":"from ' "$dir/eval.json" || fail "eval --json: normalisation"
expect 1 'conv1.weight' $tern eval "$dir/fp32/last.safetensors" --model resnet20 --data fashion-mnist-mini
expect 2 'model: is for files of plain weights' $tern eval "$dir/fp32" --model vgg_small --data fashion-mnist-mini
for option in --width --options --mean --std; do expect 2 "$option: needs --model" $tern eval "$dir/fp32" "$option" 1; done
expect 2 'expected best or last' $tern eval "$dir/fp32" --checkpoint worst
expect 1 'there is last.safetensors' $tern eval "$dir/fp32" --checkpoint best
$tern bench rescale resnet18 --quiet | grep -q 'weights rescaled in' || fail "bench rescale"

# Pack, verify, run.
$tern pack "$dir/whole" "$dir/net.tern" --quiet
$tern verify "$dir/whole" "$dir/net.tern" --limit 100 --quiet || fail "verify found a difference"
$tern verify "$dir/whole" "$dir/net.tern" --limit 50 --json | grep -q '"identical":true' || fail "verify --json"

# The packed network as a C program.
$tern export "$dir/net.tern" --c "$dir/c" --selftest 2 --arduino --json | grep -q '"steps":' || fail "export --json"
$tern export "$dir/net.tern" --c "$dir/c" --selftest 2 | grep -q "^RAM [0-9]*: arena" || fail "export"
if command -v cc >/dev/null && command -v make >/dev/null; then
  make -s -C "$dir/c" check >"$dir/out" || fail "self-test of the C program: $(cat "$dir/out")"
  $tern verify "$dir/whole" "$dir/net.tern" --limit 20 --c | grep -q "^c99/.* 20 of 20 .* yes" || fail "verify --c"
  $tern verify "$dir/whole" "$dir/net.tern" --limit 20 --quiet --c "$dir/c" || fail "verify --c DIR"
  sed -i 's/x_hw > code/x_hw < code/' "$dir/c/net.c"
  expect 1 "path c99/.*, node pool1: " $tern verify "$dir/whole" "$dir/net.tern" --limit 20 --quiet --c "$dir/c"
fi
expect 2 "max-flash" $tern export "$dir/net.tern" --c "$dir/small" --max-flash 6x
expect 1 "bytes of flash, more than 1024" $tern export "$dir/net.tern" --c "$dir/small" --max-flash 1k
expect 1 "tern pack" $tern export "$dir/whole" --c "$dir/small"
[ ! -e "$dir/small" ] || fail "a refused export left files behind"

# And as ONNX.
for form in "" --exact --int2; do
  # shellcheck disable=SC2086  # a flag or none
  $tern export "$dir/net.tern" --onnx "$dir/net.onnx" $form --json >"$dir/out"
  grep -q "\"bytes\":$(wc -c <"$dir/net.onnx"),\"opset\":2" "$dir/out" || fail "export --onnx $form"
done
expect 2 "--c, --onnx: expected one of both" $tern export "$dir/net.tern"
expect 2 "--c, --onnx: expected one of both" $tern export "$dir/net.tern" --c "$dir/small" --onnx "$dir/small.onnx"
expect 2 "exact: needs --onnx" $tern export "$dir/net.tern" --c "$dir/small" --exact
expect 1 "tern pack" $tern export "$dir/whole" --onnx "$dir/small.onnx"
[ ! -e "$dir/small.onnx" ] || fail "a refused export left a file behind"

$tern run "$dir/net.tern" --limit 50 --json | grep -q '"images":50' || fail "run --json"
$tern plan "$dir/net.tern" --seconds 0.01 --json | grep -q '"median_us":' || fail "plan --json"
$tern size "$dir/net.tern" --json | grep -q "\"bytes\":$(wc -c <"$dir/net.tern")," || fail "size is not that of the file"
$tern bench layers --shape 16x8,9x7k5s2 --rounds 1 --seconds 0 --json | grep -q '"shape":"9x7k5s2"' || fail "bench layers --json"
expect 1 "CHANNELSxSIZE" $tern bench layers --shape 16y8
$tern data fashion-mnist-mini --sheet "$dir/sheet.png" --rows 2 --columns 2 >/dev/null
$tern run "$dir/net.tern" "$dir/sheet.png" --json | grep -q '"class":' || fail "run on a PNG"
$tern run "$dir/net.tern" "$dir/sheet.png" | grep -q ': [A-Z]' || fail "run on a PNG gives no name of a class"
$tern plan "$dir/net.tern" --seconds 0 --calibrate | grep -q kSlicedAdder || fail "plan --calibrate"
$tern plan "$dir/net.tern" --seconds 0 --kernel bitsliced | grep -q "bitsliced/" || fail "plan --kernel bitsliced"
$tern bench model "$dir/net.tern" --run "$dir/whole" --batches 1 --at 1 --seconds 0.01 --layer-seconds 0 --json | grep -q '"float_images_per_second"' || fail "bench model"
$tern bench model --topology resnet20 --width 8 --batches 2 --at 1,2 --seconds 0.01 --layer-seconds 0.001 --quiet | grep -q "tern/fp32" || fail "bench model --topology"
expect 2 "topology" $tern bench model
expect 2 "momentum: has no effect" $tern train --momentum 0.9 --optimizer adam --run "$dir/x"
printf '[optim]\noptimizer = "adam"\nmomentum = 0.95\n' >"$dir/momentum.toml"
refused 1 "adam has no momentum" $tern train "$dir/momentum.toml" --data fashion-mnist-mini --limit-train 64 --quiet
for verb in train search draw eval pack export verify run bench compare summary data list info; do
  $tern "$verb" --help | grep -q -- --help || fail "$verb --help"
done
$tern info --json | grep -q '"isas":' || fail "info --json"
$tern list quantizers | grep -q twn || fail "list quantizers"
$tern list --json | grep -q vgg_small || fail "list --json"
$tern summary vgg_small --json | grep -q '"weights":4656512' || fail "summary --json"
TERN_ISA=reference $tern run "$dir/net.tern" --limit 20 --json | grep -q '"isa":"reference"' || fail "TERN_ISA"

# A search that is killed hard and resumed, then training, packing and drawing of what it found.
small="--data fashion-mnist-mini --limit-train 128 --image-size 8 --cells 3 --width 4 --batch 16 --epochs 3 --eval-limit 16 --checkpoint-steps 1"
$tern search --run "$dir/search" $small --quiet
$tern search --run "$dir/search-killed" $small --quiet &
pid=$!
while [ ! -e "$dir/search-killed/last.safetensors" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
sleep 0.2
kill -9 "$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || $tern search --run "$dir/search-killed" --resume --quiet
[ "$(tensors "$dir/search/last.safetensors")" = "$(tensors "$dir/search-killed/last.safetensors")" ] ||
  fail "a killed and resumed search ends elsewhere"
$tern search --run "$dir/search" --choose-again --max-weightless 0 --json | grep -q '"finished":true' || fail "search --choose-again"
expect 2 "max-weightless" $tern search --run "$dir/search" --choose-again --epochs 7
$tern draw "$dir/search/genotype-best.json" --out "$dir/cells.svg"
$tern summary "$dir/search/genotype-best.json" --options cells=5 --width 4 --json | grep -q '"quantizer":"tas' || fail "summary of a genotype"
grep -q '</svg>' "$dir/cells.svg" || fail "draw"
$tern train --run "$dir/found" --genotype "$dir/search/random-1.json" --data fashion-mnist-mini --image-size 8 --width 4 \
  --options cells=3 --limit-train 64 --limit-test 50 --epochs 1 --batch 16 --drop-path 0.2 --quiet
$tern pack "$dir/found" "$dir/found.tern" --quiet
$tern verify "$dir/found" "$dir/found.tern" --limit 50 --json | grep -q '"identical":true' || fail "verify of a genotype's network"
$tern draw --curves "$dir/found" --out "$dir/curves.svg" --json | grep -q '"out":' || fail "draw --json"
printf '{"normal":7}' >"$dir/bad.json"
expect 1 "bad.json" $tern draw "$dir/bad.json"
expect 1 "holds no search" $tern search --run "$dir/nothing" --resume
refused 1 "unknown data set" $tern search --data fashion --quiet
refused 1 "known" $tern search --data fashion-mnist-mini --limit-train 64 --space nope --quiet

# Another network's weights do not verify.
$tern train --run "$dir/other" $settings --seed 2 --epochs 1
expect 1 "is not the network of" $tern verify "$dir/other" "$dir/net.tern" --limit 50 --quiet

# From nothing to a table of results, on few images.
"$root/tools/quickstart" --out "$dir/quick" --program "$tern" -- --data fashion-mnist-mini --limit-train 640 --limit-test 200 \
  --epochs 1 --quiet >"$dir/quick.txt" 2>&1 || fail "quickstart: $(tail -3 "$dir/quick.txt")"
grep -qE '^test accuracy +[0-9.]+ % +[0-9.]+ %$' "$dir/quick.txt" || fail "quickstart prints no accuracies"
[ "$(grep -cE '^  batch [0-9]+, [0-9]+ threads +[0-9]+ +[0-9]+ +[0-9.]+$' "$dir/quick.txt")" = 2 ] || fail "quickstart prints no speeds"
expect 1 "usage: tools/quickstart" "$root/tools/quickstart" --fast

# Bad input: one line that says what to do, nothing half-written.
expect 2 "expected a verb: train, " $tern
expect 2 'unknown verb "fly"' $tern fly
expect 2 "did you mean eval?" $tern evla "$dir/whole"
expect 2 "unknown option --no-such-flag" $tern train --run "$dir/x" --no-such-flag 1
expect 2 "unknown option --epoch; did you mean --epochs?" $tern train --run "$dir/x" --epoch 3
expect 2 "unexpected: two words" $tern info two words
expect 2 "threads: expected 1 to 1024; got 0" $tern info --threads 0
[ "$($tern --version)" = "$($tern info | head -n 1)" ] || fail "--version"
expect 1 "holds a run already" $tern train --run "$dir/whole" $settings
expect 1 "holds no run" $tern train --run "$dir/nothing" --resume
refused 1 "known:" $tern train --weights twm --data fashion-mnist-mini --quiet
refused 1 "known:" $tern train --model vgg --data fashion-mnist-mini --quiet
refused 1 "unknown data set" $tern train --data fashion --quiet
refused 1 "expected integer" $tern train --epochs many
refused 1 "unknown option" $tern train --weights twn:t=x --data fashion-mnist-mini --quiet
refused 1 "expected rescale" $tern freeze --from "$dir/fp32" --rescale foo --quiet
expect 2 "epochs: has no effect" $tern compare "$dir/fromless.toml" --out "$dir/x" --pair none/none --epochs 3
expect 2 "did you mean --schedule" $tern train --lr 0.1
expect 2 "did you mean --batch?" $tern train --batch-size 8
expect 2 "did you mean --run?" $tern train -o x
expect 2 "did you mean --sheet?" $tern data fashion-mnist-mini --out x.png
[ "$($tern -V)" = "$($tern --version)" ] || fail "-V"
[ "$($tern help size)" = "$($tern size --help)" ] || fail "tern help VERB"

# Options that change nothing are refused; what is not given is chosen, and said.
printf 'tern-graph 1\nx = input() shape=1x28x28\nf = flatten(x)\ny = linear(f) out=10\n' >"$dir/net.txt"
for option in '--weights twn' '--acts ternary' '--width 8' '--model vgg_7' '--options relu=1' '--quantize-first-last'; do
  refused 2 "${option%% *}" $tern train --graph "$dir/net.txt" $option --data fashion-mnist-mini --quiet
done
refused 2 "beta1: has no effect" $tern train --beta1 0.8 --data fashion-mnist-mini --quiet
refused 2 "rescale: has no effect" $tern train --rescale none --data fashion-mnist-mini --quiet
refused 2 "allow-missing: has no effect" $tern train --allow-missing --data fashion-mnist-mini --quiet
expect 2 "epochs: has no effect" $tern freeze --from "$dir/fp32" --run "$dir/refused" --epochs 3
mkdir "$dir/first"
(cd "$dir/first" && $tern train --limit-train 64 --limit-test 32 --epochs 1 --data fashion-mnist-mini >/dev/null 2>"$dir/first.err") || fail "tern train with defaults"
grep -q 'weights twn, acts ternary' "$dir/first.err" || fail "tern train does not say what it chose"
grep -q '^weights = .twn' "$dir/first/runs/fashion-mnist-mini-1/config.toml" || fail "the default run directory"

# One name for one thing: --model and --graph for the topology, RUN or --run for the run, -o for what is written.
for verb in summary 'bench train --batch 2 --steps 1' 'bench model --batches 1 --at 1 --seconds 0.01 --layer-seconds 0'; do
  $tern $verb --model mlp --input 1x28x28 --quiet >/dev/null || fail "$verb --model"
  $tern $verb --graph "$dir/net.txt" --quiet >/dev/null || fail "$verb --graph"
  expect 2 "width: has no effect with --graph" $tern $verb --graph "$dir/net.txt" --width 3
  expect 2 "expected one topology" $tern $verb --graph "$dir/net.txt" --model mlp
done
$tern summary mlp --input 1x28x28 --text >"$dir/mlp.txt"
[ "$($tern summary "$dir/mlp.txt")" = "$($tern summary --graph "$dir/mlp.txt")" ] || fail "summary of a graph"
[ "$($tern summary --graph "$dir/mlp.txt")" = "$($tern summary mlp --input 1x28x28)" ] || fail "summary --text"
$tern train --graph "$dir/mlp.txt" --data fashion-mnist-mini --limit-train 64 --limit-test 50 --epochs 1 --run "$dir/mlp" --quiet >/dev/null
$tern pack --run "$dir/mlp" -o "$dir/mlp.tern" --quiet || fail "pack --run -o"
$tern verify "$dir/mlp.tern" --run "$dir/mlp" --limit 20 --quiet || fail "verify --run"
plain="--graph $dir/mlp.txt --data fashion-mnist-mini"
$tern eval "$dir/mlp/last.safetensors" $plain --limit 20 --quiet >/dev/null || fail "eval --graph"
$tern pack "$dir/mlp/last.safetensors" --out "$dir/plain.tern" $plain --quiet || fail "pack --graph"
$tern verify "$dir/mlp/last.safetensors" "$dir/plain.tern" $plain --limit 20 --quiet || fail "verify --graph"
expect 2 "data: needs --model or --graph" $tern pack "$dir/mlp" "$dir/x.tern" --data mnist
for verb in 'verify --run '"$dir/mlp" run plan 'bench model'; do
  expect 1 "max_work\|max-work" $tern $verb "$dir/mlp.tern" --max-work 10
done
$tern train "$dir/mlp" --resume --quiet || fail "train RUN --resume"
expect 2 "is a directory; a run is named by --run" $tern train "$dir/mlp"
expect 2 "is a directory; a run is named by --run" $tern search "$dir/search" --run "$dir/x"
expect 2 "run: is required" $tern search
expect 2 "config: there is no file" $tern train "$dir/nothing.toml"

# Texts fit a terminal.
for verb in train freeze search compare list data size info run; do
  $tern "$verb" --help | awk -v v="$verb" 'length($0) > 100 {print v ": " $0; bad = 1} END {exit bad}' || fail "$verb --help is wider than 100 columns"
done
$tern list | awk 'length($0) > 100 {exit 1}' || fail "list is wider than 100 columns"
$tern size "$dir/net.tern" | awk 'length($0) > 100 {exit 1}' || fail "size is wider than 100 columns"
expect 2 "needs the name" $tern data --sheet "$dir/y.png"
expect 2 "ending in .png" $tern data fashion-mnist-mini --sheet "$dir/y.jpg"
expect 2 "ending in .svg" $tern draw --curves "$dir/whole" --out "$dir/y.dot"
expect 2 "fixed levels" $tern bench rescale resnet20 --input 3x32x32 --weights twn
expect 2 "on one thread" $tern bench layers --threads 2
expect 1 "holds a training run" $tern search --run "$dir/whole" --resume
expect 1 "holds no run to resume" $tern train --run "$(printf '%300s' x | tr ' ' x)" --resume
expect 1 "holds a search" $tern train --run "$dir/search" --resume
expect 1 "is a packed file" $tern eval "$dir/net.tern"
expect 1 "tern pack" $tern run "$dir/whole"
expect 1 "there is no checkpoint" $tern eval "$dir/nothing"
expect 1 "cannot" $tern run "$dir/nothing.tern"
expect 1 "TERN_ISA\|isa" env TERN_ISA=avx1024 $tern run "$dir/net.tern" --limit 10
printf '[optim]\nepochs = x\n' >"$dir/bad.toml"
refused 1 "line 2" $tern train "$dir/bad.toml"
head -c 100 "$dir/net.tern" >"$dir/cut.tern"
expect 1 "cut.tern" $tern run "$dir/cut.tern"
printf 'GIF89a' >"$dir/bad.png"
expect 1 "bad.png" $tern run "$dir/net.tern" "$dir/bad.png"
expect 1 "cannot write" $tern pack "$dir/whole" /proc/nowhere/net.tern
mkdir "$dir/data"
printf 'junk' | gzip >"$dir/data/train-images-idx3-ubyte.gz"
expect 1 "" $tern data mnist --data-dir "$dir/data"
cut=$(wc -c <"$dir/whole/last.safetensors")
head -c $((cut / 2)) "$dir/whole/last.safetensors" >"$dir/half.safetensors"
expect 1 "half.safetensors" $tern eval "$dir/half.safetensors"

[ "$fails" = 0 ] && echo "cli: all checks passed"
exit "$fails"
