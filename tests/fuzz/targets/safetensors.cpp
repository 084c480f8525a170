#include "tern/safetensors.hpp"

#include "../target.hpp"

namespace tern::fuzz {

Target safetensors() {
  const auto run = [](ByteView bytes) {
    const auto raw = std::as_bytes(bytes);
    (void)parse_safetensors({raw.begin(), raw.end()}, "fuzz");
  };
  const std::string header =
      R"({"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"i":{"dtype":"I64","shape":[1],)"
      R"("data_offsets":[8,16]},"h":{"dtype":"F16","shape":[],"data_offsets":[16,18]},"m":{"dtype":"BOOL","shape":[2],)"
      R"("data_offsets":[18,20]}})";
  Bytes plain(8);
  plain[0] = static_cast<std::uint8_t>(header.size());
  plain[1] = static_cast<std::uint8_t>(header.size() >> 8);
  plain.insert(plain.end(), header.begin(), header.end());
  plain.resize(plain.size() + 20);
  write_safetensors(folder() / "x", {{"w", Tensor::zeros(Shape{2})}}, {{"k", "v"}});
  return {run, {plain, folder().read("x")}};
}

}  // namespace tern::fuzz
