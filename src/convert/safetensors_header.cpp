#include "convert/safetensors_header.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/printable.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxEntries = 100'000;
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 62;

/// Where in the header the parser stands; every other place is an error.
enum class Level { kFile, kHeader, kTensor, kShape, kOffsets, kMetadata };

class HeaderEvents final : public json::json_sax_t {
 public:
  explicit HeaderEvents(const std::string& path) : path_(path) {}
  SafetensorsHeader header;

  bool start_object(std::size_t) override {
    if (level_ == Level::kFile) return enter(Level::kHeader);
    if (level_ != Level::kHeader) refuse();
    if (in_metadata()) return enter(Level::kMetadata);
    entry_ = {.name = name_, .dtype = {}, .shape = {}};
    fields_.clear();
    return enter(Level::kTensor);
  }

  bool key(std::string& text) override {
    if (level_ == Level::kTensor) {
      if (text != "dtype" && text != "shape" && text != "data_offsets") {
        fail(tensor(), "unknown key " + quoted_name(text) + "; expected dtype, shape and data_offsets");
      }
      if (!fields_.insert(text).second) fail(tensor(), "the key \"" + text + "\" appears twice");
      field_ = text;
      return true;
    }
    if (++entries_ > kMaxEntries) fail("header", "more than " + std::to_string(kMaxEntries) + " entries");
    if (level_ == Level::kMetadata) {
      if (header.metadata.contains(text)) fail("__metadata__", "the key " + quoted_name(text) + " appears twice");
      field_ = text;
    } else {
      if (!names_.insert(text).second) fail("header", "the name " + quoted_name(text) + " appears twice");
      name_ = text;
    }
    return true;
  }

  bool string(std::string& text) override {
    if (level_ == Level::kMetadata) {
      header.metadata.emplace(field_, text);
    } else if (level_ == Level::kTensor && field_ == "dtype") {
      entry_.dtype = text;
    } else {
      refuse();
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (level_ != Level::kTensor || field_ == "dtype") refuse();
    numbers_.clear();
    return enter(field_ == "shape" ? Level::kShape : Level::kOffsets);
  }

  bool number_unsigned(std::uint64_t value) override {
    if ((level_ != Level::kShape && level_ != Level::kOffsets) || value >= kMaxCount) refuse();
    if (level_ == Level::kShape && numbers_.size() == Shape::kMaxRank) fail_shape();
    if (level_ == Level::kOffsets && numbers_.size() == 2) refuse();
    numbers_.push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool end_array() override {
    if (level_ == Level::kShape) {
      try {
        entry_.shape = Shape(numbers_);
      } catch (const ShapeError&) {
        fail_shape();
      }
    } else {
      if (numbers_.size() != 2) refuse();
      entry_.begin = static_cast<std::uint64_t>(numbers_[0]);
      entry_.end = static_cast<std::uint64_t>(numbers_[1]);
    }
    return enter(Level::kTensor);
  }

  bool end_object() override {
    if (level_ == Level::kTensor) {
      if (fields_.size() != 3) refuse();
      header.entries.push_back(std::move(entry_));
    }
    return enter(level_ == Level::kHeader ? Level::kFile : Level::kHeader);
  }

  bool null() override { refuse(); }
  bool boolean(bool) override { refuse(); }
  bool number_integer(std::int64_t) override { refuse(); }
  bool number_float(double, const std::string&) override { refuse(); }
  bool binary(json::binary_t&) override { refuse(); }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    throw FormatError("[safetensors] " + path_ + ", byte " + std::to_string(8 + position) + ", header: not valid JSON");
  }

 private:
  bool enter(Level level) {
    level_ = level;
    return true;
  }
  bool in_metadata() const { return name_ == "__metadata__"; }
  std::string tensor() const { return "tensor " + quoted_name(name_); }

  [[noreturn]] void fail(const std::string& field, const std::string& why) const {
    throw FormatError("[safetensors] " + path_ + ", byte 8, " + field + ": " + why);
  }
  [[noreturn]] void fail_shape() const { fail(tensor(), "the shape has too many dimensions or elements"); }
  /// A value that has no place where the parser stands.
  [[noreturn]] void refuse() const {
    if (level_ == Level::kFile) fail("header", "expected a JSON object");
    if (level_ == Level::kMetadata) fail("__metadata__", "expected a string for " + quoted_name(field_));
    if (level_ == Level::kHeader && in_metadata()) fail("__metadata__", "expected an object of strings");
    if (level_ == Level::kShape) fail(tensor(), "shape holds something that is no extent");
    fail(tensor(), "expected dtype, shape and two data_offsets");
  }

  const std::string& path_;
  Level level_ = Level::kFile;
  std::size_t entries_ = 0;
  std::string name_, field_;              // the keys that the parser is under
  std::set<std::string> names_, fields_;  // those of the header, and of the tensor under way
  SafetensorsEntry entry_;
  std::vector<std::int64_t> numbers_;
};

}  // namespace

std::string quoted_name(const std::string& name) { return "\"" + printable(name, 200) + "\""; }

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& path) {
  HeaderEvents events(path);
  json::sax_parse(text.begin(), text.end(), &events);
  return std::move(events.header);
}

}  // namespace tern
