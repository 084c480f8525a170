// tern pack: a trained run to a packed file.
#include <fmt/core.h>

#include <filesystem>

#include "console.hpp"
#include "run_options.hpp"
#include "tern/convert.hpp"

namespace tern::cli {
namespace {

std::map<std::string, std::string> meta_of(const TrainedRun& run) {
  std::map<std::string, std::string> meta{
      {"model", run.config.model}, {"weights", run.config.weights}, {"acts", run.config.acts}};
  meta.merge(run.data.text());
  return meta;
}

}  // namespace

void add_pack(App& app) {
  struct PackOptions {
    Common common;
    RunOptions run;
    std::string file;
  };
  auto o = std::make_shared<PackOptions>();
  App* verb = app.add_subcommand("pack", "Pack a trained run into a .tern file");
  add_trained_options(*verb, o->run);
  verb->add_option("FILE,--out,-o", o->file, "Packed file to write")->required();
  verb->examples(
      {"tern pack runs/first net.tern", "tern pack resnet20.safetensors net.tern --model resnet20 --data cifar10"});
  add_common(*verb, o->common);
  verb->callback([o, verb] {
    if (!o->run.is_plain()) verb->refuse({"--data", "--data-dir"}, "needs --model or --graph; a run knows its data");
    const TrainedRun run = o->run.load();
    const packed::Model model = pack(run.network, meta_of(run));
    watch_interrupts();  // the file is written to its end
    packed::write(model, o->file);
    std::int64_t parameters = 0;
    for (const Parameter& p : run.network.parameters()) parameters += p.value.numel();
    const std::uint64_t bytes = std::filesystem::file_size(o->file);
    const double ratio = 4.0 * static_cast<double>(parameters) / static_cast<double>(bytes);
    if (o->common.json) {
      print_json({{"file", o->file}, {"bytes", bytes}, {"parameters", parameters}, {"ratio_to_fp32", ratio}});
    } else if (!o->common.quiet) {
      print_out("{}: {} ({} parameters, {:.1f} times smaller than their fp32 values)\n", o->file, bytes_text(bytes),
                parameters, ratio);
    }
  });
}

}  // namespace tern::cli
