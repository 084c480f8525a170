// Reading and writing the packed model file. The bytes are described in docs/file-format.md, in this order: header,
// section table, sections, checksum of everything.
#include <algorithm>
#include <bit>

#include "files/crc32.hpp"
#include "files/map.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "packed/encoding.hpp"
#include "packed/file_layout.hpp"
#include "tern/error.hpp"
#include "tern/packed.hpp"

namespace tern::packed {
namespace {

class Writer {
 public:
  void u8(unsigned v) { bytes_.push_back(static_cast<std::byte>(v)); }
  void u16(unsigned v) { little(v, 2); }
  void u32(std::uint32_t v) { little(v, 4); }
  void u64(std::uint64_t v) { little(v, 8); }
  void text(std::string_view s) {
    for (const char c : s) u8(static_cast<unsigned char>(c));
  }
  void bytes(std::span<const std::byte> b) { bytes_.insert(bytes_.end(), b.begin(), b.end()); }
  void pad_to(std::size_t multiple) {
    while (bytes_.size() % multiple != 0) u8(0);
  }
  std::size_t size() const { return bytes_.size(); }
  std::vector<std::byte>& data() { return bytes_; }

 private:
  void little(std::uint64_t v, int n) {
    for (int i = 0; i < n; ++i) u8(static_cast<unsigned>(v >> (8 * i) & 0xFF));
  }
  std::vector<std::byte> bytes_;
};

[[noreturn]] void refuse(const std::string& what) { throw ValueError("[packed.encode] " + what); }

void check_blob(const std::string& name, const Blob& b) {
  const auto n = static_cast<std::size_t>(b.shape.numel());
  const bool sizes_fit = b.f32.size() == (b.kind == Blob::Kind::kF32 ? n : 0) &&
                         b.i32.size() == (b.kind == Blob::Kind::kI32 ? n : 0) &&
                         b.codes.size() == (b.kind == Blob::Kind::kCodes ? n : 0);
  if (!sizes_fit) refuse("blob \"" + name + "\": the values do not fit kind and shape " + b.shape.str());
  if (name.empty() || name.size() > kMaxNameBytes) {
    refuse("expected blob names of 1 to " + std::to_string(kMaxNameBytes) + " bytes; got \"" + name + "\"");
  }
  if (b.shape.numel() > kMaxElements) refuse("blob \"" + name + "\" has more than 2^32 elements");
}

std::vector<std::byte> encode_meta(const Model& model) {
  Writer out;
  out.u32(static_cast<std::uint32_t>(model.meta.size()));
  for (const auto& [key, value] : model.meta) {
    for (const std::string* s : {&key, &value}) {
      if (s->size() > kMaxMetaBytes)
        refuse("meta \"" + key + "\" is longer than " + std::to_string(kMaxMetaBytes) + " bytes");
      out.u32(static_cast<std::uint32_t>(s->size()));
      out.text(*s);
    }
  }
  return std::move(out.data());
}

// A graph built by hand may hold what its own text form cannot (white space in a value); find out now, not when
// reading.
std::string graph_text(const Model& model) {
  std::string text = model.graph.format();
  try {
    if (Graph::parse(text).format() == text) return text;
  } catch (const Error& error) {
    refuse(std::string("the graph cannot be written: ") + error.what());
  }
  refuse("the graph cannot be written: its text reads back differently");
}

struct Section {
  SectionKind kind;
  std::string name;
  const Blob* blob = nullptr;
  CodeBook book;
  std::vector<std::byte> data;
};

Section encode_blob(const std::string& name, const Blob& b) {
  check_blob(name, b);
  Section s{SectionKind::kBlob, name, &b, {Encoding::kRaw, 0, 0, 0, 0}, {}};
  if (b.kind == Blob::Kind::kCodes) {
    s.book = choose(b.codes);
    s.data = encode_codes(s.book, b.codes);
    return s;
  }
  Writer out;
  for (const float f : b.f32) out.u32(std::bit_cast<std::uint32_t>(f));
  for (const std::int32_t i : b.i32) out.u32(static_cast<std::uint32_t>(i));
  s.data = std::move(out.data());
  return s;
}

void write_entry(Writer& table, const Section& s, std::uint64_t offset) {
  table.u8(static_cast<unsigned>(s.kind));
  table.u64(offset);
  table.u64(s.data.size());
  table.u32(crc32(s.data));
  if (!s.blob) return;
  table.u8(static_cast<unsigned>(s.blob->kind));
  table.u8(static_cast<unsigned>(s.book.encoding));
  table.u8(static_cast<std::uint8_t>(s.book.lo));
  table.u8(s.book.stride);
  table.u16(s.book.levels);
  table.u8(s.book.bits);
  table.u8(static_cast<unsigned>(s.blob->shape.rank()));
  for (const std::int64_t e : s.blob->shape.extents()) table.u64(static_cast<std::uint64_t>(e));
  table.u16(static_cast<unsigned>(s.name.size()));
  table.text(s.name);
}

}  // namespace

std::vector<std::byte> encode(const Model& model) {
  std::vector<Section> sections;
  Writer graph;
  graph.text(graph_text(model));
  sections.push_back({SectionKind::kGraph, "", nullptr, {}, std::move(graph.data())});
  sections.push_back({SectionKind::kMeta, "", nullptr, {}, encode_meta(model)});
  for (const auto& [name, blob] : model.blobs) sections.push_back(encode_blob(name, blob));
  if (sections.size() > kMaxSections) refuse("more than " + std::to_string(kMaxSections) + " sections");

  // The table's length does not depend on the offsets in it, so it is written twice: for its length, then for real.
  Writer table;
  for (const Section& s : sections) write_entry(table, s, 0);
  const std::size_t table_size = table.size();
  const auto aligned = [](std::size_t n) { return (n + kAlign - 1) / kAlign * kAlign; };
  std::uint64_t offset = aligned(kHeaderBytes + table_size);
  table = Writer();
  for (const Section& s : sections) {
    write_entry(table, s, offset);
    offset = aligned(offset + s.data.size());
  }
  const std::uint64_t file_size = offset + kTrailerBytes;

  Writer out;
  for (const unsigned char c : kMagic) out.u8(c);
  out.u32(kVersion);
  out.u32(static_cast<std::uint32_t>(sections.size()));
  out.u64(file_size);
  out.u64(table_size);
  out.u32(crc32(table.data()));
  out.u32(0);  // reserved
  out.u32(0);
  out.u32(crc32(out.data()));
  out.bytes(table.data());
  out.pad_to(kAlign);
  for (const Section& s : sections) {
    out.bytes(s.data);
    out.pad_to(kAlign);
  }
  out.u32(crc32(out.data()));
  return std::move(out.data());
}

void write(const Model& model, const std::string& path) {
  const std::vector<std::byte> bytes = encode(model);
  write_file_atomically(path, std::span<const std::byte>(bytes));
}

std::vector<std::byte> read_bytes(const std::string& path) {
  const std::string_view magic(reinterpret_cast<const char*>(kMagic.data()), kMagic.size());
  return read_file_with_magic(path, magic);
}

Model read(const std::string& path) { return decode(MappedFile(path).bytes(), path); }

}  // namespace tern::packed
