// tern bench layers.
#pragma once

#include "cli.hpp"

namespace tern::cli {

void add_bench_layers(App& bench);

}  // namespace tern::cli
