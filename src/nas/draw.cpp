// Pictures of a genotype: DOT for those who have Graphviz, SVG for everybody.
#include <algorithm>
#include <array>
#include <sstream>

#include "draw/svg.hpp"
#include "tern/nas.hpp"

namespace tern::nas {
namespace {

constexpr int kNodes = kInputs + kInner;
const std::array<const char*, kNodes + 1> kLabels{"c(k-2)", "c(k-1)", "2", "3", "4", "5", "c(k)"};

void dot_cell(std::ostringstream& out, const std::string& name, const CellGenotype& cell) {
  const auto id = [&](int node) { return name + std::to_string(node); };
  out << "  subgraph cluster_" << name << " {\n    label=\"" << name << " cell\";\n";
  for (int n = 0; n <= kNodes; ++n) {
    out << "    " << id(n) << " [label=\"" << kLabels[static_cast<std::size_t>(n)] << "\"];\n";
  }
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (cell[i].op == "zero") continue;
    out << "    " << id(cell[i].from) << " -> " << id(kInputs + static_cast<int>(i / 2)) << " [label=\"" << cell[i].op
        << "\"];\n";
  }
  for (int n = kInputs; n < kNodes; ++n) out << "    " << id(n) << " -> " << id(kNodes) << " [style=dotted];\n";
  out << "  }\n";
}

// ---- SVG. A column holds nodes of one depth; an operation is a box of its own left of the node that it feeds, so that
// no name lies on a line or below another box. Lines are drawn first. ----

struct Point {
  double x, y;
};

constexpr double kBox = 58, kBoxHeight = 28, kOp = 78, kOpHeight = 22, kOpGap = 6, kWire = 52, kMargin = 24;
constexpr double kColumn = kWire + kOp + 18 + kBox, kRow = 2 * kOpHeight + kOpGap + 22;

std::size_t at(int node) { return static_cast<std::size_t>(node); }

const char* color_of(const std::string& op) {
  if (op == "skip") return "#777777";
  if (op.ends_with("pool") || op.starts_with("max") || op.starts_with("avg")) return draw::series_color(2);
  return draw::series_color(0);
}

class CellDrawing {
 public:
  explicit CellDrawing(const CellGenotype& cell) : cell_(cell) {
    std::array<int, kNodes + 1> depth{};
    for (int n = kInputs; n < kNodes; ++n) {
      depth[at(n)] = 1;
      for (const int side : {0, 1}) {
        const Choice& c = choice(n, side);
        if (c.op != "zero") depth[at(n)] = std::max(depth[at(n)], depth[at(c.from)] + 1);
      }
    }
    depth[kNodes] = *std::max_element(depth.begin(), depth.end()) + 1;
    std::array<int, kNodes + 2> used{};
    for (int n = 0; n <= kNodes; ++n) rows_ = std::max(rows_, ++used[at(depth[at(n)])]);
    std::array<int, kNodes + 2> placed{};
    for (int n = 0; n <= kNodes; ++n) {
      const std::size_t d = at(depth[at(n)]);
      // Columns that are shorter stand in the middle, and neighbours not at one height, where a line hides behind a
      // box.
      const double top = kRow * (rows_ - used[d]) / 2.0 + (d > 0 && n < kNodes ? (d % 2 ? -1 : 1) * kRow / 5 : 0);
      at_[at(n)] = {kMargin + kColumn * depth[at(n)], top + kRow * (placed[d]++ + 0.5)};
    }
    columns_ = depth[kNodes];
  }
  double width() const { return 2 * kMargin + kColumn * columns_ + kBox; }
  double height() const { return kRow * rows_ + 44; }

  void draw(draw::Svg& svg, double top, const std::string& title) const {
    svg.text(kMargin, top + 16, title, {13, draw::Anchor::kStart, true});
    top += 28;
    for (int n = kInputs; n < kNodes; ++n) {
      const Point a = at_[at(n)], b = at_[kNodes];
      svg.bend(a.x + kBox, top + a.y, b.x, top + b.y, {"", "#bbbbbb", 1, "3 4"});
    }
    each_op([&](int n, int side, const Choice& c) {
      const Point from = at_[at(c.from)], op = op_at(n, side), to = at_[at(n)];
      svg.bend(from.x + kBox, top + from.y, op.x, top + op.y, {"", color_of(c.op), 1.4, ""});
      svg.bend(op.x + kOp, top + op.y, to.x, top + to.y, {"", color_of(c.op), 1.4, ""}, true);
    });
    each_op([&](int n, int side, const Choice& c) {
      const Point op = op_at(n, side);
      svg.rect(op.x, top + op.y - kOpHeight / 2, kOp, kOpHeight, {"white", color_of(c.op), 1.4, ""}, 11);
      svg.text(op.x + kOp / 2, top + op.y + 4, c.op, {11, draw::Anchor::kMiddle, false, color_of(c.op)});
    });
    for (int n = 0; n <= kNodes; ++n) {
      const Point p = at_[at(n)];
      const bool inner = n >= kInputs && n < kNodes;
      svg.rect(p.x, top + p.y - kBoxHeight / 2, kBox, kBoxHeight, {inner ? "#fff6e0" : "#eef2f7", "#444444", 1, ""}, 6);
      svg.text(p.x + kBox / 2, top + p.y + 4, kLabels[at(n)], {12, draw::Anchor::kMiddle});
    }
  }

 private:
  const Choice& choice(int node, int side) const { return cell_[at(2 * (node - kInputs) + side)]; }
  Point op_at(int node, int side) const {
    const Point p = at_[at(node)];
    return {p.x - 18 - kOp, p.y + (side == 0 ? -1 : 1) * (kOpHeight + kOpGap) / 2};
  }
  template <class F>
  void each_op(const F& f) const {
    for (int n = kInputs; n < kNodes; ++n) {
      for (const int side : {0, 1}) {
        if (choice(n, side).op != "zero") f(n, side, choice(n, side));
      }
    }
  }

  const CellGenotype& cell_;
  std::array<Point, kNodes + 1> at_{};
  int rows_ = 1, columns_ = 1;
};

}  // namespace

std::string genotype_dot(const Genotype& g) {
  std::ostringstream out;
  out << "digraph genotype {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n";
  dot_cell(out, "normal", g.normal);
  dot_cell(out, "reduction", g.reduce);
  out << "}\n";
  return out.str();
}

std::string genotype_svg(const Genotype& g) {
  const CellDrawing normal(g.normal), reduce(g.reduce);
  draw::Svg svg(std::max(normal.width(), reduce.width()), normal.height() + reduce.height() + 2 * kMargin);
  normal.draw(svg, kMargin / 2, "normal cell");
  reduce.draw(svg, kMargin + normal.height(),
              "reduction cell (space " + g.space + ", template " + g.cell_template + ")");
  return svg.str();
}

}  // namespace tern::nas
