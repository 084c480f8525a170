// .npy: "\x93NUMPY", version, header length, a Python dictionary with descr, fortran_order and shape, then the numbers.
#include "tern/numpy.hpp"

#include <charconv>
#include <cstring>
#include <filesystem>

#include "convert/half.hpp"
#include "core/printable.hpp"
#include "files/bytes.hpp"
#include "files/read.hpp"
#include "files/zip.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

constexpr const char* kOp = "npy";

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// The dictionary, in the few forms that NumPy writes: 'text', True, False, tuples of integers, lists of fields.
class DictionaryReader {
 public:
  /// `begin`: where the text stands in the file.
  DictionaryReader(std::string_view text, std::size_t begin, const std::string& path)
      : text_(text), begin_(begin), path_(path) {}

  Header read() {
    Header h;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (peek() != '}') {
      const std::string key = quoted();
      expect(':');
      bool& seen = key == "descr" ? has_descr : key == "fortran_order" ? has_order : has_shape;
      if (key != "descr" && key != "fortran_order" && key != "shape")
        fail("unknown key \"" + printable(key, 40) + "\"");
      if (seen) fail("the key \"" + key + "\" appears twice");
      seen = true;
      if (key == "descr")
        h.descr = peek() == '[' ? fields() : quoted();
      else if (key == "fortran_order")
        h.fortran_order = truth();
      else
        h.shape = tuple();
      if (peek() == ',')
        ++at_;
      else if (peek() != '}')
        fail("expected ',' or '}'");
    }
    ++at_;
    if (peek() != '\0') fail("text behind the dictionary");
    if (!has_descr || !has_order || !has_shape) fail("expected descr, fortran_order and shape");
    return h;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { bad_format(kOp, path_, begin_ + at_, "header", why); }
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void expect(char c) {
    if (peek() != c) fail(std::string("expected '") + c + "'");
    ++at_;
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("expected a quoted word");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("a quoted word without an end");
    const std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }
  /// The fields of a structured dtype, [('x', '<f4'), ('y', '<i4', (2,))], as they are written.
  std::string fields() {
    const std::size_t begin = at_;
    int depth = 0;
    do {
      const char c = peek();
      if (c == '\0') fail("a list without an end");
      if (c == '\'' || c == '"') {
        quoted();
        continue;
      }
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      ++at_;
    } while (depth > 0);
    return std::string(text_.substr(begin, at_ - begin));
  }
  bool truth() {
    peek();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    }
    fail("expected True or False");
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> out;
    expect('(');
    while (peek() != ')') {
      std::int64_t v = 0;
      const auto [end, ec] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), v);
      if (ec != std::errc{} || v < 0) fail("expected an extent");
      at_ = static_cast<std::size_t>(end - text_.data());
      out.push_back(v);
      if (out.size() > 64) fail("too many dimensions");
      if (peek() == ',')
        ++at_;
      else if (peek() != ')')
        fail("expected ',' or ')'");
    }
    ++at_;
    return out;
  }

  std::string_view text_;
  std::size_t begin_;
  const std::string& path_;
  std::size_t at_ = 0;
};

struct NumberType {
  const char* descr;
  std::size_t bytes;
  DType dtype;
};
constexpr NumberType kTypes[] = {{"<f4", 4, DType::kF32}, {"<f8", 8, DType::kF64}, {"<i8", 8, DType::kI64},
                                 {"<f2", 2, DType::kF32}, {"<i4", 4, DType::kI64}, {"|i1", 1, DType::kI64},
                                 {"|u1", 1, DType::kI64}, {"|b1", 1, DType::kI64}};

constexpr std::size_t kMaxNumpyHeader = 65536, kMaxNumbersOffset = 12 + kMaxNumpyHeader;

/// to[i] = convert(element i), elements of type From without alignment.
template <class From, class To, class F>
void copy_as(const std::byte* from, To* to, std::size_t n, F convert) {
  for (std::size_t i = 0; i < n; ++i) {
    From v;
    std::memcpy(&v, from + i * sizeof v, sizeof v);
    to[i] = convert(v);
  }
}

/// What stands before the numbers, compared with the file's size unless the dtype is not read.
struct ArrayLayout {
  std::string descr;
  const NumberType* type = nullptr;  // null: not read
  Shape shape;
  std::size_t data = 0;  // where the numbers begin
  std::string error;     // that the dtype is not read
};

/// `start`: the file's first bytes, kMaxNumbersOffset of them if it has so many.
ArrayLayout read_array_layout(std::span<const std::byte> start, std::uint64_t file_bytes, const std::string& path) {
  const auto fail = [&](std::size_t offset, const std::string& field, const std::string& why) {
    bad_format(kOp, path, offset, field, why);
  };
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(start[i]); };
  if (start.size() < 12 || std::memcmp(start.data(), "\x93NUMPY", 6) != 0) fail(0, "magic", "not an npy file");
  const std::size_t version = byte(6);
  if (version < 1 || version > 3 || byte(7) != 0) fail(6, "version", "expected 1.0, 2.0 or 3.0");
  const std::size_t begin = version == 1 ? 10 : 12;
  const std::size_t length = byte(8) | byte(9) << 8 | (version == 1 ? 0 : byte(10) << 16 | byte(11) << 24);
  if (length > start.size() - begin || length > kMaxNumpyHeader) {
    fail(8, "header length",
         "it says " + std::to_string(length) + " bytes, the file has " + std::to_string(file_bytes));
  }
  const Header h = DictionaryReader({reinterpret_cast<const char*>(start.data()) + begin, length}, begin, path).read();

  ArrayLayout out;
  out.descr = h.descr;
  for (const NumberType& t : kTypes) {
    if (h.descr == t.descr) out.type = &t;
  }
  try {
    out.shape = Shape(h.shape);
  } catch (const ShapeError&) {
    if (out.type) fail(begin, "shape", "too many dimensions or elements");
  }
  if (!out.type) {
    out.error =
        located(kOp, path, begin, "descr",
                "unknown dtype \"" + printable(h.descr, 40) + "\"; known: <f4, <f8, <i8, <f2, <i4, |i1, |u1, |b1");
    return out;
  }
  int long_dimensions = 0;
  for (const std::int64_t d : h.shape) long_dimensions += d > 1;
  if (h.fortran_order && long_dimensions > 1) fail(begin, "fortran_order", "expected C order");
  out.data = begin + length;
  const std::uint64_t have = file_bytes - out.data, n = static_cast<std::uint64_t>(out.shape.numel());
  if (n > have || n * out.type->bytes != have) {
    fail(out.data, "data",
         "shape " + out.shape.str() + " of " + h.descr + " does not fill the " + std::to_string(have) + " bytes");
  }
  return out;
}

Tensor load(std::span<const std::byte> bytes, const ArrayLayout& layout) {
  const Tensor t = Tensor::empty(layout.shape, layout.type->dtype);
  const std::byte* from = bytes.data() + layout.data;
  const std::size_t n = static_cast<std::size_t>(layout.shape.numel()), have = bytes.size() - layout.data;
  const std::string_view d = layout.type->descr;
  if (d == "<f2")
    copy_as<std::uint16_t>(from, t.data<float>(), n, from_half);
  else if (d == "<i4")
    copy_as<std::int32_t>(from, t.data<std::int64_t>(), n, [](std::int32_t v) { return std::int64_t{v}; });
  else if (d == "|i1")
    copy_as<std::int8_t>(from, t.data<std::int64_t>(), n, [](std::int8_t v) { return std::int64_t{v}; });
  else if (layout.type->bytes == 1)
    copy_as<std::uint8_t>(from, t.data<std::int64_t>(), n, [](std::uint8_t v) { return std::int64_t{v}; });
  else if (n == 0)
    return t;
  else if (d == "<f4")
    std::memcpy(t.data<float>(), from, have);
  else if (d == "<f8")
    std::memcpy(t.data<double>(), from, have);
  else
    std::memcpy(t.data<std::int64_t>(), from, have);
  return t;
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, const std::string& path) {
  const ArrayLayout layout = read_array_layout(bytes, bytes.size(), path);
  if (!layout.type) throw FormatError(layout.error);
  return load(bytes, layout);
}

Tensor read_npy(const std::string& path) {
  // A file that lies is refused before its bulk is read.
  const FileStart start = read_file_start(path, kMaxNumbersOffset);
  if (const ArrayLayout layout = read_array_layout(start.bytes, start.file_bytes, path); !layout.type)
    throw FormatError(layout.error);
  return parse_npy(read_file(path), path);
}

SafetensorsFile parse_npz(std::span<const std::byte> bytes, const std::string& path) {
  const ByteView view(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  SafetensorsFile out;
  for (const ZipMember& m : zip_members(view, path)) {
    if (!m.name.ends_with(".npy")) {
      throw FormatError("[npz] " + path + ", byte " + std::to_string(m.offset) + ", member \"" + printable(m.name) +
                        "\": expected names that end in .npy");
    }
    const Bytes content = zip_content(view, m, path);
    const auto array = std::as_bytes(std::span(content));
    const std::string name = m.name.substr(0, m.name.size() - 4);
    const ArrayLayout layout = read_array_layout(array, array.size(), path + " (" + printable(m.name) + ")");
    if (layout.type)
      out.tensors.push_back({name, load(array, layout)});
    else
      out.unread.push_back({name, layout.descr, layout.shape, layout.error});
  }
  return out;
}

SafetensorsFile read_npz(const std::string& path) {
  constexpr std::uint64_t kMaxZipBytes = std::uint64_t{1} << 32;
  return parse_npz(read_file_with_magic(path, "PK", kMaxZipBytes), path);
}

SafetensorsFile read_tensors(const std::string& path) {
  for (const char* ending : {".pth", ".pt", ".ckpt", ".pkl"}) {
    if (!path.ends_with(ending)) continue;
    throw FormatError("[import] " + path +
                      ": files of torch.save() hold a program, which tern does not run; in Python: "
                      "safetensors.torch.save_file(model.state_dict(), \"weights.safetensors\")");
  }
  if (path.ends_with(".npz")) return read_npz(path);
  if (!path.ends_with(".npy")) return read_safetensors(path);
  SafetensorsFile out;
  out.tensors.push_back({std::filesystem::path(path).stem().string(), read_npy(path)});
  return out;
}

}  // namespace tern
