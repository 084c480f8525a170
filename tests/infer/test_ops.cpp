// Every row of src/infer/ops/ops.def: refuses what it does not list, gives the reference's bits on every path, and
// stands in docs/file-format.md with each of its keys and blobs. An operation without an example fails here.
#include <fstream>
#include <set>
#include <sstream>

#include "catch.hpp"
#include "examples.hpp"
#include "paths.hpp"
#include "tern/error.hpp"

using namespace tern;
using test::Builder;
using test::examples;

namespace {

using Words = std::set<std::string>;

Words words(const std::vector<std::string_view>& list) { return {list.begin(), list.end()}; }

// Everything in backticks.
Words quoted(const std::string& text) {
  Words out;
  for (std::size_t at = text.find('`'); at != std::string::npos; at = text.find('`', at)) {
    const std::size_t end = text.find('`', at + 1);
    if (end == std::string::npos) break;
    out.insert(text.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return out;
}

// The operations that the format's document describes: keys, and blobs with a dot, in the first column of each
// section's table.
std::map<std::string, Words> documented() {
  std::ifstream file(TERN_SOURCE_DIR "/docs/file-format.md");
  std::map<std::string, Words> out;
  std::string line, op;
  bool operations = false;
  while (std::getline(file, line)) {
    if (line.starts_with("## ")) operations = line == "## Operations";
    if (!operations) continue;
    if (line.starts_with("### `")) out[op = line.substr(5, line.find('(') - 5)];
    if (line.starts_with("| `")) out[op].merge(quoted(line.substr(0, line.find('|', 1))));
  }
  return out;
}

}  // namespace

TEST_CASE("ops: every row has examples, which use each of its keys and blobs") {
  CHECK(test::uses().size() == infer::packed_ops().size());
  for (const infer::PackedOp& op : infer::packed_ops()) {
    INFO(op.name);
    Words keys, blobs;
    for (const Builder& b : examples(op.name)) {
      for (const GraphNode& node : b.model.graph.nodes()) {
        if (node.op != op.name) continue;
        for (const auto& [key, value] : node.attrs) keys.insert(key);
        for (const auto& [name, blob] : b.model.blobs) {
          if (name.starts_with(node.name + ".")) blobs.insert(name.substr(node.name.size() + 1));
        }
      }
    }
    CHECK_FALSE(examples(op.name).empty());
    CHECK(keys == words(op.keys()));
    CHECK(blobs == words(op.blobs()));
  }
}

TEST_CASE("ops: every row refuses the keys that it does not list") {
  Words all{"colour"};
  for (const infer::PackedOp& op : infer::packed_ops()) all.merge(words(op.keys()));
  for (const infer::PackedOp& op : infer::packed_ops()) {
    const Words own = words(op.keys());
    for (Builder& b : examples(op.name)) {
      auto& nodes = b.model.graph.nodes();
      const auto node = std::find_if(nodes.begin(), nodes.end(), [&](const GraphNode& n) { return n.op == op.name; });
      const GraphNode before = *node;
      for (const std::string& key : all) {
        if (own.contains(key)) continue;
        node->set(key, 1);
        INFO(op.name << " " << key);
        CHECK_THROWS_AS(infer::check_model(b.model), FormatError);
        CHECK_THROWS_WITH(infer::check_model(b.model), ContainsSubstring("\"" + node->name + "\"") &&
                                                           ContainsSubstring("unknown key \"" + key + "\""));
        *node = before;
      }
      node->set("value_of", "anything");
      CHECK_NOTHROW(infer::check_model(b.model));
    }
  }
}

TEST_CASE("ops: every row equals the reference on every path") {
  for (const infer::PackedOp& op : infer::packed_ops()) {
    for (Builder& b : examples(op.name)) {
      INFO(op.name);
      test::check_everywhere(b, 2);
    }
  }
}

TEST_CASE("ops: codes on planes stay there, and codes are kept where the row's file says so") {
  for (const infer::PackedOp& op : infer::packed_ops()) {
    INFO(op.name);
    bool planes = false, ran_on_planes = false, kept = false;
    for (Builder& b : examples(op.name)) {
      const auto nodes = infer::check_model(b.model);
      for (const infer::Node& node : nodes) {
        if (node.op != &op.meaning || node.is_image()) continue;
        const infer::ValueType& in = nodes[node.inputs[0]].type;
        const auto* m = node.operation->multiply();
        const bool makes = node.operation->thresholds() || (m && m->has_epilogue());
        const bool same = std::all_of(node.inputs.begin(), node.inputs.end(),
                                      [&](std::size_t i) { return in.same_codes(nodes[i].type); });
        if (op.meaning.carries_codes && same) {
          kept = true;
          CHECK(in.same_codes(node.type));
        }
        if (!op.meaning.carries_codes) CHECK(node.type.is_codes() == makes);
        if (!node.type.is_codes() || node.operation->planes().index() == 0) continue;
        planes = true;
        for (const char* kernel : {"kpacked", "bitsliced"}) {
          for (const auto& step : infer::Session(b.model, {.isa = Isa::kPortable, .kernel = kernel}).plan())
            ran_on_planes |= step.nodes == node.graph->name && step.kernel == std::string("planes/") + kernel;
        }
      }
    }
    CHECK(planes == ran_on_planes);
    CHECK(op.meaning.carries_codes == kept);
  }
}

TEST_CASE("ops: the document of the format describes every row, its keys and its blobs, and nothing else") {
  std::map<std::string, Words> rows;
  for (const infer::PackedOp& op : infer::packed_ops()) {
    Words& all = rows[std::string(op.name)] = words(op.keys());
    for (const std::string_view blob : op.blobs()) all.insert("." + std::string(blob));
  }
  const auto found = documented();
  for (const auto& [name, fields] : rows) {
    INFO(name);
    REQUIRE(found.contains(name));
    CHECK(found.at(name) == fields);
  }
  CHECK(found.size() == rows.size());
}
