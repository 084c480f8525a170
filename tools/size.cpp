// tern size: where the bytes of a packed file go, and what that makes as a compression ratio.
#include <fmt/core.h>

#include "console.hpp"
#include "core/printable.hpp"
#include "packed/file_layout.hpp"
#include "run_options.hpp"
#include "tern/packed.hpp"

namespace tern::cli {
namespace {

struct SizeOptions {
  Common common;
  std::string file;
};

void show_size(const SizeOptions& o) {
  expect_packed(o.file);
  const std::vector<std::byte> bytes = packed::read_bytes(o.file);
  const packed::FileInfo info = packed::inspect(bytes, o.file);
  const packed::Compression c = packed::compression(packed::decode(bytes, o.file), bytes.size());
  nlohmann::ordered_json blobs = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  std::uint64_t sum = info.graph_bytes + info.meta_bytes + info.table_bytes;
  for (const packed::BlobInfo& b : info.blobs) {
    const std::int64_t n = b.shape.numel();
    const double bits = n > 0 ? 8.0 * static_cast<double>(b.bytes) / static_cast<double>(n) : 0;
    sum += b.bytes;
    blobs.push_back({{"name", b.name},
                     {"shape", b.shape.str()},
                     {"encoding", b.encoding},
                     {"bytes", b.bytes},
                     {"bits_a_value", bits}});
    rows.push_back(
        {printable(b.name), b.shape.str(), b.encoding, std::to_string(b.bytes), fmt::format("{:.2f}", bits)});
  }
  const std::uint64_t padding = info.total_bytes - sum;
  for (const auto& [name, n] : {std::pair{"graph", info.graph_bytes},
                                {"texts", info.meta_bytes},
                                {"header, table, checksum", info.table_bytes},
                                {"alignment", padding},
                                {"file", info.total_bytes}}) {
    rows.push_back({name, "", "", std::to_string(n), ""});
  }
  if (o.common.json) {
    print_json({{"file", o.file},
                {"bytes", info.total_bytes},
                {"blobs", blobs},
                {"graph_bytes", info.graph_bytes},
                {"meta_bytes", info.meta_bytes},
                {"table_bytes", info.table_bytes},
                {"alignment_bytes", padding},
                {"weights", c.weights},
                {"compression",
                 {{"bits", c.bits},
                  {"paper", c.paper},
                  {"strict", c.strict},
                  {"packed5", c.packed5},
                  {"file", c.file},
                  {"own", c.own}}}});
    return;
  }
  print_out("{}", table({"part", "shape", "encoding", "bytes", "bits a value"}, rows));
  print_out("\n{}\n", wrap(fmt::format("{} weights. Against fp32 ResNet-18 for CIFAR (11,164,352 weights): {:.2f} as "
                                       "papers count (all layers at {} "
                                       "bits), {:.2f} strictly (float layers at 32 bits, scales), {:.2f} with five "
                                       "ternary values a byte, {:.2f} for the file "
                                       "itself. "
                                       "Against its own weights in fp32, the file is {:.2f} times smaller.",
                                       c.weights, c.paper, c.bits, c.strict, c.packed5, c.file, c.own),
                           output_columns()));
}

}  // namespace

void add_size(App& app) {
  auto o = std::make_shared<SizeOptions>();
  App* verb = app.add_subcommand("size", "Show where the bytes of a packed file go, and its compression ratios");
  verb->add_option("FILE", o->file, "Packed file")->required();
  verb->examples({"tern size net.tern"});
  add_common(*verb, o->common);
  verb->callback([o] { show_size(*o); });
}

}  // namespace tern::cli
