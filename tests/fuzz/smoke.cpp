// Every fuzz target without a fuzzer: its seeds, then TERN_FUZZ_RUNS (default 500) inputs mutated from them, the same
// ones at every start. A target fails by a crash, or by what it throws; the input is left behind.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "target.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"

namespace {

using tern::Bytes;

Bytes mutated(const std::vector<Bytes>& seeds, std::mt19937& random) {
  Bytes b = seeds[random() % seeds.size()];
  const auto place = [&](std::size_t n) { return b.begin() + static_cast<std::ptrdiff_t>(random() % (n + 1)); };
  constexpr std::uint8_t kTelling[] = {0, 1, 0x7f, 0x80, 0xff, ' ', '\n', '"', '9', '-', '=', ',', '[', '{'};
  for (std::size_t n = 1 + random() % 4; n > 0 && !b.empty(); --n) {
    const auto at = place(b.size() - 1);
    const auto many =
        static_cast<std::ptrdiff_t>(std::min<std::size_t>(1 + random() % 16, static_cast<std::size_t>(b.end() - at)));
    switch (random() % 7) {
      case 0:
        *at = static_cast<std::uint8_t>(*at ^ 1u << random() % 8);
        break;
      case 1:
        *at = kTelling[random() % std::size(kTelling)];
        break;
      case 2:
        std::fill(at, at + many, kTelling[random() % 5]);
        break;
      case 3:
        b.erase(at, at + many);
        break;
      case 4: {
        const Bytes copy(at, at + many);
        b.insert(place(b.size()), copy.begin(), copy.end());
        break;
      }
      case 5: {
        const Bytes& other = seeds[random() % seeds.size()];
        const auto cut = static_cast<std::ptrdiff_t>(random() % (other.size() + 1));
        b.resize(static_cast<std::size_t>(at - b.begin()));
        b.insert(b.end(), other.begin() + cut, other.end());
        break;
      }
      default:
        b.resize(static_cast<std::size_t>(at - b.begin()));
    }
  }
  return b;
}

// How many of the inputs were taken.
int run(const tern::fuzz::Target& target, const std::string& name, int runs) {
  std::mt19937 random(1);
  int taken = 0;
  const int seeds = static_cast<int>(target.seeds.size());
  for (int i = 0; i < seeds + runs; ++i) {
    Bytes input = i < seeds ? target.seeds[static_cast<std::size_t>(i)] : mutated(target.seeds, random);
    if (i >= seeds && target.repair) target.repair(input);
    std::ofstream(name + ".input", std::ios::binary)
        .write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
    try {
      target.run(input);
      ++taken;
    } catch (const tern::Error& e) {
      if (i >= seeds) continue;
      std::printf("%s: seed %d is refused: %s\n", name.c_str(), i, e.what());
      std::exit(1);
    } catch (const std::exception& e) {
      std::printf("%s: %s.input: %s\n", name.c_str(), name.c_str(), e.what());
      std::exit(1);
    }
  }
  std::remove((name + ".input").c_str());
  return taken;
}

}  // namespace

int main(int argc, char** argv) {
  tern::set_num_threads(1);
  const char* wanted = std::getenv("TERN_FUZZ_RUNS");
  const int runs = wanted ? std::atoi(wanted) : 500;
#define TERN_FUZZ(name, what)                                   \
  if (argc < 2 || std::string(argv[1]) == #name) {              \
    const int taken = run(tern::fuzz::name(), #name, runs);     \
    std::printf("%s: %d runs, %d taken\n", #name, runs, taken); \
  }
#include "targets.def"
#undef TERN_FUZZ
  return 0;
}
