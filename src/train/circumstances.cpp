#include "train/circumstances.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "core/printable.hpp"
#include "kernels/float/blas.hpp"
#include "tern/cpu.hpp"

namespace tern {
namespace {

const std::set<std::string> kHarmless = {
    "data_dir", "workers",       "eval_batch", "guard", "warn_weightless", "checkpoint_steps", "keep_last", "keep_best",
    "random",                     // of a search: drawn when it began
    "from",     "allow_missing",  // the weights are in the checkpoint
    "mean",     "std",            // and the normalisation is in its graph
};

// The lines "name = value" of a configuration.
std::map<std::string, std::string> values(const std::string& toml) {
  std::map<std::string, std::string> out;
  std::istringstream lines(toml);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find(" = ");
    if (equals != std::string::npos) out[line.substr(0, equals)] = line.substr(equals + 3);
  }
  return out;
}

}  // namespace

Kernels current_kernels() {
  const Isa isa = active_isa();
  // Sums of floats know fewer instruction sets.
  const Isa sums = isa == Isa::kAvx512Vpopcnt ? Isa::kAvx512 : isa == Isa::kReference ? Isa::kPortable : isa;
  return {std::string(name_of(sums)), kernels::blas_kernels()};
}

Kernels used_kernels() {
  Kernels used = current_kernels();
  if (!kernels::blas_was_used()) used.blas.clear();
  return used;
}

std::vector<Change> changes(const Checkpoint& saved, const std::string& saved_toml, const Checkpoint& now) {
  std::vector<Change> out;
  const auto compare = [&](const std::string& name, const std::string& before, const std::string& after) {
    if (before != after) out.push_back({name, name + " is " + printable(after) + ", was " + printable(before)});
  };
  const bool knows_data = !saved.data.fingerprint.empty();
  const std::map<std::string, std::string> before = values(saved_toml);
  for (const auto& [name, value] : values(now.config_toml)) {
    const auto old = before.find(name);
    if (old == before.end() || kHarmless.contains(name) || (name == "data" && knows_data)) continue;
    compare(name, old->second, value);
  }
  if (knows_data && saved.data.fingerprint != now.data.fingerprint) {
    out.push_back({"data", "the images, labels or classes of " + printable(now.data.name) + " have the fingerprint " +
                               now.data.fingerprint + ", had " + printable(saved.data.fingerprint)});
  }
  if (!saved.kernels.isa.empty()) compare("instruction set", saved.kernels.isa, now.kernels.isa);
  if (!saved.kernels.blas.empty()) compare("BLAS kernels", saved.kernels.blas, now.kernels.blas);
  return out;
}

}  // namespace tern
