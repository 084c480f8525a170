// One or more networks around each row of src/infer/ops/ops.def, which use all of its keys and blobs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "builder.hpp"

namespace tern::test {

// What an example may read: images of 8x9x7, real ones, codes -1..1 and codes 0..1.
struct Start {
  Builder& b;
  std::string real, codes, bits;
};
// Adds the operation and returns its value.
using Use = std::string (*)(Start&);

inline Attrs attrs(std::initializer_list<std::pair<const char*, const char*>> list) {
  return {list.begin(), list.end()};
}

inline std::string flat(Start& s, const std::string& x) { return s.b.plain("flatten", {x}); }

inline const std::map<std::string, std::vector<Use>>& uses() {
  static const std::map<std::string, std::vector<Use>> all{
      {"input", {[](Start& s) { return s.b.plain("relu", {s.real}); }}},
      {"conv2d",
       {[](Start& s) {
          return s.b.conv(s.real, 6, 3, 2, {.bias = true}, attrs({{"stride", "2"}, {"pad", "1"}}));
        },
        [](Start& s) { return s.b.conv(s.real, 6, 3, 3, {.max_code = 2, .scales = 2, .bias = true}); },
        [](Start& s) {
          return s.b.conv(s.codes, 6, 3, 3, {.max_code = 1, .scales = 2, .bias = true},
                          attrs({{"pad", "2"}, {"pad_code", "1"}, {"dilation", "2"}, {"groups", "2"}}));
        },
        [](Start& s) {
          return s.b.conv(s.codes, 6, 3, 3, {}, attrs({{"pad", "1"}, {"pad_code", "-1"}}));
        },
        [](Start& s) {
          return s.b.conv(s.codes, 12, 3, 3, {.max_code = 1, .lo = -1, .hi = 2}, attrs({{"pad", "1"}}));
        },
        [](Start& s) {
          return s.b.conv(s.codes, 12, 1, 5, {.max_code = 1, .lo = 0, .hi = 1},
                          attrs({{"pad", "0x2"}, {"stride", "1x2"}}));
        },
        [](Start& s) {
          return s.b.conv(s.codes, 9, 5, 1, {.max_code = 2},
                          attrs({{"pad", "3x1"}, {"pad_code", "-1"}, {"stride", "2x1"}, {"dilation", "2x1"}}));
        },
        [](Start& s) {
          return s.b.conv(s.real, 6, 2, 4, {.max_code = 1, .bias = true}, attrs({{"pad", "1x0"}, {"dilation", "3x1"}}));
        }}},
      {"linear",
       {[](Start& s) { return s.b.linear(flat(s, s.real), 6, {.bias = true}); },
        [](Start& s) { return s.b.linear(flat(s, s.real), 6, {.max_code = 1, .scales = 2}); },
        [](Start& s) { return s.b.linear(flat(s, s.codes), 6, {.max_code = 2, .scales = 2, .bias = true}); },
        [](Start& s) { return s.b.linear(flat(s, s.codes), 9, {.max_code = 1, .lo = 0, .hi = 3}); }}},
      {"affine", {[](Start& s) { return s.b.affine(s.real); }, [](Start& s) { return s.b.affine(s.codes); }}},
      {"quantize",
       {[](Start& s) { return s.b.quantize(s.real, -2, 3, "0.25"); },
        [](Start& s) { return s.b.quantize(s.codes, 0, 1); }}},
      {"relu", {[](Start& s) { return s.b.plain("relu", {s.real}); }}},
      {"hardtanh", {[](Start& s) { return s.b.plain("hardtanh", {s.real}); }}},
      {"prelu", {[](Start& s) { return s.b.prelu(s.real); }, [](Start& s) { return s.b.prelu(s.codes); }}},
      {"max_pool",
       {[](Start& s) {
          return s.b.plain("max_pool", {s.real}, attrs({{"kernel", "3"}, {"stride", "2"}, {"pad", "1"}}));
        },
        [](Start& s) {
          return s.b.plain("max_pool", {s.codes}, attrs({{"kernel", "2"}, {"ceil", "1"}}));
        }}},
      {"avg_pool",
       {[](Start& s) {
          return s.b.plain("avg_pool", {s.real},
                           attrs({{"kernel", "3"}, {"stride", "2"}, {"pad", "1"}, {"ceil", "1"}}));
        },
        [](Start& s) {
          return s.b.plain("avg_pool", {s.codes}, attrs({{"kernel", "2"}, {"pad", "1"}, {"count_pad", "1"}}));
        }}},
      {"global_avg_pool",
       {[](Start& s) { return s.b.plain("global_avg_pool", {s.real}); },
        [](Start& s) { return s.b.plain("global_avg_pool", {s.codes}); }}},
      {"flatten", {[](Start& s) { return flat(s, s.real); }, [](Start& s) { return flat(s, s.codes); }}},
      {"add",
       {[](Start& s) {
          return s.b.plain("add", {s.real, s.codes, s.real});
        },
        [](Start& s) {
          return s.b.plain("add", {s.codes, s.codes});
        }}},
      {"concat",
       {[](Start& s) {
          return s.b.plain("concat", {s.real, s.codes});
        },
        [](Start& s) {
          return s.b.plain("concat", {s.codes, s.codes});
        },
        [](Start& s) {
          return s.b.plain("concat", {s.codes, s.bits});
        }}},
      {"channel_shuffle",
       {[](Start& s) {
          return s.b.plain("channel_shuffle", {s.real}, attrs({{"groups", "4"}}));
        },
        [](Start& s) {
          return s.b.plain("channel_shuffle", {s.codes}, attrs({{"groups", "2"}}));
        }}},
      {"pad_channels", {[](Start& s) {
         return s.b.plain("pad_channels", {s.codes}, attrs({{"front", "1"}, {"back", "2"}, {"stride", "2"}}));
       }}},
      {"shift",
       {[](Start& s) {
          return s.b.plain("shift", {s.real}, attrs({{"by", "1"}}));
        },
        [](Start& s) {
          return s.b.plain("shift", {s.codes}, attrs({{"by", "2"}, {"pad_code", "-1"}}));
        }}},
      {"zero", {[](Start& s) {
         return s.b.plain("zero", {s.codes}, attrs({{"stride", "2"}}));
       }}},
      {"or",
       {[](Start& s) {
          return s.b.plain("or", {s.bits, s.b.quantize(s.real, 0, 1)});
        },
        [](Start& s) {
          return s.b.plain("or", {s.bits, s.b.quantize(s.real, 0, 1, "0.5")});
        }}},
      {"tgap", {[](Start& s) { return s.b.plain("tgap", {s.bits}); }}},
      {"mux", {[](Start& s) {
         return s.b.plain("mux", {s.bits, s.b.quantize(s.codes, 0, 1), s.b.plain("tgap", {s.bits})});
       }}},
  };
  return all;
}

// A network around an example: codes are read by a ternary convolution or dense layer, real values by one in full
// precision.
inline Builder example(Use use, std::uint64_t seed) {
  Builder b(seed);
  const std::string real = b.affine(b.conv(b.input("2x9x7"), 8, 3, 3, {}, attrs({{"pad", "1"}})));
  Start start{b, real, b.quantize(real, -1, 1), b.quantize(real, 0, 1)};
  std::string x = use(start);
  const Builder::Weights weights{.max_code = b.type(x).is_codes() ? 1 : 0};
  if (b.type(x).shape.rank() == 3) x = b.plain("flatten", {b.conv(x, 8, 1, 1, weights)});
  b.linear(x, 3, {.max_code = b.type(x).is_codes() ? 1 : 0});
  return b;
}

inline std::vector<Builder> examples(std::string_view op) {
  std::vector<Builder> out;
  const auto it = uses().find(std::string(op));
  if (it == uses().end()) return out;
  for (const Use use : it->second) out.push_back(example(use, 40 + out.size()));
  return out;
}

}  // namespace tern::test
