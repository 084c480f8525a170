// batch_norm: its four vectors become the two that evaluation multiplies with and adds.
#include "convert/packer.hpp"

namespace tern {

std::vector<exact::Affine> affine_of(const PackContext& context, std::size_t i) {
  const Tensor gamma = context.tensor(i, tensor_names::kGamma), beta = context.tensor(i, tensor_names::kBeta);
  const Tensor mean = context.tensor(i, tensor_names::kRunningMean), var = context.tensor(i, tensor_names::kRunningVar);
  const auto eps = static_cast<float>(context.node(i).number("eps", 1e-5));
  std::vector<exact::Affine> out;
  for (std::int64_t c = 0; c < mean.numel(); ++c) {
    out.push_back(exact::batch_norm(gamma.defined() ? gamma.data<float>()[c] : 1.0f,
                                    beta.defined() ? beta.data<float>()[c] : 0.0f, mean.data<float>()[c],
                                    var.data<float>()[c], eps));
  }
  return out;
}

void pack_batch_norm(PackContext& context) {
  std::vector<float> k1, k0;
  for (const exact::Affine& a : affine_of(context, context.index())) {
    k1.push_back(a.k1);
    k0.push_back(a.k0);
  }
  const Shape channels{static_cast<std::int64_t>(k1.size())};
  context.finish({.op = "affine",
                  .inputs = context.inputs(),
                  .blobs = {{"k1", packed::Blob::of_floats(channels, std::move(k1))},
                            {"k0", packed::Blob::of_floats(channels, std::move(k0))}}});
}

}  // namespace tern
