// grid: weights on fixed integer levels L (LevelSet), q = s t with t the level of L nearest to w / s, one s a filter.
//   dw = dq 1{|w / s| <= max L}
// levels=ternary (default), binary, five or pow2 (with count=3 magnitudes 1, 2, 4). s is state and 1 unless rescaling
// finds no batch norm to fold it into (tern/freeze.hpp), so a packed network stores codes alone. The straight-through
// rule counts only while no freezing policy splits the weights: under a policy relaxed weights have their exact
// gradient, the others none (Layer::set_relaxed).
// Paper: Cavigelli, Benini, "RPR: Random partition relaxation for training binary and ternary weight neural networks",
// 2020, section III: the sets L of levels.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class Grid final : public WeightQuantizer {
 public:
  Grid(const QuantSpec& spec, const Shape& shape)
      : levels_(LevelSet::named(spec.text("levels"), spec.integer("count"))),
        scale_(Tensor::full(Shape{shape[0]}, 1.0)) {}

  const LevelSet* fixed_levels() const override { return &levels_; }
  std::vector<NamedTensor> states() override { return {{"scale", scale_}}; }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "grid", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous();
      const auto l = std::make_shared<const Levels<T>>(on_levels<T>(dense));
      return record("grid", values(*l, w.shape()), {w},
                    [l, dense, reach = static_cast<T>(levels_.max())](const Tensor& dq) {
                      const Tensor g = dq.contiguous();
                      const Tensor dw = Tensor::empty(dense.shape(), dense.dtype());
                      const T *p = dense.data<T>(), *from = g.data<T>();
                      T* to = dw.data<T>();
                      for_groups(l->groups, [&](std::int64_t f) {
                        const T window = reach * l->scale_pos(f);
                        const std::int64_t first = f * l->groups.size;
                        parallel_ranges(l->groups.size, kChunk, [=](std::int64_t begin, std::int64_t end) {
                          for (std::int64_t i = first + begin; i < first + end; ++i)
                            to[i] = only(std::abs(p[i]) <= window, from[i]);
                        });
                      });
                      return std::vector<Tensor>{dw};
                    });
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    return packed(on_levels<float>(dense_float(w)), w.shape(), levels_.max(), levels_.has_zero());
  }

 private:
  template <class T>
  Levels<T> on_levels(const Tensor& w) const {
    Levels<T> l(groups_of(w.shape(), true));
    for_groups(l.groups, [&](std::int64_t f) {
      const T s = static_cast<T>(at(scale_, f));
      l.set_scale(f, s);
      assign_codes(w.data<T>() + f * l.groups.size, l.groups.size, l.group(f),
                   [&](T x) { return levels_.nearest(x / s); });
    });
    return l;
  }

  LevelSet levels_;
  Tensor scale_;
};

}  // namespace

WeightMethod weight_grid() {
  return {{{"levels", "ternary", "ternary|binary|five|pow2",
            "{-1, 0, 1}, {-1, 1}, {-2 .. 2}, or 0 and powers of two of both signs"},
           {"count", "3", "1..7", "how many powers of two: 1, 2, .., 2^(count-1)", "levels=pow2"}},
          make_weights<Grid>};
}

}  // namespace tern::quant
