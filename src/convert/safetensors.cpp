#include "tern/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>

#include "convert/half.hpp"
#include "convert/safetensors_header.hpp"
#include "core/file.hpp"
#include "core/printable.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor bytes are copied as they are");

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{100} << 20;

std::string located(const std::string& path, std::uint64_t offset, const std::string& field, const std::string& why) {
  return "[safetensors] " + path + ", byte " + std::to_string(offset) + ", " + field + ": " + why;
}
[[noreturn]] void fail(const std::string& path, std::uint64_t offset, const std::string& field,
                       const std::string& why) {
  throw FormatError(located(path, offset, field, why));
}

/// Bytes a number; 0 for the dtypes that are not read.
std::uint64_t item_bytes(const std::string& dtype) {
  if (dtype == "F32") return 4;
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F16" || dtype == "BF16") return 2;
  return 0;
}

/// `start`: the file's first 8 bytes or more.
std::uint64_t header_length(std::span<const std::byte> start, std::uint64_t file_bytes, const std::string& path) {
  if (start.size() < 8) fail(path, 0, "header length", "the file has only " + std::to_string(file_bytes) + " bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, start.data(), 8);
  if (length > file_bytes - 8 || length > kMaxHeaderBytes) {
    fail(path, 0, "header length",
         "it says " + std::to_string(length) + " bytes, the file has " + std::to_string(file_bytes));
  }
  return length;
}

void check_entry(const SafetensorsEntry& e, std::uint64_t data_bytes, const std::string& path) {
  const std::string field = "tensor " + quoted_name(e.name);
  if (e.begin > e.end || e.end > data_bytes) {
    fail(path, 8, field,
         "data_offsets " + std::to_string(e.begin) + ".." + std::to_string(e.end) + " lie outside the file");
  }
  const std::uint64_t item = item_bytes(e.dtype), numel = static_cast<std::uint64_t>(e.shape.numel());
  if (item != 0 && (numel > data_bytes || numel * item != e.end - e.begin)) {
    fail(path, 8, field,
         "shape " + e.shape.str() + " of " + e.dtype + " does not fill its " + std::to_string(e.end - e.begin) +
             " bytes");
  }
}

/// The header, compared with the file's size; entries in the order of their bytes. `start`: up to its end or further.
SafetensorsHeader read_layout(std::span<const std::byte> start, std::uint64_t file_bytes, const std::string& path) {
  const std::uint64_t length = header_length(start, file_bytes, path), data = 8 + length,
                      data_bytes = file_bytes - data;
  if (start.size() < data) fail(path, 8, "header", "the file has changed while it was read");
  const std::string_view text(reinterpret_cast<const char*>(start.data()) + 8, static_cast<std::size_t>(length));
  if (!text.starts_with('{')) fail(path, 8, "header", "expected a JSON object");
  SafetensorsHeader header = parse_safetensors_header(text, path);
  for (const SafetensorsEntry& e : header.entries) check_entry(e, data_bytes, path);
  std::sort(header.entries.begin(), header.entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t expected = 0;
  for (const SafetensorsEntry& e : header.entries) {
    if (e.begin != expected)
      fail(path, 8, "data_offsets", "tensor " + quoted_name(e.name) + " overlaps another or leaves a gap");
    expected = e.end;
  }
  if (expected != data_bytes)
    fail(path, data + expected, "data", "the file continues after the last tensor, or ends before it");
  return header;
}

Tensor load(const SafetensorsEntry& e, const std::byte* from) {
  const DType dtype = e.dtype == "F64" ? DType::kF64 : e.dtype == "I64" ? DType::kI64 : DType::kF32;
  const Tensor t = Tensor::empty(e.shape, dtype);
  const auto n = static_cast<std::size_t>(t.numel());
  if (e.dtype == "F32")
    std::memcpy(t.data<float>(), from, n * 4);
  else if (e.dtype == "F64")
    std::memcpy(t.data<double>(), from, n * 8);
  else if (e.dtype == "I64")
    std::memcpy(t.data<std::int64_t>(), from, n * 8);
  else {
    for (std::size_t i = 0; i < n; ++i) {
      std::uint16_t h = 0;
      std::memcpy(&h, from + 2 * i, 2);
      t.data<float>()[i] = e.dtype == "BF16" ? std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16) : from_half(h);
    }
  }
  return t;
}

}  // namespace

Tensor SafetensorsFile::find(const std::string& name) const {
  for (const NamedTensor& t : tensors) {
    if (t.name == name) return t.value;
  }
  for (const UnreadTensor& t : unread) {
    if (t.name == name) throw FormatError(t.error);
  }
  return {};
}

SafetensorsFile parse_safetensors(const std::vector<std::byte>& bytes, const std::string& path) {
  SafetensorsHeader header = read_layout(bytes, bytes.size(), path);
  const std::byte* data = bytes.data() + 8 + header_length(bytes, bytes.size(), path);
  SafetensorsFile out;
  out.metadata = std::move(header.metadata);
  for (const SafetensorsEntry& e : header.entries) {
    if (item_bytes(e.dtype) > 0) {
      out.tensors.push_back({e.name, load(e, data + e.begin)});
      continue;
    }
    const std::string why = "unknown dtype \"" + printable(e.dtype, 20) + "\"; known: F32, F64, I64, F16, BF16";
    out.unread.push_back({e.name, e.dtype, e.shape, located(path, 8, "tensor " + quoted_name(e.name), why)});
  }
  return out;
}

SafetensorsFile read_safetensors(const std::string& path) {
  // A file that lies is refused before its bulk is read.
  FileStart start = read_file_start(path, 8);
  start = read_file_start(path, 8 + header_length(start.bytes, start.file_bytes, path));
  read_layout(start.bytes, start.file_bytes, path);
  return parse_safetensors(read_file(path), path);
}

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
