#!/bin/sh
# Exported networks on other machines: the self-test of each, scores and values of every step, as C99 on a Cortex-M3
# without an operating system, on an ATmega2560 where memory suffices, on riscv64 and aarch64, and on s390x, whose bytes lie
# the other way round.
#   needs (Debian): gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gcc-avr avr-libc simavr qemu-user, and of riscv64,
#                   aarch64, s390x: gcc-<machine>-linux-gnu libc6-dev-<machine>-cross. A machine whose tools are missing is
#                   left out, loudly.
#   tests/cross/export.sh TERN_PROGRAM [FILE.tern...]      without files: networks of every kind, trained for a moment
set -eu
tern=$(realpath "$1")
shift
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# train NAME FLAGS...: a network that has seen 32 images.
train() {
  name=$1
  shift
  "$tern" train --data fashion-mnist-mini --limit-train 32 --limit-test 20 --epochs 1 --batch 32 --image-size 32 --width 4 --quiet --run "$dir/$name" "$@" ||
    { echo "$name: not trained"; exit 1; }
  "$tern" pack "$dir/$name" "$dir/$name.tern" --quiet
}
if [ $# = 0 ]; then
  train vgg --model vgg_small --weights twn --acts ternary
  train integer --model vgg_small --weights tas --acts ternary --quantize-first-last
  train binary --model vgg_small --weights bwn --acts sign
  train two_scales --model vgg_small --weights ttq --acts dorefa
  train residual --model resnet20 --weights lsq --acts lsq
  train branches --model googlenet --weights fatnn --acts ternary
  train logic --model muxornet_11 --weights heq --acts heaviside
  set -- "$dir"/*.tern
fi

machines=
for machine in riscv64 aarch64 s390x; do
  if command -v "$machine-linux-gnu-gcc" >/dev/null && command -v "qemu-$machine" >/dev/null; then
    machines="$machines $machine"
  else
    echo "NOT TESTED on $machine: no compiler or no qemu"
  fi
done
cortex=no
if command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null; then
  cortex=yes
else
  echo "NOT TESTED on Cortex-M3: no arm-none-eabi-gcc or no qemu-system-arm"
fi
avr=no
if command -v avr-gcc >/dev/null && command -v simavr >/dev/null; then
  avr=yes
else
  echo "NOT TESTED on ATmega2560: no avr-gcc or no simavr"
fi

# cortex_m3 SOURCE...: compiled and run; what it prints.
cortex_m3() {
  arm-none-eabi-gcc -std=c99 -Os -mcpu=cortex-m3 -mthumb -ffp-contract=off -ffunction-sections -Wl,--gc-sections -I"$c" "$@" \
    tests/cross/cortex-m3/main.c --specs=rdimon.specs -T tests/cross/cortex-m3/memory.ld -o "$c/m3.elf"
  timeout 300 qemu-system-arm -M mps2-an385 -nographic -icount shift=0 -semihosting-config enable=on,target=native -kernel "$c/m3.elf"
}

printf '%-12s %8s %8s %8s %12s  %s\n' network tables code RAM "instructions" "equal to tern's reference on"
for file; do
  name=$(basename "$file" .tern)
  for form in bits base3; do
    c=$dir/c_$name-$form
    "$tern" export "$file" --c "$c" --selftest 2 --form "$form" --quiet
    equal=
    for machine in $machines; do
      "$machine-linux-gnu-gcc" -std=c99 -O2 -ffp-contract=off -static -DNET_TRACE -DNET_SELFTEST_MAIN -o "$c/t" "$c/selftest.c" "$c/net.c"
      "qemu-$machine" "$c/t" >"$c/out" || { echo "$name $form on $machine: $(cat "$c/out")"; exit 1; }
      equal="$equal $machine"
    done
    figures() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$c/manifest.json" | head -1; }
    code=- instructions=-
    if [ "$cortex" = yes ]; then
      cortex_m3 -DNET_TRACE "$c/selftest.c" "$c/net.c" || { echo "$name $form on Cortex-M3: the self-test fails"; exit 1; }
      equal="$equal cortex-m3"
      instructions=$(cortex_m3 "$c/net.c")
      arm-none-eabi-gcc -std=c99 -Os -mcpu=cortex-m3 -mthumb -ffp-contract=off -c "$c/net.c" -o "$c/net.o"
      code=$(arm-none-eabi-size -A "$c/net.o" | sed -n 's/^\.text *\([0-9]*\).*/\1/p')
    fi
    if [ "$avr" = yes ] && [ $(($(figures arena) + $(figures image))) -le 6000 ] && [ "$(figures tables)" -le 30000 ]; then
      avr-gcc -std=gnu99 -Os -mmcu=atmega2560 -DNET_TRACE -I"$c" tests/cross/atmega/main.c "$c/selftest.c" "$c/net.c" -o "$c/avr.elf"
      timeout 300 simavr -m atmega2560 -f 16000000 "$c/avr.elf" >"$c/out" 2>&1
      grep -q equal "$c/out" || { echo "$name $form on ATmega2560: $(cat "$c/out")"; exit 1; }
      equal="$equal atmega2560"
    fi
    printf '%-12s %8s %8s %8s %12s %s\n' "$name $form" "$(figures tables)" "$code" "$(figures arena)" "$instructions" "$equal"
  done
done
