// NumPy's files made by hand: .npy, and .npz with claims of a test's choice.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "files/crc32.hpp"

namespace tern::testing {

using Bytes = std::vector<std::byte>;

inline void append(Bytes& to, const void* from, std::size_t n) {
  const auto* p = static_cast<const std::byte*>(from);
  to.insert(to.end(), p, p + n);
}
inline void append(Bytes& to, const std::string& text) { append(to, text.data(), text.size()); }
template <class T>
void append_number(Bytes& to, T v) {
  append(to, &v, sizeof v);
}

inline Bytes npy(const std::string& dictionary, const Bytes& data, int version = 1) {
  Bytes out;
  append(out, std::string("\x93NUMPY", 6));
  out.push_back(static_cast<std::byte>(version));
  out.push_back(std::byte{0});
  if (version == 1)
    append_number(out, static_cast<std::uint16_t>(dictionary.size()));
  else
    append_number(out, static_cast<std::uint32_t>(dictionary.size()));
  append(out, dictionary);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}
inline std::string dictionary(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }   \n";
}
template <class T>
Bytes raw(const std::vector<T>& values) {
  Bytes out;
  append(out, values.data(), values.size() * sizeof(T));
  return out;
}
inline Bytes floats_npy(const std::vector<float>& v) {
  return npy(dictionary("<f4", "(" + std::to_string(v.size()) + ",)"), raw(v));
}

inline Bytes deflated(const Bytes& content) {
  z_stream s{};
  deflateInit2(&s, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&s, content.size()) + 64);
  s.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(content.data()));
  s.avail_in = static_cast<uInt>(content.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  deflate(&s, Z_FINISH);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

/// What a member claims; a test changes what shall be a lie.
struct Member {
  std::string name;
  Bytes packed;
  std::uint32_t size = 0, crc = 0;
  std::uint16_t method = 0, flags = 0;
  std::int64_t claimed_packed = -1, claimed_local = -1;
};
inline Member member(const std::string& name, const Bytes& content, bool deflate = false) {
  Member m;
  m.name = name;
  m.packed = deflate ? deflated(content) : content;
  m.size = static_cast<std::uint32_t>(content.size());
  m.crc = tern::crc32(content);
  m.method = deflate ? 8 : 0;
  return m;
}
inline Bytes zip(const std::vector<Member>& members, const std::string& comment = "") {
  Bytes out, directory;
  for (const Member& m : members) {
    const auto local =
        static_cast<std::uint32_t>(m.claimed_local >= 0 ? static_cast<std::size_t>(m.claimed_local) : out.size());
    const auto packed = static_cast<std::uint32_t>(m.claimed_packed >= 0 ? static_cast<std::size_t>(m.claimed_packed)
                                                                         : m.packed.size());
    // As NumPy writes it: a zip64 field of 20 bytes in the local header.
    append_number(out, std::uint32_t{0x04034b50});
    append_number(out, std::uint16_t{45});
    append_number(out, m.flags);
    append_number(out, m.method);
    append_number(out, std::uint32_t{0});
    append_number(out, m.crc);
    append_number(out, std::uint32_t{0xffffffff});
    append_number(out, std::uint32_t{0xffffffff});
    append_number(out, static_cast<std::uint16_t>(m.name.size()));
    append_number(out, std::uint16_t{20});
    append(out, m.name);
    out.insert(out.end(), 20, std::byte{0});
    out.insert(out.end(), m.packed.begin(), m.packed.end());

    append_number(directory, std::uint32_t{0x02014b50});
    append_number(directory, std::uint32_t{45 | 45 << 16});
    append_number(directory, m.flags);
    append_number(directory, m.method);
    append_number(directory, std::uint32_t{0});
    append_number(directory, m.crc);
    append_number(directory, packed);
    append_number(directory, m.size);
    append_number(directory, static_cast<std::uint16_t>(m.name.size()));
    directory.insert(directory.end(), 12, std::byte{0});
    append_number(directory, local);
    append(directory, m.name);
  }
  const auto begin = static_cast<std::uint32_t>(out.size());
  out.insert(out.end(), directory.begin(), directory.end());
  append_number(out, std::uint32_t{0x06054b50});
  append_number(out, std::uint32_t{0});
  append_number(out, static_cast<std::uint16_t>(members.size()));
  append_number(out, static_cast<std::uint16_t>(members.size()));
  append_number(out, static_cast<std::uint32_t>(directory.size()));
  append_number(out, begin);
  append_number(out, static_cast<std::uint16_t>(comment.size()));
  append(out, comment);
  return out;
}

}  // namespace tern::testing
