#include "data/records.hpp"

#include "../target.hpp"

namespace tern::fuzz {

Target records() {
  const auto run = [](ByteView bytes) {
    if (bytes.empty()) return;
    const std::string path = folder().write("records", bytes.subspan(1));
    Images images;
    switch (bytes[0] % 4) {
      case 0:
        data::append_cifar(path, 1, 10, images);
        break;
      case 1:
        data::append_cifar(path, 2, 100, images);
        break;
      case 2:
        (void)data::read_stl(path, folder().write("labels", bytes.first(1)));
        break;
      default:
        (void)data::class_names_or(path, {"a", "b"});
    }
  };
  Bytes cifar(1 + 3073, 3), stl(1 + 27648, 2);
  cifar[0] = 0;
  return {run, {cifar, stl, bytes_of("\3one\ntwo\n")}};
}

}  // namespace tern::fuzz
