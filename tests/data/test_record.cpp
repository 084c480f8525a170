#include <set>

#include "files.hpp"

using files::Bytes;
using tern::Augment;
using tern::DataRecord;
using tern::Dataset;
using tern::Images;
using tern::ImageShape;
using Names = std::vector<std::string>;

namespace {

Dataset small_set() {
  Dataset set;
  set.name = "small";
  set.class_names = {"a", "b"};
  set.train = {1, 1, 2, {1, 2, 3, 4}, {0, 1}};
  set.test = {1, 1, 2, {5, 6}, {1}};
  return set;
}

/// Through a data set of its own, because load_dataset() is what computes it.
std::string fingerprint_of(const std::function<void(Dataset&)>& change) {
  static int registered = 0;
  tern::DatasetEntry entry;
  entry.name = "fingerprint-" + std::to_string(registered++);
  entry.load = [&change](const std::string&, const tern::LoadOptions&) {
    Dataset set = small_set();
    change(set);
    return set;
  };
  tern::register_dataset(entry);
  return tern::load_dataset(entry.name + ":/").fingerprint;
}

}  // namespace

TEST_CASE("fingerprint: the same for the same data, another for any change", "[data]") {
  const std::string same = fingerprint_of([](Dataset&) {});
  CHECK(same.size() == 16);
  CHECK(same == fingerprint_of([](Dataset& s) { s.name = "another name"; }));
  CHECK(same == "0b0e01a6a2672616");  // of every machine
  std::set<std::string> others{same};
  others.insert(fingerprint_of([](Dataset& s) { s.train.pixels[3] ^= 1; }));
  others.insert(fingerprint_of([](Dataset& s) { s.test.pixels[0] ^= 0x80; }));
  others.insert(fingerprint_of([](Dataset& s) { s.train.labels[0] = 1; }));
  others.insert(fingerprint_of([](Dataset& s) { s.class_names[1] = "c"; }));
  others.insert(fingerprint_of([](Dataset& s) { s.train = {1, 1, 2, {3, 4, 1, 2}, {1, 0}}; }));
  others.insert(
      fingerprint_of([](Dataset& s) { s.train.height = s.test.height = 2, s.train.width = s.test.width = 1; }));
  others.insert(fingerprint_of([](Dataset& s) { std::swap(s.train, s.test); }));
  others.insert(fingerprint_of([](Dataset& s) { s.class_names = {"ab", "c"}; }));
  others.insert(fingerprint_of([](Dataset& s) { s.class_names = {"a", "bc"}; }));
  CHECK(others.size() == 10);
}

TEST_CASE("record: as text and back", "[data]") {
  DataRecord record = DataRecord::of(small_set(), Augment::parse("resize=8,pad=1,crop=4,flip"));
  record.fingerprint = "0123456789abcdef";
  CHECK(record.view.format() == "resize=8,center=4");
  const auto texts = record.text();
  CHECK(texts == std::map<std::string, std::string>{{"class.0", "a"},
                                                    {"class.1", "b"},
                                                    {"data", "small"},
                                                    {"data.fingerprint", "0123456789abcdef"},
                                                    {"data.images", "1x1x2"},
                                                    {"data.view", "resize=8,center=4"}});
  const DataRecord back = DataRecord::parse(texts, "f");
  CHECK(back.name == "small");
  CHECK(back.fingerprint == record.fingerprint);
  CHECK(back.class_names == record.class_names);
  CHECK(back.images == record.images);
  CHECK(back.view.format() == record.view.format());
  CHECK(back.text() == texts);
  CHECK(DataRecord::parse({}, "f").text().empty());
  record.split = tern::TestSplit{0.25, 3};
  CHECK(record.text().at("data.split") == "split=0.25,seed=3");
  CHECK(DataRecord::parse(record.text(), "f").split->text() == "split=0.25,seed=3");
}

TEST_CASE("record: texts of a file are not believed", "[data]") {
  for (const char* shape : {"x", "3", "3x16", "3x16x", "3x16x16x", "0x16x16", "3x-1x16", "3x16x16385", "3x16x16 "}) {
    CAPTURE(shape);
    CHECK_THROWS_WITH(DataRecord::parse({{"data.images", shape}}, "net.tern"),
                      ContainsSubstring("net.tern: data.images: expected a shape CxHxW"));
  }
  CHECK_THROWS_AS(DataRecord::parse({{"data.split", "split=2"}}, "net.tern"), tern::FormatError);
  CHECK_THROWS_AS(DataRecord::parse({{"data.view", "center=\x1b[31m"}}, "net.tern"), tern::FormatError);
  // Chance has no place in a view, and names cannot drive a terminal.
  CHECK(DataRecord::parse({{"data.view", "flip,crop=2"}}, "f").view.format() == "center=2");
  CHECK(DataRecord::parse({{"class.0", "\x1b[31m"}, {"class.2", "gap"}}, "f").class_names == Names{"\\x1b[31m"});
}

TEST_CASE("record: evaluation cuts the centre of what training crops from", "[data]") {
  // 1 x 4 x 4: the centre is 255, the border 0.
  Images framed{1, 4, 4, Bytes(16), {0}};
  for (const std::size_t i : {5u, 6u, 9u, 10u}) framed.pixels[i] = 255;
  DataRecord record;
  record.images = {1, 4, 4};
  record.view = Augment::parse("crop=2,flip").evaluation();
  const Images seen = record.seen(framed);
  CHECK(seen.shape() == ImageShape{1, 2, 2});
  CHECK(seen.pixels == Bytes(4, 255));
  CHECK(seen.labels == framed.labels);
  // Another size comes to that of the training images first.
  const Images doubled = tern::convert_images(framed, {1, 8, 8});
  CHECK(record.seen(doubled).pixels == record.seen(tern::convert_images(doubled, {1, 4, 4})).pixels);
  record.view = {};
  CHECK(record.seen(framed).pixels == framed.pixels);
  record.view = Augment::parse("center=5");
  CHECK_THROWS_AS(record.seen(framed), tern::ValueError);
}

TEST_CASE("match_classes: by name, whatever the order and number", "[data]") {
  const Names network{"a", "b", "c"};
  using Labels = std::vector<std::int32_t>;
  CHECK(tern::match_classes(network, Labels{0, 1, 2}, network, 3).outputs == Labels{0, 1, 2});
  CHECK(tern::match_classes(network, Labels{0, 1, 2}, network, 3).note.empty());
  const tern::ClassMatch part = tern::match_classes({"c", "b"}, Labels{1, 0, 1}, network, 3);
  CHECK(part.outputs == Labels{2, 1});
  CHECK(part.note == "classes by name: 2 of the data among the network's 3");
  // A class without images need not be known.
  CHECK(tern::match_classes({"b", "z"}, Labels{0, 0}, network, 3).outputs == Labels{1, -1});
  CHECK_THROWS_WITH(tern::match_classes({"b", "y", "z"}, Labels{0, 1, 2}, network, 3),
                    ContainsSubstring("(\"a\", \"b\", \"c\"); got \"y\", \"z\""));
  // Without names by position, if the numbers fit.
  CHECK(tern::match_classes({"x", "y"}, Labels{0, 1}, {}, 2).outputs == Labels{0, 1});
  CHECK_THAT(tern::match_classes({"x", "y"}, Labels{0, 1}, {}, 2).note, ContainsSubstring("by position"));
  CHECK_THROWS_WITH(tern::match_classes({"x", "y"}, Labels{0, 1}, {}, 3), ContainsSubstring("3 classes"));
  CHECK_THROWS_AS(tern::match_classes({"a"}, Labels{0}, network, 2), tern::ValueError);
  // Twice the same name: fine as it is, unclear once anything moves.
  const Names cranes{"crane", "crane", "bus"};
  CHECK(tern::match_classes(cranes, Labels{0, 1}, cranes, 3).outputs == Labels{0, 1, 2});
  CHECK(tern::match_classes({"bus"}, Labels{0}, cranes, 3).outputs == Labels{2});
  CHECK_THROWS_WITH(tern::match_classes({"crane"}, Labels{0}, cranes, 3), ContainsSubstring("more than once"));
}
