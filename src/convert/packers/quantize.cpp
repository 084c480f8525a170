// quantize: the thresholds at which evaluation compares.
#include "convert/packer.hpp"

namespace tern {

void pack_quantize(PackContext& context) {
  const ActQuantizer& quantizer = *context.layer().act_quantizer();
  std::vector<float> thresholds = quantizer.thresholds();
  const Shape count{static_cast<std::int64_t>(thresholds.size())};
  context.finish({.op = "quantize",
                  .inputs = context.inputs(),
                  .blobs = {{"thresholds", packed::Blob::of_floats(count, std::move(thresholds))}},
                  .codes = code_range(quantizer)});
}

}  // namespace tern
