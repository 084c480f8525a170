// Which file is what in a tree, from names alone.
#include <set>

#include "data/class_list.hpp"
#include "data/layout.hpp"
#include "data/walk.hpp"
#include "files.hpp"

using tern::TestSplit;
using tern::data::Layout;
using tern::data::TreeFile;
using Names = std::vector<std::string>;

namespace {

Layout laid_out(const Names& names, const Names& folders = {}) {
  std::vector<TreeFile> files;
  for (const std::string& n : names) files.push_back({n, n});
  return tern::data::lay_out(std::move(files), folders);
}

/// "class:name" of each.
Names listed(const std::vector<TreeFile>& files) {
  Names out;
  for (const TreeFile& f : files) out.push_back(f.folder + ":" + f.name);
  return out;
}

}  // namespace

TEST_CASE("layout: folders of splits", "[data]") {
  const Layout l = laid_out({"x/train/b/1.jpg", "train/a/deep/2.PNG", "test/a/3.gif", "val/a/4.bmp", "train/5.jpg"});
  CHECK(listed(l.train) == Names{"b:x/train/b/1.jpg", "a:train/a/deep/2.PNG"});
  CHECK(listed(l.test) == Names{"a:test/a/3.gif"});
  CHECK(l.notes == Names{"left out, because they lie in no folder of a class: 1 image",
                         "left out, because there are test images: 1 validation image"});
  CHECK(listed(laid_out({"Train/a/1.jpg", "VALID/a/2.jpg"}).test) == Names{"a:VALID/a/2.jpg"});
  CHECK(listed(laid_out({"training/a/1.jpg", "testing/a/2.jpg"}).test) == Names{"a:testing/a/2.jpg"});
  const Layout only_test = laid_out({"test/a/1.jpg", "test/b/2.jpg"});
  CHECK(only_test.train.empty());
  CHECK(only_test.test.size() == 2);
}

TEST_CASE("layout: folders of classes right below the root", "[data]") {
  const Layout l = laid_out({"a/1.jpg", "b/deep/er/2.jpg", "3.jpg"});
  CHECK(listed(l.train) == Names{"a:a/1.jpg", "b:b/deep/er/2.jpg"});
  CHECK(l.notes == Names{"left out, because they lie in no folder of a class: 1 image"});
  // A folder around all of them, but not one class alone.
  CHECK(listed(laid_out({"top/a/1.jpg", "top/b/2.jpg"}).train) == Names{"a:top/a/1.jpg", "b:top/b/2.jpg"});
  CHECK(listed(laid_out({"a/1.jpg", "a/2.jpg"}).train) == Names{"a:a/1.jpg", "a:a/2.jpg"});
  // Classes may be called like splits: cars and trains.
  CHECK(listed(laid_out({"car/1.jpg", "train/2.jpg"}).train) == Names{"car:car/1.jpg", "train:train/2.jpg"});
}

TEST_CASE("layout: what is left out is counted by kind, what is hidden is not", "[data]") {
  const Layout l =
      laid_out({"a/1.jpg", "a/2.webp", "a/3.WEBP", "b/4.tiff", "b/noext", "a/.5.jpg", ".git/a/6.jpg", "README.md"},
               {"a", "b", "c", ".git"});
  CHECK(l.train.size() == 1);
  CHECK(l.notes == Names{"left out, because nothing here reads them: 1 without extension, 1 .tiff, 2 .webp"});
  REQUIRE(l.train_folders.size() == 3);
  CHECK(l.train_folders.at("a").at("webp") == 2);
  CHECK(l.train_folders.at("b").size() == 2);
  CHECK(l.train_folders.at("c").empty());
}

TEST_CASE("layout: a split takes its share of every class, and stays when others come", "[data]") {
  const auto names = [](int a, int b) {
    Names out;
    for (int i = 0; i < a; ++i) out.push_back("a/" + std::to_string(i) + ".jpg");
    for (int i = 0; i < b; ++i) out.push_back("b/" + std::to_string(i) + ".jpg");
    return out;
  };
  const auto test_of = [&](const Names& all, const TestSplit& split) {
    Layout l = laid_out(all);
    tern::data::split_off_test(l, split);
    CHECK(l.train.size() + l.test.size() == all.size());
    return listed(l.test);
  };
  const Names some = test_of(names(20, 5), {0.2, 1});
  CHECK(some.size() == 5);
  CHECK(std::count_if(some.begin(), some.end(), [](const std::string& s) { return s[0] == 'a'; }) == 4);
  CHECK(some == test_of(names(20, 5), {0.2, 1}));
  CHECK(some != test_of(names(20, 5), {0.2, 2}));
  const Names more = test_of(names(20, 50), {0.2, 1});
  CHECK(std::equal(some.begin(), some.begin() + 4, more.begin()));
  CHECK(test_of(names(2, 1), {0.2, 1}).size() == 1);   // one at least, but never the only one
  CHECK(test_of(names(2, 3), {0.99, 1}).size() == 3);  // all but one at most
  CHECK(test_of(names(3, 3), {1, 1}).size() == 6);
  CHECK(test_of(names(3, 3), {0, 1}).empty());
}

TEST_CASE("classes.txt: whatever wrote it", "[data]") {
  using Lines = std::vector<std::pair<std::string, std::string>>;
  const auto lines = [](std::string_view text, const std::set<std::string>& folders) {
    const files::Bytes bytes = files::bytes_of(text);
    return tern::data::class_lines(bytes, folders, "classes.txt");
  };
  CHECK(lines("\xef\xbb\xbfn1 king penguin\r\nn2\tox\n\n  n3  \n", {"n1", "n2", "n3"}) ==
        Lines{{"n1", "king penguin"}, {"n2", "ox"}, {"n3", "n3"}});
  CHECK(lines("a one\rb two\r", {}) == Lines{{"a", "one"}, {"b", "two"}});
  // Folders of several words.
  CHECK(lines("great white shark\ngreat blue\nox big ox", {"great white shark", "great", "ox"}) ==
        Lines{{"great white shark", "great white shark"}, {"great", "blue"}, {"ox", "big ox"}});
  CHECK(lines("polar bear\tUrsus maritimus", {"polar bear"}) == Lines{{"polar bear", "Ursus maritimus"}});
  CHECK_THROWS_WITH(lines(std::string_view("\xff\xfe"
                                           "a\0",
                                           4),
                          {}),
                    ContainsSubstring("expected UTF-8; got UTF-16"));
}

TEST_CASE("walk: links are followed, but not in circles", "[data]") {
  namespace fs = std::filesystem;
  const files::TempDir dir, elsewhere;
  files::write(dir / "a/1.jpg", files::Bytes{1});
  files::write(dir / ".hidden/2.jpg", files::Bytes{1});
  files::write(elsewhere / "b/3.jpg", files::Bytes{1});
  fs::create_directory_symlink(elsewhere / "b", dir / "b");
  fs::create_directory_symlink("../a", dir / "a/again");
  fs::create_directory_symlink(dir.path(), dir / "a/root");
  fs::create_symlink(elsewhere / "b/3.jpg", dir / "a/3.jpg");
  fs::create_symlink("nowhere", dir / "a/dead.jpg");
  fs::create_directories(dir / "empty");
  const auto content = tern::data::walk_folder(dir.path());
  CHECK(content.files == Names{"a/1.jpg", "a/3.jpg", "b/3.jpg"});
  CHECK(content.folders == Names{"a", "a/again", "a/root", "b", "empty"});
  CHECK(content.dead_links == Names{"a/dead.jpg"});
  const auto left_out = [&](const Names& notes) {
    const tern::FoundImages found = tern::find_image_files(dir.path());
    CHECK(found.files == Names{dir / "a/1.jpg", dir / "a/3.jpg", dir / "b/3.jpg"});
    CHECK(found.notes == notes);
  };
  left_out({"left out, because they lead nowhere: 1 link, a/dead.jpg"});
  for (const char* name : {"a/1.webp", "b/2.webp", "notes"}) files::write(dir / name, files::Bytes{1});
  fs::create_symlink("nowhere", dir / "z.png");
  left_out({"left out, because nothing here reads them: 1 without extension, 2 .webp",
            "left out, because they lead nowhere: 2 links, a/dead.jpg first"});
  CHECK_THROWS_AS(tern::data::walk_folder(dir / "nowhere"), tern::IoError);
}
