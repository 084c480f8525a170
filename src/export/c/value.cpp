#include "export/c/value.hpp"

#include <algorithm>
#include <cctype>

namespace tern::c99 {
namespace {

Shape image_view(const Shape& shape) { return shape.rank() == 3 ? shape : Shape{shape.numel(), 1, 1}; }

// Digits of two's complement for lo..hi.
int digits_of(int lo, int hi) {
  int digits = 1;
  if (lo >= 0) {
    while (hi >= 1 << digits) ++digits;
    return digits;
  }
  while (lo < -(1 << (digits - 1)) || hi >= 1 << (digits - 1)) ++digits;
  return digits;
}

int word_for(i64 channels, int most) {
  for (const int bits : {8, 16, 32}) {
    if (channels <= bits) return bits;
  }
  return most;
}

}  // namespace

Prefix::Prefix(const std::string& name) : lower(name), upper(name) {
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
}

Value stored(const infer::ValueType& type, int max_word) {
  constexpr int kMostDigits = 4;
  Value v{type, Layout::kReal, image_view(type.shape), {}};
  if (!type.is_codes()) return v;
  v.digits = digits_of(type.lo, type.hi);
  v.negative = type.lo < 0;
  v.word_bits = word_for(v.channels(), max_word);
  v.layout = v.digits <= kMostDigits ? Layout::kPlanes : Layout::kCodes;
  return v;
}

i64 Value::bytes() const {
  switch (layout) {
    case Layout::kImage:
      return 0;
    case Layout::kReal:
      return 4 * type.numel();
    case Layout::kCodes:
      return type.numel();
    case Layout::kPlanes:
      return pixels() * pixel_words() * word_bits / 8;
  }
  return 0;
}

i64 Value::align() const {
  if (layout == Layout::kReal) return 4;
  return layout == Layout::kPlanes ? word_bits / 8 : 1;
}

std::string Value::element() const {
  switch (layout) {
    case Layout::kImage:
      return "uint8_t";
    case Layout::kReal:
      return "float";
    case Layout::kCodes:
      return "int8_t";
    case Layout::kPlanes:
      return "uint" + std::to_string(word_bits) + "_t";
  }
  return {};
}

std::string Value::description() const {
  const std::string codes = type.is_codes() ? fmt::format("codes {}..{}", type.lo, type.hi) : "real";
  const std::string text = codes + " " + type.shape.str();
  if (layout == Layout::kImage) return text + " (bytes, by a table)";
  if (layout != Layout::kPlanes) return text;
  return text + fmt::format(" in {} plane{} of {}-bit words", digits, digits == 1 ? "" : "s", word_bits);
}

std::string Operand::code(const std::string& channel, const std::string& pixel) const {
  const std::string flat = plus(times(channel, value_.pixels()), pixel);
  switch (value_.layout) {
    case Layout::kImage:
      return fmt::format("{}_I8({}, {})", prefix_.upper, value_.table,
                         plus(times(channel, 256), at_ + "[" + flat + "]"));
    case Layout::kReal:
      break;
    case Layout::kCodes:
      return at_ + "[" + flat + "]";
    case Layout::kPlanes: {
      const std::string helper =
          fmt::format("code{}{}_{}", value_.negative ? "s" : "u", value_.digits, value_.word_bits);
      helpers_.insert(helper);
      const std::string words = times(pixel, value_.pixel_words());
      return fmt::format("{}_{}({}, {})", prefix_.lower, helper, words == "0" ? at_ : at_ + " + " + words, channel);
    }
  }
  return {};
}

std::string Operand::real(const std::string& channel, const std::string& pixel) const {
  if (is_codes()) return fmt::format("(float)({} * (float){})", literal(value_.type.step), code(channel, pixel));
  const std::string flat = plus(times(channel, value_.pixels()), pixel);
  if (value_.layout == Layout::kReal) return at_ + "[" + flat + "]";
  return fmt::format("{}_F32({}, {})", prefix_.upper, value_.table, plus(times(channel, 256), at_ + "[" + flat + "]"));
}

namespace {

const char* const kCount32 = R"(/* Ones in a word. */
static int32_t @_count(@_word v) {
#ifdef @@_COUNT
    return (int32_t)@@_COUNT(v);
#else
    v = v - ((v >> 1) & 0x55555555u);
    v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
    v = (v + (v >> 4)) & 0x0F0F0F0Fu;
    return (int32_t)((v * 0x01010101u) >> 24);
#endif
}
)";
const char* const kCount64 = R"(/* Ones in a word. */
static int32_t @_count(@_word v) {
#ifdef @@_COUNT
    return (int32_t)@@_COUNT(v);
#else
    v = v - ((v >> 1) & UINT64_C(0x5555555555555555));
    v = (v & UINT64_C(0x3333333333333333)) + ((v >> 2) & UINT64_C(0x3333333333333333));
    v = (v + (v >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    return (int32_t)((v * UINT64_C(0x0101010101010101)) >> 56);
#endif
}
)";

const char* const kRounded =
    R"(/* Rounded to 24 binary digits, halves to the even number: what single precision holds. */
static int64_t @_single(int64_t v) {
    uint64_t digits = (v < 0) ? (uint64_t)0 - (uint64_t)v : (uint64_t)v;
    int32_t below = 0;
    for (int32_t i = 0; i < 40; i++) {
        below += ((digits >> below) > 0xffffffu) ? 1 : 0;
    }
    if (below > 0) {
        const uint64_t half = (uint64_t)1 << (below - 1);
        const uint64_t odd = (digits >> below) & 1u;
        digits = ((digits + half - 1u + odd) >> below) << below;
    }
    return (v < 0) ? -(int64_t)digits : (int64_t)digits;
}
)";

std::string code_reader(const std::string& helper) {
  const bool negative = helper[4] == 's';
  const int digits = helper[5] - '0', bits = std::stoi(helper.substr(7));
  std::string sum;
  for (int d = 0; d < digits; ++d) {
    const bool minus = negative && d == digits - 1;
    std::string digit = fmt::format("(int32_t)(((@_word)w[{}] >> b) & 1u)", d);
    if (d > 0) digit = std::to_string(1 << d) + " * " + digit;
    sum += d == 0 ? (minus ? "-" : "") + digit : (minus ? " - " : " + ") + digit;
  }
  return fmt::format(
      "/* The code of channel c of a pixel: {0} digit{1}{2} in words of {3} bits. */\n"
      "static int32_t @_{4}(const uint{3}_t *pixel, int32_t c) {{\n"
      "    const uint{3}_t *const w = pixel + c / {3} * {0};\n"
      "    const int32_t b = c % {3};\n"
      "    return {5};\n"
      "}}\n",
      digits, digits == 1 ? "" : "s", negative ? ", the last one negative," : "", bits, helper, sum);
}

}  // namespace

std::string helper_definition(const Prefix& prefix, const std::string& helper, int word_bits) {
  std::string out = helper == "single"  ? kRounded
                    : helper != "count" ? code_reader(helper)
                    : word_bits == 64   ? kCount64
                                        : kCount32;
  for (const auto& [mark, text] : {std::pair<std::string, std::string>{"@@", prefix.upper}, {"@", prefix.lower}}) {
    for (std::size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at + text.size()))
      out.replace(at, mark.size(), text);
  }
  return out;
}

}  // namespace tern::c99
