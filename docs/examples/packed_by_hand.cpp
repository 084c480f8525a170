// A packed network that nobody trained: a 4 x 4 image belongs to class 1 if its right half is brighter than its left
// half, else to class 0. Writes net.tern, and left.pgm and right.pgm to try it on.
//
// Usage: packed_by_hand FOLDER
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <tern/packed.hpp>
#include <vector>

namespace {

tern::packed::Model brighter_half() {
  tern::packed::Model m;
  const auto image = m.graph.add("input", {}, {{"shape", "1x4x4"}}, "image");
  const auto q = m.graph.add("quantize", {image}, {{"lo", "0"}, {"hi", "3"}, {"step", "1"}}, "q");
  const auto flat = m.graph.add("flatten", {q}, {}, "flat");
  m.graph.add("linear", {flat}, {{"out", "2"}, {"weights", "codes"}}, "fc");
  m.blobs["q.thresholds"] = tern::packed::Blob::of_floats({3}, {0.25f, 0.5f, 0.75f});
  std::vector<std::int8_t> weights;
  for (int o = 0; o < 2; ++o) {
    for (int i = 0; i < 16; ++i) weights.push_back((i % 4 >= 2) == (o == 1) ? 1 : -1);
  }
  m.blobs["fc.weight"] = tern::packed::Blob::of_codes({2, 16}, weights);
  m.meta["name"] = "brighter half";
  return m;
}

void write_picture(const std::string& path, const std::string& row) {
  std::ofstream(path, std::ios::binary) << "P5 4 4 255\n" << row << row << row << row;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const std::string folder = std::string(argv[1]) + "/";
  tern::packed::write(brighter_half(), folder + "net.tern");
  write_picture(folder + "left.pgm", "\xfa\xfa\1\1");
  write_picture(folder + "right.pgm", "\1\1\xfa\xfa");
  std::printf("wrote net.tern\n");
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
