#include "../target.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/optim.hpp"
#include "tern/quant.hpp"
#include "tern/shape.hpp"

namespace tern::fuzz {

Target specs() {
  const auto run = [](ByteView bytes) {
    if (bytes.empty()) return;
    const std::string text = text_of(bytes.subspan(1));
    switch (bytes[0] % 6) {
      case 0:
        (void)make_weight_quantizer(QuantSpec::parse(text), Shape{4, 3, 3, 3});
        break;
      case 1:
        (void)make_act_quantizer(QuantSpec::parse(text));
        break;
      case 2:
        (void)make_schedule(text);
        break;
      case 3:
        (void)Augment::parse(text);
        break;
      case 4:
        (void)FreezeSchedule::parse(text);
        break;
      default:
        (void)Shape::parse(text);
    }
  };
  std::vector<Bytes> seeds;
  const std::vector<std::string> all[] = {{"twn", "ttq:t=0.05", "grid:levels=binary", "heq:n=3"},
                                          {"ternary:t=0.5", "dorefa:bits=2", "lsq:bits=3"},
                                          {"cosine:hi=0.1,lo=0,per=step", "warmup:to=0.1,for=2+constant:lr=0.1"},
                                          {"pad=2,flip", "crop=24,cutout=4"},
                                          {"paper", "0.5:2x1e-3+0.9:1x1e-4+1:1x1e-5"},
                                          {"2x3x28x28", "scalar"}};
  for (std::size_t kind = 0; kind < std::size(all); ++kind) {
    for (const std::string& text : all[kind]) seeds.push_back(bytes_of(static_cast<char>(kind) + text));
  }
  return {run, seeds};
}

}  // namespace tern::fuzz
