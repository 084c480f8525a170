// What a run keeps of its data, and that evaluation sees images as the run did.
#include "catch.hpp"
#include "temp_dir.hpp"
#include "tern/train.hpp"

using tern::ImageShape;
using tern::TrainConfig;

TEST_CASE("train: a crop of training is the centre in evaluation, and the checkpoint says so", "[train]") {
  TrainConfig c;
  c.width = 4;
  c.data = "fashion-mnist-mini";
  c.augment = "crop=20,flip";
  c.limit_train = 160;
  c.limit_test = 50;
  c.epochs = 1;
  c.batch = 32;
  const TempDir dir;
  const tern::TrainResult trained = tern::train(c, dir / "run", false);
  tern::TrainedRun run = tern::load_run(dir / "run");
  const tern::Dataset data = tern::load_data(c);
  CHECK(run.network.input_shape() == tern::Shape{1, 20, 20});
  CHECK(run.data.name == "fashion-mnist-mini");
  CHECK(run.data.class_names == data.class_names);
  CHECK(run.data.fingerprint == data.fingerprint);
  CHECK(run.data.images == ImageShape{1, 28, 28});
  CHECK(run.data.view.format() == "center=20");
  std::vector<std::uint8_t> centre(400);
  tern::crop(data.test.image(0), {1, 28, 28}, 4, 4, 20, 20, centre);
  const tern::Images seen = run.data.seen(data.test);
  CHECK(std::equal(centre.begin(), centre.end(), seen.image(0).begin()));
  const tern::EvalResult again = tern::evaluate(run.network, seen, 50);
  CHECK(again.loss == trained.last.test.loss);
  CHECK(again.correct == trained.last.test.correct);
}
