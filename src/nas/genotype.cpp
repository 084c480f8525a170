// Genotypes as JSON. A file is not trusted: every key, name and number is checked before anything is built from it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/names.hpp"
#include "core/printable.hpp"
#include "files/read.hpp"
#include "tern/error.hpp"
#include "tern/nas.hpp"

namespace tern::nas {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = 1 << 16;

ordered_json to_json(const CellGenotype& cell) {
  ordered_json out = ordered_json::array();
  for (const Choice& c : cell) out.push_back(ordered_json::array({c.op, c.from}));
  return out;
}

class Reader {
 public:
  Reader(const std::string& text, std::string path) : path_(std::move(path)) {
    if (text.size() > kMaxBytes)
      fail("expected at most " + std::to_string(kMaxBytes) + " bytes; got " + std::to_string(text.size()));
    try {
      root_ = json::parse(text);
    } catch (const json::exception& e) {
      fail("not JSON: " + printable(e.what(), 200));
    }
    if (!root_.is_object()) fail("expected an object with the keys normal and reduce");
  }

  Genotype read() {
    static const std::vector<std::string> known{"space",         "template", "normal",
                                                "normal_concat", "reduce",   "reduce_concat"};
    for (const auto& [key, value] : root_.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        fail(unknown_name("key", key, known));
      }
    }
    Genotype g;
    g.space = text("space", "tas");
    const SearchSpace s = checked([&] { return space(g.space); });
    g.cell_template = text("template", s.cell_template);
    if (std::find(cell_templates().begin(), cell_templates().end(), g.cell_template) == cell_templates().end()) {
      fail(unknown_name("template", g.cell_template, cell_templates()));
    }
    g.normal = cell("normal", s);
    g.reduce = cell("reduce", s);
    return g;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { throw FormatError("[genotype] " + path_ + ": " + why); }

  template <class F>
  auto checked(F f) const -> decltype(f()) {
    try {
      return f();
    } catch (const ValueError& e) {
      fail(e.what());
    }
  }

  std::string text(const char* key, const std::string& fallback) const {
    const auto it = root_.find(key);
    if (it == root_.end()) return fallback;
    if (!it->is_string()) fail(std::string("expected text for \"") + key + "\"");
    return it->get<std::string>();
  }

  CellGenotype cell(const std::string& key, const SearchSpace& s) const {
    const auto it = root_.find(key);
    const std::string where = "\"" + key + "\"";
    if (it == root_.end()) fail("expected the key " + where);
    CellGenotype out;
    if (!it->is_array() || it->size() != out.size()) fail("expected 8 pairs [operation, node] for " + where);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const json& pair = (*it)[i];
      const std::string at = where + ", pair " + std::to_string(i) + ": ";
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number_integer()) {
        fail(at + "expected [operation, node]");
      }
      out[i].op = pair[0].get<std::string>();
      if (std::find(s.ops.begin(), s.ops.end(), out[i].op) == s.ops.end()) {
        fail(at + unknown_name("operation of the space " + s.key, out[i].op, s.ops));
      }
      const auto node = kInputs + i / 2;
      const json& from = pair[1];
      if ((from.is_number_unsigned() ? from.get<std::uint64_t>() >= node : true)) {
        fail(at + "expected an earlier node, 0 to " + std::to_string(node - 1));
      }
      out[i].from = from.get<int>();
      if (i % 2 == 1 && out[i].from == out[i - 1].from) fail(at + "expected two different nodes");
    }
    const auto concat = root_.find(key + "_concat");
    if (concat != root_.end() && *concat != json::array({2, 3, 4, 5}))
      fail("expected [2,3,4,5] for \"" + key + "_concat\"");
    return out;
  }

  std::string path_;
  json root_;
};

}  // namespace

std::string Genotype::json() const {
  const ordered_json concat = ordered_json::array({2, 3, 4, 5});
  const ordered_json j{{"space", space},          {"template", cell_template}, {"normal", to_json(normal)},
                       {"normal_concat", concat}, {"reduce", to_json(reduce)}, {"reduce_concat", concat}};
  return j.dump() + "\n";
}

Genotype Genotype::parse(const std::string& text, const std::string& path) { return Reader(text, path).read(); }
Genotype Genotype::load(const std::string& path) { return parse(read_text_file(path, kMaxBytes), path); }

}  // namespace tern::nas
