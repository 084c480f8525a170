// A resumed run under other circumstances: settings, data, kernels.
#include <filesystem>

#include "catch.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"
#include "tern/safetensors.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"
#include "train/circumstances.hpp"
#include "train/runs.hpp"

using tern::SearchConfig;
using tern::TrainConfig;
using tern::testing::ForcedIsa;
using tern::testing::tiny_run;
using tern::testing::tiny_search;
using tern::testing::write_photos;

namespace {

TrainConfig ternary_run() {
  TrainConfig c = tiny_run();
  c.weights = "twn";
  c.acts = "ternary";
  c.schedule = "constant:lr=0.02";
  return c;
}

template <class Callbacks>
Callbacks stop_after(std::int64_t steps, std::string* notes = nullptr) {
  Callbacks callbacks;
  callbacks.stop = [steps, done = std::int64_t{0}]() mutable { return ++done == steps; };
  if (notes) callbacks.note = [notes](const std::string& text) { *notes += text + "\n"; };
  return callbacks;
}

}  // namespace

TEST_CASE("resume: settings that were edited are named, and go with resume_anyway", "[train]") {
  const TempDir dir;
  TrainConfig c = ternary_run();
  tern::train(c, dir / "run", false, stop_after<tern::TrainCallbacks>(5));  // an epoch
  const auto refused = [&](const TrainConfig& other, const std::string& why) {
    INFO(why);
    CHECK_THROWS_WITH(tern::train(other, dir / "run", true),
                      ContainsSubstring("would not end with the bits of an undisturbed run: " + why) &&
                          ContainsSubstring("go on with --resume-anyway"));
  };
  TrainConfig other = c;
  other.epochs = 3;
  refused(other, "epochs is 3, was 2");
  other = c;
  other.schedule = "constant:lr=0.01";
  refused(other, "schedule is 'constant:lr=0.01', was 'constant:lr=0.02'");
  other = c;
  other.seed = 2;
  other.batch = 16;
  refused(other, "batch is 16, was 32; seed is 2, was 1");
  // What changes no bit of the weights may change.
  other = c;
  other.workers = 0;
  other.eval_batch = 25;
  other.checkpoint_steps = 2;
  other.keep_last = 2;
  other.guard = "off";
  std::string notes;
  CHECK(tern::train(other, dir / "run", true, stop_after<tern::TrainCallbacks>(1, &notes)).finished == false);
  CHECK(notes.find("although") == std::string::npos);
  // Within an epoch the steps count batches of one size.
  other = c;
  other.batch = 16;
  other.resume_anyway = true;
  CHECK_THROWS_WITH(tern::train(other, dir / "run", true), ContainsSubstring("stands within an epoch"));
  other = c;
  other.epochs = 3;
  other.resume_anyway = true;
  notes.clear();
  CHECK(tern::train(other, dir / "run", true, stop_after<tern::TrainCallbacks>(-1, &notes)).last.epoch == 2);
  CHECK_THAT(notes, ContainsSubstring("resumed although epochs is 3, was 2"));
  CHECK_NOTHROW(tern::train(other, dir / "run", true));  // the checkpoint has the new settings now
}

TEST_CASE("resume: data that have changed are named", "[train]") {
  const TempDir dir;
  write_photos(dir / "photos", 6, 6);
  TrainConfig c = ternary_run();
  c.model = "mlp";
  c.data = "folder:" + (dir / "photos");
  c.limit_train = c.limit_test = 0;
  c.batch = 4;
  tern::train(c, dir / "run", false, stop_after<tern::TrainCallbacks>(1));
  // The same elsewhere is no change.
  std::filesystem::rename(dir / "photos", dir / "pictures");
  c.data = "folder:" + (dir / "pictures");
  CHECK_NOTHROW(tern::train(c, dir / "run", true, stop_after<tern::TrainCallbacks>(1)));
  // One image more, which moves the mean; one pixel, which does not move a count.
  const std::string extra = dir / "pictures/train/light/more.pgm";
  for (const bool pixel : {false, true}) {
    INFO("one pixel: " << pixel);
    if (pixel) std::filesystem::remove(extra);
    tern::write_file_atomically(pixel ? dir / "pictures/train/light/0.pgm" : extra,
                                "P5 8 8 255\n" + std::string(63, '\xff') + (pixel ? '\xfe' : '\xff'));
    CHECK_THROWS_WITH(tern::train(c, dir / "run", true),
                      ContainsSubstring("the images, labels or classes of ") && ContainsSubstring(" the fingerprint "));
  }
  c.resume_anyway = true;
  CHECK(tern::train(c, dir / "run", true).finished);  // with the normalisation that it began with
}

TEST_CASE("resume: other kernels are named", "[train]") {
  const TempDir dir;
  const tern::Isa best = tern::available_isas().back();
  const bool one = best == tern::Isa::kPortable;
  {
    const ForcedIsa forced(best);
    tern::train(ternary_run(), dir / "run", false, stop_after<tern::TrainCallbacks>(2));
    tern::search(tiny_search(), dir / "search", false, stop_after<tern::SearchCallbacks>(1));
  }
  for (const tern::Isa isa : {tern::Isa::kPortable, tern::Isa::kReference}) {
    if (one) break;
    const ForcedIsa forced(isa);
    const auto why = ContainsSubstring("instruction set is portable, was ");
    CHECK_THROWS_WITH(tern::train(ternary_run(), dir / "run", true), why);
    CHECK_THROWS_WITH(tern::search(tiny_search(), dir / "search", true), why);
  }
  if (best == tern::Isa::kAvx512Vpopcnt) {  // sums of floats are the same
    const ForcedIsa forced(tern::Isa::kAvx512);
    CHECK_NOTHROW(tern::train(ternary_run(), dir / "run", true, stop_after<tern::TrainCallbacks>(1)));
  }
  const auto file = tern::read_safetensors(dir / "search/last.safetensors");
  auto metadata = file.metadata;
  metadata["blas"] = "Abacus";
  tern::write_safetensors(dir / "search/last.safetensors", file.tensors, metadata);
  const ForcedIsa forced(best);
  CHECK_THROWS_WITH(tern::search(tiny_search(), dir / "search", true),
                    ContainsSubstring("BLAS kernels is " + tern::current_kernels().blas + ", was Abacus"));
  // Checkpoints of before say nothing of either.
  for (const char* key : {"blas", "isa", "data.fingerprint"}) metadata.erase(key);
  tern::write_safetensors(dir / "search/last.safetensors", file.tensors, metadata);
  CHECK(tern::search(tiny_search(), dir / "search", true).finished);
}

TEST_CASE("resume: a search whose settings or data have changed says so", "[train]") {
  const TempDir dir;
  SearchConfig c = tiny_search();
  tern::search(c, dir / "run", false, stop_after<tern::SearchCallbacks>(2));
  SearchConfig other = c;
  other.arch_lr = 0.5;
  CHECK_THROWS_WITH(tern::search(other, dir / "run", true), ContainsSubstring("arch_lr is 0.5, was "));
  other = c;
  other.limit_train = 48;
  CHECK_THROWS_WITH(tern::search(other, dir / "run", true),
                    ContainsSubstring("limit_train is 48, was 64; the images, labels or classes of "));
  other.resume_anyway = true;
  CHECK(tern::search(other, dir / "run", true).finished);
}

TEST_CASE("resume: BLAS is part of it once it has computed", "[train]") {
  tern::matmul(tern::Tensor::full(tern::Shape{2, 2}, 1, tern::DType::kF64),
               tern::Tensor::full(tern::Shape{2, 2}, 1, tern::DType::kF64));
  CHECK(tern::used_kernels().blas == tern::current_kernels().blas);
}
