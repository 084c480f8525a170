#include "train/metrics.hpp"

#include "../target.hpp"
#include "tern/search.hpp"

namespace tern::fuzz {

Target metrics() {
  const auto run = [](ByteView bytes) {
    const std::string path = folder().write("metrics.jsonl", bytes);
    (void)last_epoch(path);
    (void)run_curves_svg({std::filesystem::path(path).parent_path().string()}, {"run"});
  };
  EpochResult r;
  r.evaluated = r.has_validation = true;
  r.test.images = r.validation.images = 10;
  r.test.correct = 5;
  const std::string line = metrics_line(r);
  return {run, texts({line, line + line, "{\"epoch\":0,\"search_validation_accuracy\":0.5,\"train_loss\":1}\n"})};
}

}  // namespace tern::fuzz
