#include "tern/graph.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "core/names.hpp"
#include "core/printable.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

// Cursor over one line. Every failure names the line.
class LineReader {
 public:
  LineReader(std::string_view line, std::size_t number) : s_(line), line_(number) {}

  void skip_spaces() {
    while (i_ < s_.size() && is_space(s_[i_])) ++i_;
  }
  bool at_end() {
    skip_spaces();
    return i_ == s_.size();
  }
  bool accept(char c) {
    skip_spaces();
    if (i_ < s_.size() && s_[i_] == c) {
      ++i_;
      return true;
    }
    return false;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("expected '") + c + "'");
  }
  std::string name(const char* what) {
    skip_spaces();
    const std::size_t begin = i_;
    while (i_ < s_.size() && is_name_char(s_[i_])) ++i_;
    if (begin == i_ || (s_[begin] >= '0' && s_[begin] <= '9')) fail(std::string("expected ") + what);
    return std::string(s_.substr(begin, i_ - begin));
  }
  std::string value() {
    const std::size_t begin = i_;
    for (; i_ < s_.size() && !is_space(s_[i_]); ++i_) {
      if (is_control(s_[i_])) fail("a control character in a value");
    }
    return std::string(s_.substr(begin, i_ - begin));
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError("[graph] line " + std::to_string(line_) + ", column " + std::to_string(i_ + 1) + ": " + why +
                      "; got \"" + printable(s_, 120) + "\"");
  }

 private:
  std::string_view s_;
  std::size_t line_;
  std::size_t i_ = 0;
};

GraphNode parse_node(LineReader& in) {
  GraphNode node;
  node.name = in.name("a node name");
  in.expect('=');
  node.op = in.name("an op");
  in.expect('(');
  if (!in.accept(')')) {
    do {
      node.inputs.push_back(in.name("an input name"));
    } while (in.accept(','));
    in.expect(')');
  }
  while (!in.at_end()) {
    std::string key = in.name("key=value");
    in.expect('=');
    if (node.attrs.size() == Graph::kMaxKeys) in.fail("more than " + std::to_string(Graph::kMaxKeys) + " keys");
    if (node.has(key)) in.fail("key \"" + printable(key) + "\" appears twice");
    std::string value = in.value();
    node.attrs.emplace_back(std::move(key), std::move(value));
  }
  return node;
}

template <class T>
T parse_number(const GraphNode& node, std::string_view key, std::string_view text) {
  T v{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (ec != std::errc{} || end != text.data() + text.size()) {
    throw ValueError("[" + node.op + "] node \"" + node.name + "\": expected a number for \"" + std::string(key) +
                     "\"; got \"" + printable(text) + "\"");
  }
  return v;
}

const std::string* find_attr(const GraphNode& node, std::string_view key) {
  for (const auto& [k, v] : node.attrs) {
    if (k == key) return &v;
  }
  return nullptr;
}

}  // namespace

bool GraphNode::has(std::string_view key) const { return find_attr(*this, key) != nullptr; }

std::string GraphNode::text(std::string_view key) const {
  if (const std::string* v = find_attr(*this, key)) return *v;
  throw ValueError("[" + op + "] node \"" + name + "\": expected the key \"" + std::string(key) + "\"; it is missing");
}

std::string GraphNode::text(std::string_view key, std::string_view fallback) const {
  const std::string* v = find_attr(*this, key);
  return v ? *v : std::string(fallback);
}

std::int64_t GraphNode::integer(std::string_view key) const {
  return parse_number<std::int64_t>(*this, key, text(key));
}

std::int64_t GraphNode::integer(std::string_view key, std::int64_t fallback) const {
  const std::string* v = find_attr(*this, key);
  return v ? parse_number<std::int64_t>(*this, key, *v) : fallback;
}

std::pair<std::int64_t, std::int64_t> GraphNode::pair(std::string_view key) const {
  const std::string both = text(key);
  const std::size_t at = both.find('x');
  const auto first = parse_number<std::int64_t>(*this, key, std::string_view(both).substr(0, at));
  if (at == std::string::npos) return {first, first};
  return {first, parse_number<std::int64_t>(*this, key, std::string_view(both).substr(at + 1))};
}

std::pair<std::int64_t, std::int64_t> GraphNode::pair(std::string_view key, std::int64_t fallback) const {
  return has(key) ? pair(key) : std::pair{fallback, fallback};
}

double GraphNode::number(std::string_view key, double fallback) const {
  const std::string* v = find_attr(*this, key);
  if (!v) return fallback;
  const double x = parse_number<double>(*this, key, *v);
  if (!std::isfinite(x))
    throw ValueError("[" + op + "] node \"" + name + "\": \"" + std::string(key) + "\" is not finite");
  return x;
}

bool GraphNode::flag(std::string_view key, bool fallback) const {
  const std::string* v = find_attr(*this, key);
  if (!v) return fallback;
  if (*v == "1" || *v == "true") return true;
  if (*v == "0" || *v == "false") return false;
  throw ValueError("[" + op + "] node \"" + name + "\": expected 0, 1, false or true for \"" + std::string(key) +
                   "\"; got \"" + printable(*v) + "\"");
}

std::vector<float> GraphNode::numbers(std::string_view key) const {
  const std::string all = text(key);
  std::vector<float> out;
  std::string_view rest = all;
  while (true) {
    const std::size_t comma = rest.find(',');
    out.push_back(parse_number<float>(*this, key, rest.substr(0, comma)));
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

GraphNode& GraphNode::set(std::string_view key, std::string_view value) {
  for (auto& [k, v] : attrs) {
    if (k == key) {
      v = value;
      return *this;
    }
  }
  attrs.emplace_back(key, value);
  return *this;
}

GraphNode& GraphNode::set(std::string_view key, std::int64_t value) { return set(key, std::to_string(value)); }

Graph Graph::parse(std::string_view text) {
  if (text.size() > kMaxBytes) {
    throw FormatError("[graph] expected at most " + std::to_string(kMaxBytes) + " bytes; got " +
                      std::to_string(text.size()));
  }
  Graph g;
  std::unordered_map<std::string, bool> known;
  bool header = false;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t eol = text.find('\n');
    std::string_view line = text.substr(0, eol);
    text.remove_prefix(eol == std::string_view::npos ? text.size() : eol + 1);
    line = line.substr(0, line.find('#'));
    LineReader in(line, number);
    if (in.at_end()) continue;
    if (!header) {
      if (in.name("the header \"tern-graph 1\"") != "tern" || !in.accept('-'))
        in.fail("expected the header \"tern-graph 1\"");
      if (in.name("graph") != "graph") in.fail("expected the header \"tern-graph 1\"");
      in.skip_spaces();
      if (in.value() != "1") in.fail("expected version 1 of the graph text");
      header = true;
      continue;
    }
    GraphNode node = parse_node(in);
    for (const std::string& i : node.inputs) {
      if (!known.contains(i)) in.fail("input \"" + printable(i) + "\" is not the name of an earlier line");
    }
    if (!known.emplace(node.name, true).second) in.fail("the name \"" + printable(node.name) + "\" is used twice");
    if (g.nodes_.size() == kMaxNodes) in.fail("more than " + std::to_string(kMaxNodes) + " nodes");
    g.nodes_.push_back(std::move(node));
  }
  if (g.nodes_.empty()) throw FormatError("[graph] expected \"tern-graph 1\" and at least one node; the text is empty");
  return g;
}

std::string Graph::format() const {
  std::string out = "tern-graph 1\n";
  for (const GraphNode& n : nodes_) {
    out += n.name + " = " + n.op + "(" + join(n.inputs) + ")";
    for (const auto& [k, v] : n.attrs) out += " " + k + "=" + v;
    out += "\n";
  }
  return out;
}

std::string Graph::add(std::string_view op, std::vector<std::string> inputs,
                       std::vector<std::pair<std::string, std::string>> attrs, std::string_view name) {
  GraphNode node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.attrs = std::move(attrs);
  node.name = name.empty() ? std::string(op) + std::to_string(nodes_.size()) : std::string(name);
  if (find(node.name) >= 0) throw ValueError("[graph.add] the name \"" + node.name + "\" is used twice");
  for (const std::string& i : node.inputs) {
    if (find(i) < 0) throw ValueError("[graph.add] node \"" + node.name + "\" reads the unknown node \"" + i + "\"");
  }
  nodes_.push_back(std::move(node));
  return nodes_.back().name;
}

std::int64_t Graph::find(std::string_view name) const {
  const auto it = std::find_if(nodes_.begin(), nodes_.end(), [&](const GraphNode& n) { return n.name == name; });
  return it == nodes_.end() ? -1 : it - nodes_.begin();
}

std::vector<std::size_t> Graph::consumers(std::size_t index) const {
  std::vector<std::size_t> out;
  for (std::size_t j = index + 1; j < nodes_.size(); ++j) {
    const auto& in = nodes_[j].inputs;
    if (std::find(in.begin(), in.end(), nodes_[index].name) != in.end()) out.push_back(j);
  }
  return out;
}

const GraphNode& Graph::output() const& {
  if (nodes_.empty()) throw ValueError("[graph] the graph is empty");
  return nodes_.back();
}

}  // namespace tern
