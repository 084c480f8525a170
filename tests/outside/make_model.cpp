// Writes a packed model by hand, through the installed C++ headers alone: a 4 x 4 image belongs to class 1 if its right
// half is brighter than its left half, else to class 0.
#include <cstdio>
#include <exception>
#include <tern/packed.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    tern::packed::Model m;
    const auto x = m.graph.add("input", {}, {{"shape", "1x4x4"}}, "image");
    const auto q = m.graph.add("quantize", {x}, {{"lo", "0"}, {"hi", "3"}, {"step", "1"}}, "q");
    const auto f = m.graph.add("flatten", {q}, {}, "flat");
    m.graph.add("linear", {f}, {{"out", "2"}, {"weights", "codes"}}, "fc");
    m.blobs["q.thresholds"] = tern::packed::Blob::of_floats({3}, {0.25f, 0.5f, 0.75f});
    std::vector<std::int8_t> w;
    for (int o = 0; o < 2; ++o) {
      for (int i = 0; i < 16; ++i) w.push_back((i % 4 >= 2) == (o == 1) ? 1 : -1);
    }
    m.blobs["fc.weight"] = tern::packed::Blob::of_codes({2, 16}, w);
    tern::packed::write(m, argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
