// libFuzzer's door to one target, TARGET, and the writer of its seeds: fuzz_TARGET --seeds FOLDER.
#include <algorithm>
#include <cstring>

#include "target.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

const tern::fuzz::Target& target() {
  static const tern::fuzz::Target one = tern::fuzz::TARGET();
  return one;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  tern::set_num_threads(1);
  if (*argc != 3 || std::strcmp((*argv)[1], "--seeds") != 0) return 0;
  int n = 0;
  for (const tern::Bytes& seed : target().seeds) {
    std::ofstream out((*argv)[2] + ("/seed" + std::to_string(n++)), std::ios::binary);
    out.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
  }
  std::exit(0);
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned) {
  const std::size_t n = LLVMFuzzerMutate(data, size, max_size);
  if (!target().repair) return n;
  tern::Bytes bytes(data, data + n);
  target().repair(bytes);
  std::copy_n(bytes.begin(), n, data);
  return n;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    target().run({data, size});
  } catch (const tern::Error&) {
  }
  return 0;
}
