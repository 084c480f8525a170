#include "kernels/conv/select.hpp"

#include <atomic>
#include <string>

#include "tern/error.hpp"

namespace tern::kernels::conv {
namespace {

std::vector<const Micro*> available() {
  std::vector<const Micro*> list;
  const auto offer = [&](const Micro* m, bool cpu_has_it) {
    if (m && cpu_has_it) list.push_back(m);
  };
#if defined(__x86_64__)
  offer(micro_avx512(), __builtin_cpu_supports("avx512f"));
  offer(micro_avx2(), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
#elif defined(__aarch64__)
  offer(micro_neon(), true);
#endif
  offer(micro_portable(), true);
  return list;
}

const std::vector<const Micro*>& table() {
  static const std::vector<const Micro*> list = available();
  return list;
}

std::atomic<const Micro*>& chosen() {
  static std::atomic<const Micro*> micro = table().front();
  return micro;
}

}  // namespace

const Micro& current_micro() { return *chosen().load(std::memory_order_relaxed); }

std::vector<std::string_view> isas() {
  std::vector<std::string_view> names;
  for (const Micro* m : table()) names.emplace_back(m->name);
  return names;
}

std::string_view isa() { return current_micro().name; }

void set_isa(std::string_view name) {
  std::string known;
  for (const Micro* m : table()) {
    if (name.empty() || name == m->name) {
      chosen() = m;
      return;
    }
    known += known.empty() ? "" : ", ";
    known += m->name;
  }
  throw ValueError("[conv] expected an instruction set of this CPU (" + known + "); got " + std::string(name));
}

ConvShape collapse(const ConvShape& shape) {
  ConvShape s = shape;
  const bool pointwise = s.r == 1 && s.s == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_h == 0 && s.pad_w == 0;
  if (pointwise && s.h * s.w <= 1024) {
    s.w *= s.h;
    s.q *= s.p;
    s.h = s.p = 1;
  }
  return s;
}

bool worthwhile(const ConvShape& s) {
  const std::int64_t lanes = current_micro().width;
  return s.o / s.groups * 2 >= lanes && s.c / s.groups * s.r * s.s >= 4 && s.q >= 3;
}

}  // namespace tern::kernels::conv
