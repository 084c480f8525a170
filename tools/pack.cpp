// tern pack: a trained run to a packed file.
#include <fmt/core.h>

#include <filesystem>

#include "console.hpp"
#include "run_options.hpp"
#include "tern/convert.hpp"

namespace tern::cli {

void add_pack(App& app) {
  struct Options {
    Common common;
    std::string run, checkpoint, file;
  };
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand("pack", "Pack a trained run into a .tern file");
  verb->add_option("RUN", o->run, "Run directory, or a checkpoint file")->required();
  verb->add_option("FILE", o->file, "Packed file to write")->required();
  verb->add_option("--checkpoint", o->checkpoint, "best or last; default: best if there is one");
  add_common(*verb, o->common);
  verb->callback([o] {
    const TrainedRun run = load_trained(o->run, o->checkpoint);
    const packed::Model model = pack(run.network, {{"model", run.config.model},
                                                   {"data", run.config.data},
                                                   {"weights", run.config.weights},
                                                   {"acts", run.config.acts}});
    packed::write(model, o->file);
    std::int64_t parameters = 0;
    for (const Parameter& p : run.network.parameters()) parameters += p.value.numel();
    const std::uint64_t bytes = std::filesystem::file_size(o->file);
    const double ratio = 4.0 * static_cast<double>(parameters) / static_cast<double>(bytes);
    if (o->common.json) {
      print_json({{"file", o->file}, {"bytes", bytes}, {"parameters", parameters}, {"ratio_to_fp32", ratio}});
    } else if (!o->common.quiet) {
      fmt::print("{}: {} ({} parameters, {:.1f} times smaller than their fp32 values)\n", o->file, bytes_text(bytes), parameters, ratio);
    }
  });
}

}  // namespace tern::cli
