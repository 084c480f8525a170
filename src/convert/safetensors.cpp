#include "tern/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "convert/half.hpp"
#include "convert/safetensors_header.hpp"
#include "core/printable.hpp"
#include "files/bytes.hpp"
#include "files/crc32.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor bytes are copied as they are");

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{100} << 20;

// In the metadata of our files: under this key and ":NAME" that of a tensor's bytes, under the key alone that of all
// else in the header. Files of others have none.
constexpr std::string_view kChecksum = "tern.crc32";

[[noreturn]] void fail(const std::string& path, std::uint64_t offset, const std::string& field,
                       const std::string& why) {
  bad_format("safetensors", path, offset, field, why);
}

using Metadata = std::map<std::string, std::string>;

std::string checksum(std::span<const std::byte> bytes) {
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(crc32(bytes)));
  return digits.data();
}

std::string checksum_key(const std::string& tensor) { return std::string(kChecksum) + ":" + tensor; }

/// Of what the header says, however it says it.
std::string checksum(const std::vector<SafetensorsEntry>& entries, const Metadata& metadata) {
  std::string text;
  const auto add = [&](const std::string& part) { text += std::to_string(part.size()) + ":" + part; };
  for (const SafetensorsEntry& e : entries) {
    for (const std::string& part : {e.name, e.dtype, e.shape.str()}) add(part);
    text += std::to_string(e.begin) + "-" + std::to_string(e.end) + " ";
  }
  for (const auto& [key, value] : metadata) {
    if (key == kChecksum) continue;
    add(key);
    add(value);
  }
  return checksum(std::as_bytes(std::span(text)));
}

/// `key`: where the metadata may hold what `found` should be.
void check(const Metadata& metadata, const std::string& key, const std::string& found, const std::string& path,
           std::uint64_t offset, const std::string& field) {
  const auto it = metadata.find(key);
  if (it == metadata.end() || it->second == found) return;
  fail(path, offset, field,
       "its checksum does not fit: the file is damaged (or was changed by a program that kept the keys " +
           std::string(kChecksum) + " of __metadata__, which had to go)");
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
  check(header.metadata, std::string(kChecksum), checksum(header.entries, header.metadata), path, 8, "header");
  return header;
}

const char* name_of_dtype(DType dtype) { return dtype == DType::kF32 ? "F32" : dtype == DType::kF64 ? "F64" : "I64"; }

std::span<const std::byte> bytes_of(const Tensor& dense) {
  const auto n = static_cast<std::size_t>(dense.numel());
  switch (dense.dtype()) {
    case DType::kF32:
      return std::as_bytes(std::span(dense.data<float>(), n));
    case DType::kF64:
      return std::as_bytes(std::span(dense.data<double>(), n));
    case DType::kI64:
      return std::as_bytes(std::span(dense.data<std::int64_t>(), n));
  }
  return {};
}

std::string header_text(const std::vector<SafetensorsEntry>& entries, const Metadata& metadata) {
  nlohmann::ordered_json header{{"__metadata__", metadata}};
  for (const SafetensorsEntry& e : entries) {
    const auto extents = e.shape.extents();
    header[e.name] = {{"dtype", e.dtype},
                      {"shape", std::vector<std::int64_t>(extents.begin(), extents.end())},
                      {"data_offsets", {e.begin, e.end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
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
  const std::uint64_t data = 8 + header_length(bytes, bytes.size(), path);
  SafetensorsFile out;
  for (const SafetensorsEntry& e : header.entries) {
    const auto content = std::span(bytes).subspan(data + e.begin, e.end - e.begin);
    const std::string field = "tensor " + quoted_name(e.name), key = checksum_key(e.name);
    if (header.metadata.contains(key)) check(header.metadata, key, checksum(content), path, data + e.begin, field);
    if (item_bytes(e.dtype) > 0) {
      out.tensors.push_back({e.name, load(e, content.data())});
      continue;
    }
    const std::string why = "unknown dtype \"" + printable(e.dtype, 20) + "\"; known: F32, F64, I64, F16, BF16";
    out.unread.push_back({e.name, e.dtype, e.shape, located("safetensors", path, 8, field, why)});
  }
  std::erase_if(header.metadata, [](const auto& entry) { return entry.first.starts_with(kChecksum); });
  out.metadata = std::move(header.metadata);
  return out;
}

SafetensorsFile read_safetensors(const std::string& path) {
  // A file that lies is refused before its bulk is read.
  FileStart start = read_file_start(path, 8);
  start = read_file_start(path, 8 + header_length(start.bytes, start.file_bytes, path));
  read_layout(start.bytes, start.file_bytes, path);
  return parse_safetensors(read_file(path), path);
}

void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  std::vector<SafetensorsEntry> entries;
  std::vector<Tensor> dense;
  std::set<std::string> names;
  Metadata with_checksums = metadata;
  std::uint64_t end = 0;
  for (const NamedTensor& t : tensors) {
    if (!names.insert(t.name).second) throw ValueError("[safetensors] the name \"" + t.name + "\" is used twice");
    dense.push_back(t.value.contiguous());
    const std::span<const std::byte> content = bytes_of(dense.back());
    with_checksums[checksum_key(t.name)] = checksum(content);
    entries.push_back({t.name, name_of_dtype(t.value.dtype()), t.value.shape(), end, end + content.size()});
    end = entries.back().end;
  }
  with_checksums[std::string(kChecksum)] = checksum(entries, with_checksums);

  const std::string header = header_text(entries, with_checksums);
  const std::uint64_t length = header.size();
  std::vector<std::byte> out(sizeof length + header.size() + end);
  std::memcpy(out.data(), &length, sizeof length);
  std::memcpy(out.data() + sizeof length, header.data(), header.size());
  for (std::size_t i = 0; i < dense.size(); ++i) {
    const std::span<const std::byte> content = bytes_of(dense[i]);
    std::copy(content.begin(), content.end(), out.end() - static_cast<std::ptrdiff_t>(end - entries[i].begin));
  }
  write_file_atomically(path, out);
}

}  // namespace tern
