// mlp: flatten, two hidden dense layers with batch norm, classes.
#include "nn/models/builder.hpp"

namespace tern {

Graph make_model_mlp(const ModelOptions& options) {
  using P = ModelBuilder::Precision;
  ModelBuilder b(options);
  const std::int64_t width = b.width(256);
  std::string x = b.op("flatten", {b.image()});
  x = b.act(b.batch_norm(b.linear(x, width, P::kFirstOrLast, false)));
  x = b.act(b.batch_norm(b.linear(x, width, P::kHidden, false)));
  b.linear(x, options.classes, P::kFirstOrLast);
  return b.finish();
}

}  // namespace tern
