// Pictures of a genotype: DOT for those who have Graphviz, SVG for everybody.
#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

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

// ---- SVG: one row a cell. Nodes stand in columns, an inner node one column behind the last of its inputs. ----

struct Point {
  double x, y;
};

constexpr double kColumn = 150, kRow = 78, kBox = 62, kBoxHeight = 28, kMargin = 24;

const char* color_of(const std::string& op) {
  if (op == "skip") return "#7a7a7a";
  if (op.ends_with("pool") || op.starts_with("max") || op.starts_with("avg")) return "#2b7a3d";
  return "#1f5fae";
}

class CellDrawing {
 public:
  explicit CellDrawing(const CellGenotype& cell) : cell_(cell) {
    std::array<int, kNodes> depth{};
    for (int n = kInputs; n < kNodes; ++n) {
      depth[static_cast<std::size_t>(n)] = 1;
      for (int i = 0; i < 2; ++i) {
        const Choice& c = cell[static_cast<std::size_t>(2 * (n - kInputs) + i)];
        if (c.op != "zero") {
          depth[static_cast<std::size_t>(n)] =
              std::max(depth[static_cast<std::size_t>(n)], depth[static_cast<std::size_t>(c.from)] + 1);
        }
      }
    }
    std::array<int, kNodes + 1> used{};
    const int last = *std::max_element(depth.begin(), depth.end());
    for (int n = 0; n < kNodes; ++n) {
      const auto i = static_cast<std::size_t>(n);
      at_[i] = {kMargin + kColumn * depth[i], kRow * used[static_cast<std::size_t>(depth[i])]++};
      rows_ = std::max(rows_, used[static_cast<std::size_t>(depth[i])]);
    }
    columns_ = last + 2;
    at_[kNodes] = {kMargin + kColumn * (last + 1), kRow * (rows_ - 1) / 2.0};
    // columns that are shorter stand in the middle
    for (int n = 0; n < kNodes; ++n) {
      const auto i = static_cast<std::size_t>(n);
      at_[i].y += kRow * (rows_ - used[static_cast<std::size_t>(depth[i])]) / 2.0 + (depth[i] % 2 ? kRow * 0.18 : 0);
    }
  }
  double width() const { return 2 * kMargin + kColumn * (columns_ - 1) + kBox; }
  double height() const { return kRow * rows_ + 36; }

  void draw(std::ostringstream& out, double top, const std::string& title) const {
    out << "<text x=\"" << kMargin << "\" y=\"" << top + 14 << "\" font-weight=\"bold\">" << title << "</text>\n";
    top += 34;
    for (int n = kInputs; n < kNodes; ++n) arrow(out, n, kNodes, "", top, 0);
    for (std::size_t i = 0; i < cell_.size(); ++i) {
      if (cell_[i].op != "zero")
        arrow(out, cell_[i].from, kInputs + static_cast<int>(i / 2), cell_[i].op, top, i % 2 ? 1 : -1);
    }
    for (int n = 0; n <= kNodes; ++n) {
      const Point p = at_[static_cast<std::size_t>(n)];
      out << "<rect x=\"" << p.x << "\" y=\"" << top + p.y << "\" width=\"" << kBox << "\" height=\"" << kBoxHeight
          << "\" rx=\"6\" fill=\"" << (n < kInputs || n == kNodes ? "#eef2f7" : "#fff6e0") << "\" stroke=\"#444\"/>\n"
          << "<text x=\"" << p.x + kBox / 2 << "\" y=\"" << top + p.y + kBoxHeight / 2 + 4
          << "\" text-anchor=\"middle\">" << kLabels[static_cast<std::size_t>(n)] << "</text>\n";
    }
  }

 private:
  void arrow(std::ostringstream& out, int from, int to, const std::string& op, double top, int side) const {
    const Point a = at_[static_cast<std::size_t>(from)], b = at_[static_cast<std::size_t>(to)];
    const double x1 = a.x + kBox, y1 = top + a.y + kBoxHeight / 2, x2 = b.x, y2 = top + b.y + kBoxHeight / 2 + 6 * side;
    const double bend = (x2 - x1) / 2;
    out << "<path d=\"M" << x1 << ' ' << y1 << " C" << x1 + bend << ' ' << y1 << ' ' << x2 - bend << ' ' << y2 << ' '
        << x2 << ' ' << y2 << "\" fill=\"none\" stroke=\"" << (op.empty() ? "#bbbbbb" : color_of(op)) << "\""
        << (op.empty() ? " stroke-dasharray=\"3 4\"" : " marker-end=\"url(#tip)\"") << "/>\n";
    if (op.empty()) return;
    // a third of the way before the head, where edges into one node have not met yet
    const double t = 0.62, u = 1 - t;
    const double x = u * u * u * x1 + 3 * u * u * t * (x1 + bend) + 3 * u * t * t * (x2 - bend) + t * t * t * x2;
    const double y = u * u * u * y1 + 3 * u * u * t * y1 + 3 * u * t * t * y2 + t * t * t * y2;
    out << "<text x=\"" << x << "\" y=\"" << y + (side < 0 ? -5 : 13) << "\" text-anchor=\"middle\" fill=\""
        << color_of(op) << "\">" << op << "</text>\n";
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
  const double width = std::max(normal.width(), reduce.width()),
               height = normal.height() + reduce.height() + 2 * kMargin;
  std::ostringstream out;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << width << "\" height=\"" << height
      << "\" viewBox=\"0 0 " << width << ' ' << height << "\" font-family=\"sans-serif\" font-size=\"12\">\n"
      << "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
         "orient=\"auto\">"
      << "<path d=\"M0 0 L8 4 L0 8 z\" fill=\"#444\"/></marker></defs>\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  normal.draw(out, kMargin / 2, "normal cell");
  reduce.draw(out, kMargin / 2 + normal.height(),
              "reduction cell (space " + g.space + ", template " + g.cell_template + ")");
  out << "</svg>\n";
  return out.str();
}

}  // namespace tern::nas
