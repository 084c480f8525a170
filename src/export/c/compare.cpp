// compare_c: a written program, compiled and run on images, against the reference runtime.
#include <bit>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "export/c/expected.hpp"
#include "export/process.hpp"
#include "files/json.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;

// A folder of the system's for files that nobody needs afterwards.
class Workplace {
 public:
  Workplace() {
    std::string pattern = (fs::temp_directory_path() / "tern-c-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw IoError("cannot make a folder for temporary files: \"" + pattern + "\"");
    path_ = pattern;
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() {
    std::error_code ec;
    fs::remove_all(path_, ec);
  }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

struct Manifest {
  std::string name;
  std::vector<CComparison::Step> steps;
};

Manifest read_manifest(const std::string& folder, std::uint32_t source_crc32) {
  const std::string path = (fs::path(folder) / "manifest.json").string();
  const auto j = parse_json<nlohmann::json>(read_text_file(path));
  Manifest m;
  std::string crc;
  try {
    m.name = j.at("name").get<std::string>();
    crc = j.at("source_crc32").get<std::string>();
    for (const auto& s : j.at("steps")) {
      m.steps.push_back({s.at("node").get<std::string>(), s.at("values").get<std::int64_t>(), 0,
                         s.at("result").get<std::string>().starts_with("codes")});
    }
  } catch (const nlohmann::json::exception&) {
    throw FormatError("\"" + path + "\" is no manifest of tern export");
  }
  std::uint32_t has = 0;
  std::from_chars(crc.data(), crc.data() + crc.size(), has, 16);
  if (has != source_crc32) {
    throw FormatError("\"" + folder + "\" was exported from another packed file; write it anew with tern export");
  }
  return m;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

[[noreturn]] void failed(const std::string& what, int status, const std::string& log) {
  const std::string text = read_text_file(log);
  throw Error("[export] " + what + " failed with " + std::to_string(status) +
              (text.empty() ? "" : ": " + text.substr(0, text.find('\n'))));
}

// What the program prints for each image: the scores' bits, then a checksum a step.
std::string run_on(const Manifest& m, const std::string& folder, const Workplace& place, const std::string& compiler,
                   std::span<const std::uint8_t> images) {
  const std::string program = place.file("program"), log = place.file("log"), out = place.file("out"),
                    in = place.file("images");
  std::string trace = m.name + "_TRACE";
  for (char& c : trace) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::vector<std::string> command = words(compiler);
  for (const std::string& word :
       {std::string("-std=c99"), std::string("-O2"), std::string("-ffp-contract=off"), "-D" + trace, std::string("-o"),
        program, (fs::path(folder) / "main.c").string(), (fs::path(folder) / (m.name + ".c")).string()})
    command.push_back(word);
  if (const int status = run_program(command, {.error = log})) failed(compiler, status, log);
  write_file_atomically(in, std::as_bytes(images));
  if (const int status = run_program({program, "sums"}, {.in = in, .out = out, .error = log}))
    failed("the C program", status, log);
  return read_text_file(out);
}

std::int32_t prediction(std::span<const std::uint32_t> scores) {
  std::vector<float> floats;
  for (const std::uint32_t bits : scores) floats.push_back(std::bit_cast<float>(bits));
  return infer::arg_max(floats);
}

}  // namespace

CComparison compare_c(const packed::Model& model, std::uint32_t source_crc32, const std::string& given,
                      const std::string& compiler, std::span<const std::uint8_t> images,
                      const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const Workplace place;
  const std::string folder = given.empty() ? place.file("c") : given;
  if (given.empty()) write_files(export_c(model, {.source_crc32 = source_crc32}).files, folder);
  const Manifest m = read_manifest(folder, source_crc32);
  CComparison r{m.steps, 0, 0};
  std::vector<std::string> nodes;
  std::vector<std::int64_t> values;
  for (CComparison::Step& s : r.steps) {
    nodes.push_back(s.node);
    values.push_back(std::exchange(s.values, 0));
  }
  c99::Expectation expectation(model, nodes);
  const std::size_t size = expectation.image_bytes();
  if (images.size() % size != 0) {
    throw ShapeError("[compare_c] expected whole images of " + std::to_string(size) + " bytes; got " +
                     std::to_string(images.size()) + " bytes");
  }
  std::istringstream printed(run_on(m, folder, place, compiler, images));
  for (std::size_t at = 0; at < images.size(); at += size) {
    const c99::CSums want = expectation.of(images.subspan(at, size));
    c99::CSums got = want;
    printed >> std::hex;
    for (std::uint32_t& bits : got.scores) printed >> bits;
    for (std::uint32_t& sum : got.steps) printed >> sum;
    if (!printed) throw Error("[export] the C program stopped after " + std::to_string(r.images) + " images");
    ++r.images;
    r.same_predictions += prediction(got.scores) == prediction(want.scores);
    for (std::size_t s = 0; s < r.steps.size(); ++s) {
      r.steps[s].values += values[s];
      if (got.steps[s] != want.steps[s]) r.steps[s].different += values[s];
    }
    if (progress) progress(r.images, static_cast<std::int64_t>(images.size() / size));
  }
  return r;
}

}  // namespace tern
