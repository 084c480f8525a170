#include "../../data/files.hpp"
#include "../target.hpp"
#include "data/decode.hpp"
#include "tern/data.hpp"

namespace tern::fuzz {

Target image() {
  const auto run = [](ByteView bytes) {
    const ImageShape shape = data::image_header(bytes, "fuzz", 0);
    if (shape.height * shape.width > 1 << 16) return;
    for (const int channels : {1, 3, 4}) (void)data::decode_image(bytes, channels, "fuzz", 0);
  };
  contact_sheet({1, 2, 3, Bytes(12, 90), {0, 1}}, {"a", "b"}, {.rows = 1, .cols = 2}, folder() / "grey.png");
  contact_sheet({3, 2, 3, Bytes(36, 90), {0, 1}}, {"a", "b"}, {.rows = 1, .cols = 2}, folder() / "colour.png");
  return {run,
          {::files::jpeg({77}), ::files::jpeg({77, 1, 200}), folder().read("grey.png"), folder().read("colour.png"),
           bytes_of("P5 2 2 255\nabcd"), bytes_of("P6 1 2 65535\nabcdefghijkl")}};
}

}  // namespace tern::fuzz
