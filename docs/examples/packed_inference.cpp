// Runs a packed network on noise: prints its plan, and shows that every way of running it gives the same bits.
//
// Usage: packed_inference MODEL.tern
#include <cstdio>
#include <exception>
#include <string>
#include <tern/infer.hpp>
#include <tern/rng.hpp>
#include <vector>

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  constexpr std::int64_t kImages = 50;
  auto net = tern::infer::Session::load(argv[1]);
  std::vector<std::uint8_t> images(static_cast<std::size_t>(kImages * net.input_shape().numel()));
  tern::Rng rng(1);
  for (std::uint8_t& pixel : images) pixel = static_cast<std::uint8_t>(rng.below(256));

  for (const tern::infer::StepInfo& step : net.plan()) {
    std::printf("%-24s %-20s %s\n", step.nodes.c_str(), step.kernel.c_str(), step.layout.c_str());
  }
  const std::vector<std::int32_t> classes = net.predict(images, kImages);
  std::printf("the first image is of class %d of %d\n", static_cast<int>(classes[0]), static_cast<int>(net.classes()));

  const std::vector<float> logits = net.run(images, kImages);
  const auto ways = tern::infer::every_path();
  for (const tern::infer::Options& how : ways) {
    if (tern::infer::Session::load(argv[1], how).run(images, kImages) != logits) return 1;
  }
  std::printf("%zu ways of running it, one result\n", ways.size());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
