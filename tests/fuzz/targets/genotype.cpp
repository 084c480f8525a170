#include "../target.hpp"
#include "tern/nas.hpp"
#include "tern/rng.hpp"

namespace tern::fuzz {

Target genotype() {
  const auto run = [](ByteView bytes) {
    const nas::Genotype g = nas::Genotype::parse(text_of(bytes), "fuzz");
    if (nas::Genotype::parse(g.json(), "again").json() != g.json()) __builtin_trap();
    (void)nas::final_graph(g, {});
  };
  Rng rng(1);
  return {run, texts({nas::random_genotype({}, rng).json(), nas::random_genotype({}, rng).json()})};
}

}  // namespace tern::fuzz
