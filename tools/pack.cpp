// tern pack: a trained run to a packed file.
#include <fmt/core.h>

#include <filesystem>

#include "console.hpp"
#include "run_options.hpp"
#include "tern/convert.hpp"

namespace tern::cli {
namespace {

// What tern run shows beside the numbers: classes by name, where the data set's names are known without reading it.
std::map<std::string, std::string> meta_of(const TrainConfig& config) {
  std::map<std::string, std::string> meta{
      {"model", config.model}, {"data", config.data}, {"weights", config.weights}, {"acts", config.acts}};
  const std::string set = config.data.substr(0, config.data.find(':'));
  for (const DatasetEntry& d : datasets()) {
    if (d.name != set) continue;
    for (std::size_t c = 0; c < d.class_names.size(); ++c) meta["class." + std::to_string(c)] = d.class_names[c];
  }
  return meta;
}

}  // namespace

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
    packed::write(pack(run.network, meta_of(run.config)), o->file);
    std::int64_t parameters = 0;
    for (const Parameter& p : run.network.parameters()) parameters += p.value.numel();
    const std::uint64_t bytes = std::filesystem::file_size(o->file);
    const double ratio = 4.0 * static_cast<double>(parameters) / static_cast<double>(bytes);
    if (o->common.json) {
      print_json({{"file", o->file}, {"bytes", bytes}, {"parameters", parameters}, {"ratio_to_fp32", ratio}});
    } else if (!o->common.quiet) {
      fmt::print("{}: {} ({} parameters, {:.1f} times smaller than their fp32 values)\n", o->file, bytes_text(bytes),
                 parameters, ratio);
    }
  });
}

}  // namespace tern::cli
