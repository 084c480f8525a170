// libFuzzer target: bytes that claim to be a packed model. The mutator knows the format, so that what it changes gets
// past the checksums: mostly it changes one section, or one entry of the table, and puts the file together again.
// Whatever decodes is checked as a network; of every four, one is encoded again, and one, if it is small, is run on the
// reference and the fast path. The file's checksum draws which, so that a finding is one each time.
//   tests/fuzz/run.sh packed
#include <algorithm>
#include <bit>
#include <cstdint>
#include <random>

#include "forge.hpp"
#include "infer/ops/node.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"
#include "tern/parallel.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using tern::testing::Bytes;
using tern::testing::Parts;

constexpr double kMostWork = 50'000;  // operations of a network that is run

Bytes to_bytes(const std::uint8_t* data, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  return {begin, begin + size};
}

void mutate(Bytes& bytes, std::size_t begin, std::size_t room) {
  Bytes part(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.end());
  const std::size_t old = part.size();
  part.resize(std::max<std::size_t>(old + room, 1));
  part.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(part.data()), old, part.size()));
  bytes.resize(begin);
  bytes.insert(bytes.end(), part.begin(), part.end());
}

// Equal bits; NaN has a way to differ from itself.
bool same_blobs(const tern::packed::Model& a, const tern::packed::Model& b) {
  return std::equal(a.blobs.begin(), a.blobs.end(), b.blobs.begin(), b.blobs.end(), [](const auto& x, const auto& y) {
    const auto bits = [](float f, float g) {
      return std::bit_cast<std::uint32_t>(f) == std::bit_cast<std::uint32_t>(g);
    };
    return x.first == y.first && x.second.kind == y.second.kind && x.second.shape == y.second.shape &&
           x.second.i32 == y.second.i32 && x.second.codes == y.second.codes &&
           std::equal(x.second.f32.begin(), x.second.f32.end(), y.second.f32.begin(), y.second.f32.end(), bits);
  });
}

void round_trip(const tern::packed::Model& model) {
  const auto bytes = tern::packed::encode(model);
  const tern::packed::Model again = tern::packed::decode(bytes);
  if (again.meta != model.meta || again.graph.format() != model.graph.format() || !same_blobs(again, model))
    __builtin_trap();
}

void run(tern::packed::Model model) {
  tern::infer::Session reference(model, {.isa = tern::Isa::kReference, .max_work = kMostWork}), fast(std::move(model));
  const std::vector<std::uint8_t> image(static_cast<std::size_t>(fast.input_shape().numel()), 100);
  const auto a = reference.run(image, 1), b = fast.run(image, 1);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] == b[i]) && (a[i] == a[i] || b[i] == b[i])) __builtin_trap();
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  std::minstd_rand random(seed);
  Bytes bytes = to_bytes(data, size);
  auto parts = Parts::of(bytes);
  const std::size_t room = max_size > size + 16 ? std::min<std::size_t>(max_size - size - 16, 64) : 0;
  if (!parts || parts->parts.empty() || random() % 8 == 0) {
    mutate(bytes, 0, room);
    if (bytes.size() >= 52 && random() % 4 != 0) tern::testing::repair(bytes);
  } else {
    // The graph and the blobs of the smaller half deserve most of the attention.
    auto& all = parts->parts;
    Parts::Part& part = random() % 3 == 0 ? all[0] : all[random() % all.size()];
    switch (random() % 8) {
      case 0:  // the table entry behind kind, offset, size and checksum
        mutate(part.entry, part.entry.size() > 21 ? 21 : 0, 8);
        if (part.entry.size() < 21) part.entry.resize(21);
        break;
      case 1:
        if (all.size() > 2) all.erase(all.begin() + 2 + static_cast<std::ptrdiff_t>(random() % (all.size() - 2)));
        break;
      case 2:
        part.data = all[random() % all.size()].data;
        break;
      default:
        mutate(part.data, 0, room);
    }
    bytes = parts->file();
  }
  const std::size_t n = std::min(bytes.size(), max_size);
  std::transform(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n), data,
                 [](std::byte b) { return static_cast<std::uint8_t>(b); });
  return n;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tern::set_num_threads(1);
  try {
    tern::packed::Model model = tern::packed::decode(to_bytes(data, size));
    const int draw = data[size - 1] % 4;
    if (draw == 0)
      round_trip(model);
    else if (draw == 1)
      run(std::move(model));
    else
      (void)tern::infer::check_model(model);
  } catch (const tern::Error&) {
  }
  return 0;
}
