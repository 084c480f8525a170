#include "infer/plan/rates.hpp"

namespace tern::infer {

double Rates::seconds(const WorkList& work) const {
  double sum = 0;
  for (const Work& w : work) sum += w.amount * (*this)[w.kind];
  return sum * 1e-9;
}

Rates built_in_rates(Isa isa) {
  const auto pick = [isa](double portable, double neon, double avx2, double avx512, double vpopcnt) {
    switch (isa) {
      case Isa::kNeon:
        return neon;
      case Isa::kAvx2:
        return avx2;
      case Isa::kAvx512:
        return avx512;
      case Isa::kAvx512Vpopcnt:
        return vpopcnt;
      default:
        return portable;
    }
  };
  Rates r;
#define TERN_WORK(kind, unit, ...) r[WorkKind::kind] = pick(__VA_ARGS__);
#include "infer/steps/work.def"
#undef TERN_WORK
  return r;
}

}  // namespace tern::infer
