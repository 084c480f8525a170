// oneDNN (version 2) convolutions, each primitive in the layouts that it prefers.
#include <omp.h>

#include <dnnl.hpp>
#include <memory>
#include <unordered_map>

#include "rivals.hpp"

namespace tern::cli {
namespace {

using dnnl::memory;
using infer::LayerProblem;

infer::Contender make(const LayerProblem& p, const char* name, memory::data_type in, memory::data_type weights,
                      memory::data_type out) {
  using Conv = dnnl::convolution_forward;
  struct State {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    memory dense, x, w, y;
    Conv conv;
    dnnl::reorder reorder;
  };
  auto s = std::make_shared<State>();
  const memory::dims xd{1, p.channels, p.size, p.size}, wd{p.outputs, p.channels, p.kernel, p.kernel},
      yd{1, p.outputs, p.out_size(), p.out_size()}, stride{p.stride, p.stride}, pad{p.pad, p.pad},
      dilation{p.dilation - 1, p.dilation - 1};
  const auto any = [](const memory::dims& dims, memory::data_type type) {
    return memory::desc(dims, type, memory::format_tag::any);
  };
  const auto algorithm =
      in == memory::data_type::f32 ? dnnl::algorithm::convolution_auto : dnnl::algorithm::convolution_direct;
  const Conv::primitive_desc plan(Conv::desc(dnnl::prop_kind::forward_inference, algorithm, any(xd, in),
                                             any(wd, weights), any(yd, out), stride, dilation, pad, pad),
                                  s->engine);
  s->dense = memory({xd, in, memory::format_tag::nchw}, s->engine);
  s->x = memory(plan.src_desc(), s->engine);
  s->w = memory(plan.weights_desc(), s->engine);
  s->y = memory(plan.dst_desc(), s->engine);
  const auto fill = [in](const memory& m) {  // small values: subnormal floats would be slow
    const std::size_t bytes = m.get_desc().get_size();
    if (in == memory::data_type::f32) {
      auto* v = static_cast<float*>(m.get_data_handle());
      for (std::size_t i = 0; i < bytes / sizeof(float); ++i) v[i] = static_cast<float>(i % 7) - 3;
    } else {
      auto* v = static_cast<std::int8_t*>(m.get_data_handle());
      for (std::size_t i = 0; i < bytes; ++i) v[i] = static_cast<std::int8_t>(i % 3);
    }
  };
  fill(s->dense);
  fill(s->w);
  s->conv = Conv(plan);
  s->reorder = dnnl::reorder(s->dense, s->x);
  return {name,
          [s] {
            s->reorder.execute(s->stream, s->dense, s->x);
            s->stream.wait();
          },
          [s] {
            s->conv.execute(s->stream, {{DNNL_ARG_SRC, s->x}, {DNNL_ARG_WEIGHTS, s->w}, {DNNL_ARG_DST, s->y}});
            s->stream.wait();
          }};
}

}  // namespace

std::vector<infer::Contender> onednn_rivals(const LayerProblem& p) {
  omp_set_num_threads(1);
  using enum memory::data_type;
  return {make(p, "onednn/fp32", f32, f32, f32), make(p, "onednn/int8", u8, s8, u8)};
}

}  // namespace tern::cli
