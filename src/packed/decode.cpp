// The reader. Everything in a file is taken for hostile: each length is compared with what is left before it is used,
// sections must lie where the table's order puts them, and memory is asked for only after the bytes for it were seen.
#include <array>
#include <bit>

#include "files/bytes.hpp"
#include "files/crc32.hpp"
#include "files/read.hpp"
#include "packed/encoding.hpp"
#include "packed/file_layout.hpp"
#include "tern/error.hpp"
#include "tern/packed.hpp"

namespace tern::packed {
namespace {

using View = ByteReader::View;

constexpr const char* kOp = "packed";

void check_zeros(const ByteReader& file, View bytes, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    if (bytes[i] != std::byte{0})
      file.fail(i, "padding", "expected 0; got " + std::to_string(static_cast<int>(bytes[i])));
  }
}

struct Header {
  std::uint32_t sections;
  std::size_t table_size;
};

Header read_header(ByteReader& in, View bytes) {
  for (const unsigned char c : kMagic) {
    if (in.u8("magic") != c) in.fail_here("magic", "this is not a packed model file");
  }
  const std::uint32_t version = in.u32("version");
  if (version != kVersion) {
    in.fail_here("version", "expected " + std::to_string(kVersion) + "; got " + std::to_string(version));
  }
  Header h{};
  h.sections = in.u32("section count");
  if (h.sections > kMaxSections) in.fail_here("section count", "expected at most " + std::to_string(kMaxSections));
  const std::uint64_t size = in.u64("file size");
  if (size != bytes.size()) {
    in.fail_here("file size", "expected the " + std::to_string(bytes.size()) + " bytes that the file has; got " +
                                  std::to_string(size) + " (truncated?)");
  }
  const std::uint64_t table = in.u64("table size");
  if (table > bytes.size() - kHeaderBytes) in.fail_here("table size", "the table is longer than the file");
  h.table_size = static_cast<std::size_t>(table);
  const std::uint32_t table_crc = in.u32("table checksum");
  for (int i = 0; i < 2; ++i) {
    if (in.u32("reserved") != 0) in.fail_here("reserved", "expected 0");
  }
  const std::uint32_t header_crc = crc32(bytes.first(kHeaderBytes - 4));
  if (in.u32("header checksum") != header_crc) in.fail_here("header checksum", "the header is damaged");
  if (crc32(bytes.subspan(kHeaderBytes, h.table_size)) != table_crc) {
    in.fail(kHeaderBytes, "section table", "its checksum does not fit: the table is damaged");
  }
  return h;
}

struct Entry {
  SectionKind kind{};
  std::size_t offset = 0, size = 0;
  Blob::Kind blob_kind{};
  CodeBook book;
  Shape shape;
  std::string name;
};

Entry read_entry(ByteReader& in) {
  Entry e;
  const unsigned kind = in.u8("section kind");
  if (kind < 1 || kind > 3) in.fail_here("section kind", "expected 1, 2 or 3; got " + std::to_string(kind));
  e.kind = static_cast<SectionKind>(kind);
  const std::uint64_t offset = in.u64("section offset");
  if (offset > kMaxFileBytes) in.fail_here("section offset", "it lies outside the file");
  const std::uint64_t size = in.u64("section size");
  if (size > kMaxFileBytes) in.fail_here("section size", "it is longer than any file");
  e.offset = static_cast<std::size_t>(offset);
  e.size = static_cast<std::size_t>(size);
  in.u32("section checksum");  // compared by the caller, who has the bytes
  return e;
}

void read_blob_entry(ByteReader& in, Entry& e) {
  const unsigned kind = in.u8("blob kind");
  if (kind < 1 || kind > 3) in.fail_here("blob kind", "expected 1, 2 or 3; got " + std::to_string(kind));
  e.blob_kind = static_cast<Blob::Kind>(kind);
  const std::size_t at = in.position();
  e.book.encoding = static_cast<Encoding>(in.u8("encoding"));
  e.book.lo = static_cast<std::int8_t>(in.u8("lowest code"));
  e.book.stride = in.u8("stride of codes");
  e.book.levels = in.u16("levels");
  e.book.bits = in.u8("bits a code");
  const bool codes = e.blob_kind == Blob::Kind::kCodes;
  const bool raw = e.book.encoding == Encoding::kRaw && e.book.lo == 0 && e.book.stride == 0 && e.book.levels == 0 &&
                   e.book.bits == 0;
  const std::string wrong = codes ? check(e.book) : raw ? "" : "expected encoding 0 and zeros for numbers";
  if (!wrong.empty()) in.fail_here("encoding (from byte " + std::to_string(at) + ")", wrong);
  const unsigned rank = in.u8("rank");
  if (rank > Shape::kMaxRank) in.fail_here("rank", "expected at most 8; got " + std::to_string(rank));
  std::array<std::int64_t, Shape::kMaxRank> extents{};
  std::int64_t n = 1;
  for (unsigned i = 0; i < rank; ++i) {
    const std::uint64_t extent = in.u64("extent");
    if (extent > static_cast<std::uint64_t>(kMaxElements)) in.fail_here("extent", "expected at most 2^32");
    extents[i] = static_cast<std::int64_t>(extent);
    if (extents[i] != 0 && n > kMaxElements / extents[i])
      in.fail_here("extent", "expected at most 2^32 elements in all");
    n *= extents[i];
  }
  e.shape = Shape(std::span<const std::int64_t>(extents.data(), rank));
  const unsigned length = in.u16("name length");
  if (length == 0 || length > kMaxNameBytes)
    in.fail_here("name length", "expected 1 to " + std::to_string(kMaxNameBytes));
  e.name = in.text(length, "name");
}

Blob read_blob(const ByteReader& in, const Entry& e, View data) {
  Blob b;
  b.kind = e.blob_kind;
  b.shape = e.shape;
  const auto n = static_cast<std::size_t>(e.shape.numel());
  const std::string field = "blob \"" + e.name + "\"";
  if (b.kind == Blob::Kind::kCodes) {
    if (n / max_elements_per_byte(e.book) > data.size())
      in.fail(e.offset, field, "too few bytes for shape " + e.shape.str());
    const DecodeProblem problem = decode_codes(e.book, data, n, b.codes);
    if (!problem.what.empty()) in.fail(e.offset + problem.offset, field, problem.what);
    return b;
  }
  if (data.size() % 4 != 0 || data.size() / 4 != n) {
    in.fail(e.offset, field,
            "expected 4 bytes for each of " + std::to_string(n) + " numbers; got " + std::to_string(data.size()));
  }
  for (std::size_t i = 0; i < n; ++i) {
    const auto word = static_cast<std::uint32_t>(little_endian(data.subspan(4 * i, 4)));
    if (b.kind == Blob::Kind::kF32)
      b.f32.push_back(std::bit_cast<float>(word));
    else
      b.i32.push_back(static_cast<std::int32_t>(word));
  }
  return b;
}

std::map<std::string, std::string> read_meta(ByteReader in) {
  std::map<std::string, std::string> meta;
  const std::uint32_t count = in.u32("meta count");
  for (std::uint32_t i = 0; i < count; ++i) {
    std::array<std::string, 2> pair;
    for (std::string& s : pair) {
      const std::uint32_t length = in.u32("meta length");
      if (length > kMaxMetaBytes) in.fail_here("meta length", "expected at most " + std::to_string(kMaxMetaBytes));
      s = in.text(length, "meta text");
    }
    if (!meta.empty() && pair[0] <= meta.rbegin()->first) in.fail_here("meta key", "expected keys in ascending order");
    meta.emplace_hint(meta.end(), std::move(pair[0]), std::move(pair[1]));
  }
  if (in.left() != 0) in.fail_here("meta", "expected nothing after the last text");
  return meta;
}

Graph read_graph(const ByteReader& in, const Entry& e, View data) {
  try {
    return Graph::parse({reinterpret_cast<const char*>(data.data()), data.size()});
  } catch (const Error& error) {
    in.fail(e.offset, "graph", error.what());
  }
}

Model read_file_bytes(View bytes, std::string_view name, FileInfo& info) {
  ByteReader file(kOp, name, bytes);
  if (bytes.size() < kHeaderBytes + kTrailerBytes) {
    file.fail(0, "file",
              "expected at least " + std::to_string(kHeaderBytes + kTrailerBytes) + " bytes; got " +
                  std::to_string(bytes.size()));
  }
  const Header header = read_header(file, bytes);
  const std::size_t end = bytes.size() - kTrailerBytes;
  ByteReader trailer(kOp, name, bytes.subspan(end), end);
  if (trailer.u32("file checksum") != crc32(bytes.first(end))) {
    trailer.fail_here("file checksum", "it does not fit: the file is damaged");
  }
  info.total_bytes = bytes.size();
  info.table_bytes = kHeaderBytes + header.table_size + kTrailerBytes;

  Model model;
  ByteReader table(kOp, name, bytes.subspan(kHeaderBytes, header.table_size), kHeaderBytes);
  std::size_t at = kHeaderBytes + header.table_size;
  std::string last_name;
  for (std::uint32_t i = 0; i < header.sections; ++i) {
    const std::size_t begin = table.position();
    Entry e = read_entry(table);
    const std::uint32_t crc = static_cast<std::uint32_t>(little_endian(bytes.subspan(table.position() - 4, 4)));
    const SectionKind expected = i == 0 ? SectionKind::kGraph : i == 1 ? SectionKind::kMeta : SectionKind::kBlob;
    if (e.kind != expected) file.fail(begin, "section kind", "expected graph, meta, then blobs");
    if (e.kind == SectionKind::kBlob) read_blob_entry(table, e);
    const std::size_t aligned = (at + kAlign - 1) / kAlign * kAlign;
    if (aligned > end || e.offset != aligned) {
      file.fail(begin + 1, "section offset",
                "expected " + std::to_string(aligned) + "; got " + std::to_string(e.offset));
    }
    if (e.size > end - e.offset) file.fail(begin + 9, "section size", "the section reaches past the end of the file");
    check_zeros(file, bytes, at, e.offset);
    const View data = bytes.subspan(e.offset, e.size);
    if (crc32(data) != crc) file.fail(e.offset, "section", "its checksum does not fit: the section is damaged");
    at = e.offset + e.size;
    switch (e.kind) {
      case SectionKind::kGraph:
        model.graph = read_graph(file, e, data);
        info.graph_bytes = e.size;
        break;
      case SectionKind::kMeta:
        model.meta = read_meta(ByteReader(kOp, name, data, e.offset));
        info.meta_bytes = e.size;
        break;
      case SectionKind::kBlob: {
        if (i > 2 && e.name <= last_name)
          file.fail(begin, "name", "expected names in ascending order; got \"" + e.name + "\"");
        last_name = e.name;
        const std::string encoding = e.blob_kind == Blob::Kind::kF32   ? "f32"
                                     : e.blob_kind == Blob::Kind::kI32 ? "i32"
                                                                       : name_of(e.book);
        info.blobs.push_back({e.name, e.blob_kind, e.shape, encoding, e.size});
        model.blobs.emplace_hint(model.blobs.end(), e.name, read_blob(file, e, data));
        break;
      }
    }
  }
  if (header.sections < 2) file.fail(12, "section count", "expected a graph and a meta section");
  if (table.left() != 0) file.fail(table.position(), "section table", "expected nothing after the last entry");
  if ((at + kAlign - 1) / kAlign * kAlign != end)
    file.fail(at, "sections", "expected the file checksum after the last section");
  check_zeros(file, bytes, at, end);
  return model;
}

}  // namespace

Model decode(std::span<const std::byte> bytes, std::string_view name) {
  FileInfo info;
  return read_file_bytes(bytes, name, info);
}

FileInfo inspect(std::span<const std::byte> bytes, std::string_view name) {
  FileInfo info;
  (void)read_file_bytes(bytes, name, info);
  return info;
}

}  // namespace tern::packed
