#include "tern/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "convert/half.hpp"
#include "core/file.hpp"
#include "core/printable.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "tensor bytes are copied as they are");

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{100} << 20;
constexpr std::size_t kMaxTensors = 1'000'000;

struct Entry {
  std::string name, dtype;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

class Reader {
 public:
  Reader(const std::vector<std::byte>& bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  SafetensorsFile read() {
    if (bytes_.size() < 8) fail(0, "header length", "the file has only " + std::to_string(bytes_.size()) + " bytes");
    std::uint64_t header = 0;
    std::memcpy(&header, bytes_.data(), 8);
    if (header > bytes_.size() - 8 || header > kMaxHeaderBytes) {
      fail(0, "header length", "it says " + std::to_string(header) + " bytes, the file has " + std::to_string(bytes_.size()));
    }
    data_ = 8 + static_cast<std::size_t>(header);
    const json j = parse_header(static_cast<std::size_t>(header));
    SafetensorsFile out;
    out.path = path_;
    std::vector<Entry> entries;
    for (const auto& [name, value] : j.items()) {
      if (name == "__metadata__") {
        read_metadata(value, out);
      } else {
        entries.push_back(read_entry(name, value));
      }
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    std::uint64_t expected = 0;
    for (const Entry& e : entries) {
      if (e.begin != expected) fail(8, "data_offsets", "tensor \"" + e.name + "\" overlaps another or leaves a gap");
      expected = e.end;
      if (item_bytes(e.dtype) == 0) out.unread.push_back({e.name, e.dtype, e.shape});
      else out.tensors.push_back({e.name, load(e)});
    }
    if (expected != bytes_.size() - data_) {
      fail(data_ + expected, "data", "the file continues after the last tensor, or ends before it");
    }
    return out;
  }

 private:
  [[noreturn]] void fail(std::uint64_t offset, const std::string& field, const std::string& why) const {
    throw FormatError("[safetensors] " + path_ + ", byte " + std::to_string(offset) + ", " + field + ": " + why);
  }

  json parse_header(std::size_t length) const {
    const char* text = reinterpret_cast<const char*>(bytes_.data()) + 8;
    if (length == 0 || text[0] != '{') fail(8, "header", "expected a JSON object");
    std::set<std::string> names;
    std::string duplicate;
    const auto watch = [&](int depth, json::parse_event_t event, json& value) {
      if (depth > 4) throw FormatError("[safetensors] " + path_ + ", byte 8, header: JSON nested too deeply");
      if (depth == 1 && event == json::parse_event_t::key) {
        if (!names.insert(value.get<std::string>()).second) duplicate = value.get<std::string>();
      }
      return true;
    };
    json j;
    try {
      j = json::parse(text, text + length, watch);
    } catch (const json::exception& e) {
      fail(8, "header", "not valid JSON");
    }
    if (!duplicate.empty()) fail(8, "header", "the name \"" + duplicate + "\" appears twice");
    if (!j.is_object()) fail(8, "header", "expected a JSON object");
    if (j.size() > kMaxTensors) fail(8, "header", "more than a million tensors");
    return j;
  }

  void read_metadata(const json& value, SafetensorsFile& out) const {
    if (!value.is_object()) fail(8, "__metadata__", "expected an object of strings");
    for (const auto& [k, v] : value.items()) {
      if (!v.is_string()) fail(8, "__metadata__", "expected a string for \"" + k + "\"");
      out.metadata.emplace(k, v.get<std::string>());
    }
  }

  Entry read_entry(const std::string& name, const json& v) const {
    const std::string field = "tensor \"" + name.substr(0, 200) + "\"";
    const auto is_count = [](const json& x) { return x.is_number_unsigned() && x.get<std::uint64_t>() < (std::uint64_t{1} << 62); };
    if (!v.is_object() || !v.contains("dtype") || !v["dtype"].is_string() || !v.contains("shape") ||
        !v["shape"].is_array() || !v.contains("data_offsets") || !v["data_offsets"].is_array() ||
        v["data_offsets"].size() != 2 || !is_count(v["data_offsets"][0]) || !is_count(v["data_offsets"][1])) {
      fail(8, field, "expected dtype, shape and two data_offsets");
    }
    Entry e;
    e.name = name;
    e.dtype = v["dtype"].get<std::string>();
    e.begin = v["data_offsets"][0].get<std::uint64_t>();
    e.end = v["data_offsets"][1].get<std::uint64_t>();
    if (e.begin > e.end || e.end > bytes_.size() - data_) {
      fail(8, field, "data_offsets " + std::to_string(e.begin) + ".." + std::to_string(e.end) + " lie outside the file");
    }
    std::vector<std::int64_t> extents;
    for (const json& d : v["shape"]) {
      if (!is_count(d)) fail(8, field, "shape holds something that is no extent");
      extents.push_back(static_cast<std::int64_t>(d.get<std::uint64_t>()));
    }
    try {
      e.shape = Shape(extents);
    } catch (const ShapeError&) {
      fail(8, field, "the shape has too many dimensions or elements");
    }
    const std::uint64_t item = item_bytes(e.dtype);
    const auto numel = static_cast<std::uint64_t>(e.shape.numel());
    if (item != 0 && (numel > bytes_.size() || numel * item != e.end - e.begin)) {
      fail(8, field, "shape " + e.shape.str() + " of " + e.dtype + " does not fill its " + std::to_string(e.end - e.begin) + " bytes");
    }
    return e;
  }

  /// Bytes a number; 0 for the dtypes that are not read.
  static std::uint64_t item_bytes(const std::string& dtype) {
    if (dtype == "F32") return 4;
    if (dtype == "F64" || dtype == "I64") return 8;
    if (dtype == "F16" || dtype == "BF16") return 2;
    return 0;
  }

  Tensor load(const Entry& e) const {
    const std::byte* from = bytes_.data() + data_ + e.begin;
    const DType dtype = e.dtype == "F64" ? DType::kF64 : e.dtype == "I64" ? DType::kI64 : DType::kF32;
    const Tensor t = Tensor::empty(e.shape, dtype);
    const auto n = static_cast<std::size_t>(t.numel());
    if (e.dtype == "F32") std::memcpy(t.data<float>(), from, n * 4);
    else if (e.dtype == "F64") std::memcpy(t.data<double>(), from, n * 8);
    else if (e.dtype == "I64") std::memcpy(t.data<std::int64_t>(), from, n * 8);
    else {
      for (std::size_t i = 0; i < n; ++i) {
        std::uint16_t h = 0;
        std::memcpy(&h, from + 2 * i, 2);
        t.data<float>()[i] = e.dtype == "BF16" ? std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16) : from_half(h);
      }
    }
    return t;
  }

  const std::vector<std::byte>& bytes_;
  std::string path_;
  std::size_t data_ = 0;
};

}  // namespace

Tensor SafetensorsFile::find(const std::string& name) const {
  const auto it = std::find_if(tensors.begin(), tensors.end(), [&](const NamedTensor& t) { return t.name == name; });
  if (it != tensors.end()) return it->value;
  for (const UnreadTensor& t : unread) {
    if (t.name != name) continue;
    throw FormatError("[safetensors] " + path + ", byte 8, tensor \"" + printable(name) + "\": unknown dtype \"" + printable(t.dtype, 20) +
                      "\"; known: F32, F64, I64, F16, BF16");
  }
  return {};
}

SafetensorsFile parse_safetensors(const std::vector<std::byte>& bytes, const std::string& path_for_messages) {
  return Reader(bytes, path_for_messages).read();
}

SafetensorsFile read_safetensors(const std::string& path) { return parse_safetensors(read_file(path), path); }

void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const NamedTensor& t : tensors) {
    if (header.contains(t.name)) throw ValueError("[safetensors] the name \"" + t.name + "\" is used twice");
    const std::uint64_t bytes = static_cast<std::uint64_t>(t.value.numel()) * size_of(t.value.dtype());
    const char* dtype = t.value.dtype() == DType::kF32 ? "F32" : t.value.dtype() == DType::kF64 ? "F64" : "I64";
    const auto extents = t.value.shape().extents();
    header[t.name] = {{"dtype", dtype},
                      {"shape", std::vector<std::int64_t>(extents.begin(), extents.end())},
                      {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::vector<std::byte> out(8 + text.size() + offset);
  const std::uint64_t length = text.size();
  std::memcpy(out.data(), &length, 8);
  std::memcpy(out.data() + 8, text.data(), text.size());
  std::byte* to = out.data() + 8 + text.size();
  for (const NamedTensor& t : tensors) {
    const Tensor dense = t.value.contiguous();
    const std::size_t bytes = static_cast<std::size_t>(dense.numel()) * size_of(dense.dtype());
    const void* from = dense.dtype() == DType::kF32   ? static_cast<const void*>(dense.data<float>())
                       : dense.dtype() == DType::kF64 ? static_cast<const void*>(dense.data<double>())
                                                      : static_cast<const void*>(dense.data<std::int64_t>());
    if (bytes) std::memcpy(to, from, bytes);
    to += bytes;
  }
  write_file_atomically(path, out);
}

}  // namespace tern
