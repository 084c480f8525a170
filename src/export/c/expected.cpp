#include "export/c/expected.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "files/crc32.hpp"

namespace tern::c99 {
namespace {

std::uint32_t bits_of(float v) { return std::isnan(v) ? 0x7fc00000u : std::bit_cast<std::uint32_t>(v); }

std::uint32_t sum_of(std::span<const float> values) {
  std::vector<std::byte> bytes;
  for (const float v : values) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::byte>(bits_of(v) >> shift));
  }
  return crc32(bytes);
}

}  // namespace

std::vector<std::string> nodes_of(const CExport& exported) {
  std::vector<std::string> out;
  for (const CStep& s : exported.steps) out.push_back(s.node);
  return out;
}

Expectation::Expectation(const packed::Model& model, std::vector<std::string> nodes)
    : nodes_(std::move(nodes)),
      session_(model, {.isa = Isa::kReference, .max_work = std::numeric_limits<double>::infinity()}) {}

CSums Expectation::of(std::span<const std::uint8_t> image) {
  std::map<std::string, std::uint32_t> sums;
  session_.set_tap([&](const infer::TapValue& v) {
    sums[v.node.name] = v.step != 0 ? crc32(std::as_bytes(v.codes)) : sum_of(v.floats);
  });
  const std::vector<float> scores = session_.run(image, 1);
  session_.set_tap({});
  CSums out;
  for (const float v : scores) out.scores.push_back(bits_of(v));
  for (const std::string& node : nodes_) out.steps.push_back(node.empty() ? sum_of(scores) : sums.at(node));
  return out;
}

}  // namespace tern::c99
