#!/bin/sh
# datasets/fetch without a network: arguments, checksums, and that a failure leaves nothing behind.
# usage: test_fetch.sh PATH-TO-FETCH
set -eu
fetch=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

# expect NAME EXIT-CODE TEXT-IN-OUTPUT COMMAND...
expect() {
  name=$1 code=$2 text=$3
  shift 3
  got=0
  "$@" >"$dir/out" 2>&1 || got=$?
  if [ "$got" -ne "$code" ] || ! grep -q -e "$text" "$dir/out"; then
    echo "FAILED $name: expected exit $code and \"$text\"; got exit $got and:"
    cat "$dir/out"
    failures=$((failures + 1))
  fi
}

expect list 0 cifar10 sh "$fetch" --list
expect list_of_names 0 'train-images.idx3-ubyte' sh "$fetch" --list
expect help 0 usage sh "$fetch" --help
expect nothing 2 'name a set' sh "$fetch"
expect unknown_set 2 'known: fashion-mnist' sh "$fetch" imagenet
expect prefix_of_a_set 2 'unknown set cifar' sh "$fetch" cifar
expect unknown_option 2 'unknown option' sh "$fetch" --frm x mnist
expect missing_value 2 'needs a value' sh "$fetch" --into
mkdir "$dir/from" "$dir/into"
mkdir -p "$dir/torch/MNIST/raw"
expect unpacked_by_others 0 'already in .*MNIST, which tern reads as it is' sh "$fetch" --into "$dir/torch" mnist
expect missing_file 1 'cannot copy' sh "$fetch" --from "$dir/from" --into "$dir/into" cifar10
echo damaged >"$dir/from/cifar-10-binary.tar.gz"
expect bad_checksum 1 'wrong md5 checksum: expected c32a1d4ab5d03f1284b67883e8d87530' \
  sh "$fetch" --from "file://$dir/from/" --into "$dir/into" cifar10
expect nothing_left 0 '^0$' sh -c "ls -A '$dir/into' | wc -l | tr -d ' '"
echo >"$dir/file"
expect into_a_file 1 'cannot' sh "$fetch" --from "$dir/from" --into "$dir/file" cifar10

# A copy of the script whose sums are those of a tiny archive: the way of a good download.
mkdir "$dir/cifar-10-batches-bin"
echo data >"$dir/cifar-10-batches-bin/data_batch_1.bin"
(cd "$dir" && tar -czf from/cifar-10-binary.tar.gz cifar-10-batches-bin)
md5=$(openssl dgst -md5 <"$dir/from/cifar-10-binary.tar.gz" 2>/dev/null | sed 's/.*= *//' || true)
if [ -n "$md5" ]; then
  sha=$(openssl dgst -sha256 <"$dir/from/cifar-10-binary.tar.gz" | sed 's/.*= *//')
  sed "s/^cifar10|cifar-10-binary.*/cifar10|cifar-10-binary.tar.gz|$md5|$sha/" "$fetch" >"$dir/fetch"
  expect good 0 'cifar10: in' sh "$dir/fetch" --from "$dir/from" --into "$dir/into" cifar10
  expect content 0 data cat "$dir/into/cifar10/data_batch_1.bin"
  expect twice 0 'already in' sh "$dir/fetch" --from "$dir/from" --into "$dir/into" cifar10
  expect hint 0 "TERN_DATA=$dir/into" sh "$dir/fetch" --from "$dir/from" --into "$dir/into" cifar10
  # Files may be named with a dot.
  mkdir "$dir/dots"
  for part in train-images.idx3 train-labels.idx1 t10k-images.idx3 t10k-labels.idx1; do
    echo "$part" >"$dir/dots/$part-ubyte.gz"
    sum=$(openssl dgst -md5 <"$dir/dots/$part-ubyte.gz" | sed 's/.*= *//')
    printf 's/^\\(mnist|%s-ubyte.gz\\)|.*/\\1|%s|-/\n' "$(echo "$part" | sed 's/\./-/')" "$sum"
  done >"$dir/sums.sed"
  sed -f "$dir/sums.sed" "$fetch" >"$dir/fetch-dots"
  expect dots 0 'mnist: in' sh "$dir/fetch-dots" --from "$dir/dots" --into "$dir/into" mnist
  expect dots_content 0 train-images.idx3 cat "$dir/into/mnist/train-images-idx3-ubyte.gz"
  sed "s/^cifar10|cifar-10-binary.*/cifar10|cifar-10-binary.tar.gz|$md5|1$sha/" "$fetch" >"$dir/fetch"
  expect bad_sha256 1 'wrong sha256' sh "$dir/fetch" --from "$dir/from" --into "$dir/other" cifar10
fi

[ "$failures" -eq 0 ] && echo "fetch: all passed"
exit "$failures"
