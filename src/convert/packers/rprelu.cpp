// rprelu: affine (k1 = 1, k0 = -a), prelu, affine (k1 = 1, k0 = b); a product with 1 is exact, so each rounds where
// evaluation does.
#include "convert/packer.hpp"
#include "tern/ops.hpp"

namespace tern {

void pack_rprelu(PackContext& context) {
  const auto moved = [](std::vector<std::string> inputs, const Tensor& by) {
    const Tensor one = Tensor::full(by.shape(), 1);
    return PackedNode{
        .op = "affine", .inputs = std::move(inputs), .blobs = {{"k1", float_blob(one)}, {"k0", float_blob(by)}}};
  };
  const std::string x = context.add(moved(context.inputs(), neg(context.tensor("a"))));
  const packed::Blob slope = float_blob(context.tensor(tensor_names::kSlope));
  const std::string bent = context.add({.op = "prelu", .inputs = {x}, .blobs = {{"slope", slope}}});
  context.finish(moved({bent}, context.tensor("b")));
}

}  // namespace tern
