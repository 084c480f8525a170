#include "files/bytes.hpp"

#include "core/printable.hpp"
#include "tern/error.hpp"

namespace tern {

std::string located(std::string_view op, std::string_view file, std::uint64_t offset, std::string_view field,
                    std::string_view detail) {
  return "[" + std::string(op) + "] " + printable(file, kMaxPathShown) + ", byte " + std::to_string(offset) + ", " +
         std::string(field) + ": " + std::string(detail);
}

void bad_format(std::string_view op, std::string_view file, std::uint64_t offset, std::string_view field,
                std::string_view detail) {
  throw FormatError(located(op, file, offset, field, detail));
}

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t v = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) v = v << 8 | static_cast<std::uint64_t>(bytes[i]);
  return v;
}

ByteReader::View ByteReader::take(std::uint64_t n, std::string_view field) {
  if (n > left()) {
    fail(at_, field, "expected " + std::to_string(n) + " bytes; got " + std::to_string(left()) + " (truncated?)");
  }
  last_ = at_;
  at_ += static_cast<std::size_t>(n);
  return bytes_.subspan(last_, static_cast<std::size_t>(n));
}

std::uint32_t ByteReader::u32_big_endian(std::string_view field) {
  std::uint32_t v = 0;
  for (const std::byte b : take(4, field)) v = v << 8 | static_cast<std::uint32_t>(b);
  return v;
}

std::string ByteReader::text(std::uint64_t n, std::string_view field) {
  const View bytes = take(n, field);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace tern
