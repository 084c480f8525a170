// Writes small models as seeds for the fuzzer, and stands in for it where there is no libFuzzer: seed_packed FOLDER.
#include <cstdio>
#include <exception>
#include <string>

#include "../infer/builder.hpp"
#include "../packed/support.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    using tern::test::Builder;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      Builder b(seed);
      std::string x = b.input("1x5x5");
      const auto levels = static_cast<int>(1 + seed % 4);
      x = b.quantize(b.affine(b.conv(x, 3, 3, 3, {.bias = true}, {{"pad", "1"}})), seed % 2 ? -1 : 0,
                     seed % 2 ? levels - 1 : levels);
      x = b.conv(x, 8, 3, 3, {.max_code = 1 + static_cast<int>(seed % 3), .lo = 0, .hi = 1},
                 {{"pad", "1"}, {"stride", "2"}});
      if (seed % 2)
        x = b.plain("max_pool", {x}, {{"kernel", "2"}});
      else
        x = b.plain("mux", {x, x, b.plain("tgap", {x})});
      b.linear(b.plain("flatten", {x}), 2,
               {.max_code = static_cast<int>(seed % 2), .scales = static_cast<int>(seed % 3)});
      tern::packed::write(b.model, std::string(argv[1]) + "/seed" + std::to_string(seed) + ".tern");
    }
    // The remaining ops, and a blob of every kind and encoding.
    Builder b(8);
    const std::string x = b.prelu(b.conv(b.input("2x6x6"), 8, 3, 3, {}, {{"pad", "1"}}));
    const std::string q = b.quantize(x, -1, 1, "0.5");
    const std::string c = b.conv(b.plain("shift", {q}, {{"by", "1"}, {"pad_code", "1"}}), 8, 3, 3,
                                 {.max_code = 3, .scales = 2, .bias = true},
                                 {{"pad", "2"}, {"dilation", "2"}, {"groups", "2"}, {"pad_code", "1"}});
    const std::string sum = b.plain("add", {b.plain("hardtanh", {c}), b.plain("zero", {x}), b.plain("relu", {x})});
    const std::string joined = b.plain("concat", {sum, b.plain("pad_channels", {x}, {{"front", "1"}, {"back", "1"}})});
    const std::string mixed = b.plain("channel_shuffle", {joined}, {{"groups", "3"}});
    const std::string pooled = b.plain(
        "avg_pool", {mixed}, {{"kernel", "3"}, {"stride", "2"}, {"pad", "1"}, {"ceil", "1"}, {"count_pad", "1"}});
    b.linear(b.plain("flatten", {b.plain("global_avg_pool", {pooled})}), 3, {.bias = true});
    tern::packed::write(b.model, std::string(argv[1]) + "/ops.tern");
    tern::packed::write(small_model(), std::string(argv[1]) + "/encodings.tern");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
