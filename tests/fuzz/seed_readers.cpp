// Writes seeds for fuzz_readers: seed_readers FOLDER. The first byte says which reader.
#include <fstream>

#include "archives.hpp"

int main(int argc, char** argv) {
  using namespace tern::testing;
  if (argc != 2) return 2;
  const auto write = [&](const std::string& name, char reader, const Bytes& bytes) {
    std::ofstream out(std::string(argv[1]) + "/" + name, std::ios::binary);
    out.put(reader).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  };
  Bytes tensors;
  const std::string head =
      R"({"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"i":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},"h":{"dtype":"F16","shape":[],"data_offsets":[16,18]},"m":{"dtype":"BOOL","shape":[2],"data_offsets":[18,20]}})";
  append_number(tensors, std::uint64_t{head.size()});
  append(tensors, head);
  tensors.resize(tensors.size() + 20);
  write("seed.safetensors", 0, tensors);
  write("seed.npy", 1, npy(dictionary("<f4", "(2, 3)"), raw<float>({1, 2, 3, 4, 5, 6})));
  write("seed2.npy", 1, npy(dictionary("<i4", "(2,)", "True"), raw<std::int32_t>({7, -8}), 2));
  write("seed3.npy", 1,
        npy("{'descr': [('x', '<f4'), ('y', '<i4', (2,))], 'fortran_order': False, 'shape': (1,), }",
            raw<float>({1, 2, 3})));
  const Bytes one = floats_npy({1, 2, 3}), zeros = floats_npy(std::vector<float>(60, 0.0f));
  write("seed.npz", 2, zip({member("a.npy", one), member("b.npy", zeros, true)}, "comment"));
  return 0;
}
