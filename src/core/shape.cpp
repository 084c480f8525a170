#include "tern/shape.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "core/names.hpp"
#include "tern/error.hpp"

namespace tern {

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : Shape(std::span<const std::int64_t>(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const std::int64_t> extents) {
  if (extents.size() > kMaxRank) {
    throw ShapeError("[shape] expected at most 8 dimensions; got " + std::to_string(extents.size()));
  }
  std::int64_t product = 1;  // of all but zeros: strides have it even where there are no elements
  for (const std::int64_t e : extents) {
    if (e < 0) throw ShapeError("[shape] expected extents >= 0; got " + std::to_string(e));
    if (e != 0 && product > std::numeric_limits<std::int64_t>::max() / e) {
      throw ShapeError("[shape] the number of elements overflows 64 bits");
    }
    extents_[static_cast<std::size_t>(rank_++)] = e;
    numel_ *= e;
    if (e != 0) product *= e;
  }
}

std::int64_t Shape::operator[](int i) const {
  const int j = i < 0 ? i + rank_ : i;
  if (j < 0 || j >= rank_) {
    throw ShapeError("[shape] expected a dimension index within rank " + std::to_string(rank_) + "; got " +
                     std::to_string(i) + " for " + str());
  }
  return extents_[static_cast<std::size_t>(j)];
}

Shape Shape::with(int i, std::int64_t extent) const {
  (void)(*this)[i];
  std::array<std::int64_t, kMaxRank> e = extents_;
  e[static_cast<std::size_t>(i < 0 ? i + rank_ : i)] = extent;
  return Shape(std::span<const std::int64_t>(e.data(), static_cast<std::size_t>(rank_)));
}

std::string Shape::str() const {
  if (rank_ == 0) return "scalar";
  return join(extents(), "x", [](std::int64_t e) { return std::to_string(e); });
}

Shape Shape::parse(const std::string& text) {
  if (text == "scalar") return {};
  std::array<std::int64_t, kMaxRank> e{};
  std::size_t rank = 0;
  const char* p = text.data();
  const char* const end = p + text.size();
  while (true) {
    std::int64_t v = 0;
    const auto [next, ec] = std::from_chars(p, end, v);
    const bool more = next != end && *next == 'x';
    if (ec != std::errc{} || v < 0 || rank == kMaxRank || (next != end && !more)) {
      throw ValueError("[shape] expected extents like 1x28x28; got \"" + text + "\"");
    }
    e[rank++] = v;
    if (!more) break;
    p = next + 1;
  }
  return Shape(std::span<const std::int64_t>(e.data(), rank));
}

bool operator==(const Shape& a, const Shape& b) {
  const auto x = a.extents();
  const auto y = b.extents();
  return std::equal(x.begin(), x.end(), y.begin(), y.end());
}

}  // namespace tern
