#include "../target.hpp"
#include "tern/error.hpp"
#include "tern/nn.hpp"

namespace tern::fuzz {

Target graph() {
  const auto run = [](ByteView bytes) {
    Graph parsed = Graph::parse(text_of(bytes));
    const std::string text = parsed.format();
    if (Graph::parse(text).format() != text) __builtin_trap();
    (void)Network(std::move(parsed), 1, [](const std::string&, const Shape& shape) {
      if (shape.numel() > 100'000) throw ValueError("too large to be tried often");
    });
  };
  return {
      run,
      texts({"tern-graph 1\nimage = input() shape=2x6x6 mean=0.5,0.5 std=1,1\nc1 = conv2d(image) out=4 kernel=3 "
             "pad=1 weights=twn\nb1 = batch_norm(c1)\nq1 = quantize(b1) acts=ternary\np = max_pool(q1) kernel=2\n"
             "f = flatten(p)\nfc = linear(f) out=3 bias=1\n",
             "tern-graph 1\nimage = input() shape=4x4x4\na = act(image) kind=prelu\ns = add(a, image)\nt = "
             "concat(s, a)\nu = channel_shuffle(t) groups=2\nv = pad_channels(u) front=1 back=1\nw = shift(v) by=1\n"
             "g = global_avg_pool(w)\nf = flatten(g)\nl = linear(f) out=2 weights=ttq\n"})};
}

}  // namespace tern::fuzz
