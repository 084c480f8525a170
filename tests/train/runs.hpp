// Runs of a second on the embedded data or on photos, what they leave, and their circumstances.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "files/write.hpp"
#include "tern/cpu.hpp"
#include "tern/safetensors.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"

namespace tern::testing {

inline TrainConfig tiny_run() {
  TrainConfig c;
  c.width = 4;
  c.data = "fashion-mnist-mini";
  c.limit_train = 160;
  c.limit_test = 50;
  c.epochs = 2;
  c.batch = 32;
  c.schedule = "constant:lr=0.05";
  c.eval_batch = 50;
  return c;
}

inline SearchConfig tiny_search(std::int64_t epochs = 2) {
  SearchConfig c;
  c.data = "fashion-mnist-mini";
  c.limit_train = 64;
  c.image_size = 8;
  c.cells = 3;
  c.width = 4;
  c.epochs = epochs;
  c.batch = 16;
  c.eval_limit = 16;
  return c;
}

/// Every number in the run's last checkpoint.
inline std::vector<double> values_of(const std::string& run) {
  std::vector<double> out;
  for (const NamedTensor& t : read_safetensors(run + "/last.safetensors").tensors) {
    for (const double v : t.value.to_vector()) out.push_back(v);
  }
  return out;
}

/// Two classes of black and of white images of 8x8 pixels, in a folder.
inline void write_photos(const std::string& folder, int dark, int light) {
  for (const std::string split : {"train", "test"}) {
    for (const auto& [name, count, value] : {std::tuple{"dark", dark, '\0'}, {"light", light, '\xff'}}) {
      const std::string in = folder + "/" + split + "/" + name;
      std::filesystem::create_directories(in);
      for (int i = 0; i < count; ++i) {
        tern::write_file_atomically(in + "/" + std::to_string(i) + ".pgm", "P5 8 8 255\n" + std::string(64, value));
      }
    }
  }
}

struct ForcedIsa {
  explicit ForcedIsa(tern::Isa isa) { tern::set_active_isa(isa); }
  ~ForcedIsa() { tern::reset_active_isa(); }
};

}  // namespace tern::testing
