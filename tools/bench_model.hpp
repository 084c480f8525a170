// tern bench model.
#pragma once

#include "cli.hpp"

namespace tern::cli {

void add_bench_model(App& bench);

}  // namespace tern::cli
