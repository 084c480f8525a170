// What the full and the small Fashion-MNIST share: class names and normalisation.
#pragma once

#include "data/idx.hpp"

namespace tern::data {

inline std::vector<std::string> fashion_class_names() {
  return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"};
}

inline Dataset read_fashion(const std::string& folder) {
  Dataset set = read_idx_folder(folder, fashion_class_names());
  set.mean = {0.2860f};
  set.std = {0.3530f};
  return set;
}

}  // namespace tern::data
