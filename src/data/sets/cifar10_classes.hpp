// What the binary and the JPEG CIFAR-10 share: class names and normalisation.
#pragma once

#include "tern/data.hpp"

namespace tern::data {

inline std::vector<std::string> cifar10_class_names() {
  return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
}

inline void set_cifar10_normalisation(Dataset& set) {
  set.mean = {0.4914f, 0.4822f, 0.4465f};
  set.std = {0.2470f, 0.2435f, 0.2616f};
}

}  // namespace tern::data
