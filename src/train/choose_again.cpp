// Genotypes of a finished or interrupted search by other rules, from the mixtures that it has recorded.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "files/json.hpp"
#include "files/lock.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "tern/error.hpp"
#include "train/internal.hpp"

namespace tern {
namespace {

Tensor read_rows(const nlohmann::json& rows, std::size_t edges, std::size_t ops) {
  const Tensor p = Tensor::empty(Shape{static_cast<std::int64_t>(edges), static_cast<std::int64_t>(ops)});
  if (rows.size() != edges)
    throw ValueError("expected " + std::to_string(edges) + " edges; got " + std::to_string(rows.size()));
  auto to = p.span<float>().begin();
  for (const nlohmann::json& row : rows) {
    if (row.size() != ops)
      throw ValueError("expected " + std::to_string(ops) + " operations an edge; got " + std::to_string(row.size()));
    for (const nlohmann::json& v : row) {
      const float share = v.get<float>();
      if (!(share >= 0 && share <= 1)) throw ValueError("expected probabilities; got " + v.dump());
      *to++ = share;
    }
  }
  return p;
}

}  // namespace

nas::DiscretizeOptions discretize_options(const SearchConfig& config) {
  nas::DiscretizeOptions rules;
  rules.allow_zero = config.allow_zero == "auto" ? nas::space(config.space).allow_zero : config.allow_zero == "true";
  rules.zero_gamma = config.zero_gamma;
  rules.most_weightless = static_cast<int>(config.max_weightless);
  return rules;
}

void write_genotype_files(const std::string& run_dir, const std::string& name, const nas::Genotype& g) {
  const std::string path = (std::filesystem::path(run_dir) / name).string();
  write_file_atomically(path + ".dot", nas::genotype_dot(g));
  write_file_atomically(path + ".svg", nas::genotype_svg(g));
  write_file_atomically(path + ".json", g.json());
}

SearchResult choose_again(const SearchConfig& config, const std::string& run_dir) {
  config.check();
  const FolderLock lock(run_dir);
  const std::string path = (std::filesystem::path(run_dir) / "metrics.jsonl").string();
  nas::CellOptions options;
  options.space = config.space;
  options.cell_template = config.cell_template;
  const std::size_t ops = nas::space(config.space).ops.size();
  SearchResult result;
  for_each_json_line<nlohmann::json>(read_text_file(path), [&](const nlohmann::json& j, int number) {
    try {
      const nlohmann::json& mixture = j.at("mixture");
      SearchEpoch e;
      e.epoch = j.at("epoch").get<std::int64_t>();
      e.epochs = config.epochs;
      e.mixture = {read_rows(mixture.at("normal"), nas::kEdges, ops),
                   read_rows(mixture.at("reduce"), nas::kEdges, ops)};
      e.genotype = nas::discretize(options, e.mixture, discretize_options(config));
      e.weightless_normal = nas::weightless_edges(e.genotype.normal);
      e.weightless_reduce = nas::weightless_edges(e.genotype.reduce);
      const double accuracy = j.at("search_validation_accuracy").get<double>();
      if (number == 1 || accuracy > result.best_accuracy) {
        result.best = e.genotype;
        result.best_accuracy = accuracy;
      }
      result.last = std::move(e);
    } catch (const nlohmann::json::exception&) {
      throw FormatError("[search] " + path + ", line " + std::to_string(number) +
                        ": no mixture of a search of the space " + config.space);
    } catch (const ValueError& error) {
      throw FormatError("[search] " + path + ", line " + std::to_string(number) + ": " + error.what());
    }
  });
  if (result.last.epochs == 0) throw IoError("[search] " + path + " holds no epoch yet");
  result.finished = result.last.epoch + 1 == config.epochs;
  write_genotype_files(run_dir, "genotype-best", result.best);
  write_genotype_files(run_dir, "genotype-last", result.last.genotype);
  return result;
}

}  // namespace tern
