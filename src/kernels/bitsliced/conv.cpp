#include "kernels/bitsliced/conv.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>

namespace tern::kernels::bitsliced {
namespace {

// Of the first-level cache (32 to 48 KiB); the rest is for lists and counts.
constexpr i64 kBlockBytes = 32 << 10;

i64 floor_div(i64 a, i64 b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Rows and columns by which a tap lies off the output position, after division by the stride, and what remains.
struct Off {
  i64 rows, cols, phase_y, phase_x;
};
Off tap_offset(const ConvShape& d, i64 r, i64 s) {
  const i64 y = r * d.dilation_h - d.pad_h, x = s * d.dilation_w - d.pad_w;
  const i64 rows = floor_div(y, d.stride_h), cols = floor_div(x, d.stride_w);
  return {rows, cols, y - rows * d.stride_h, x - cols * d.stride_w};
}

struct Reach {
  i64 low_rows = 0, high_rows = 0, low_cols = 0, high_cols = 0;
};
Reach reach(const ConvShape& d) {
  Reach out;
  const Off first = tap_offset(d, 0, 0), last = tap_offset(d, d.kernel_h - 1, d.kernel_w - 1);
  out.low_rows = std::min<i64>(0, first.rows);
  out.low_cols = std::min<i64>(0, first.cols);
  out.high_rows = std::max<i64>(0, last.rows);
  out.high_cols = std::max<i64>(0, last.cols);
  return out;
}

// Whether taps of neighbouring rows can share the border right of a row, at this pitch, reading the input in place.
bool readable_in_place(const ConvShape& d, i64 pitch) {
  const Reach r = reach(d);
  return d.stride_h == 1 && d.stride_w == 1 && pitch >= d.width - r.low_cols &&
         pitch >= d.out_width() + r.high_cols;
}

}  // namespace

bool Conv::supports(const ConvShape& d, const PlaneCode& input, const PlaneCode& output) {
  const bool border = d.pad_h > 0 || d.pad_w > 0;
  return (!border || input.has_border()) && input.planes() <= 7 && output.levels() <= kMaxLevels &&
         d.k() * input.levels() < (i64{1} << (kMaxBits - 3));
}

i64 Conv::output_pitch(const ConvShape& d, i64 in_pitch) {
  if (readable_in_place(d, in_pitch)) return in_pitch;
  const Reach r = reach(d);
  return d.out_width() + r.high_cols - r.low_cols;
}

i64 Conv::margin_bits(const ConvShape& d, i64 pitch) {
  const Reach r = reach(d);
  return std::max(-r.low_rows, r.high_rows) * pitch + std::max(-r.low_cols, r.high_cols) + 8 * kMaxVectorBytes;
}

Conv::Conv(const Spec& spec, const Micro& micro) : shape_(spec.shape), in_(spec.input), out_(spec.output), micro_(&micro) {
  in_place_ = in_.pitch == out_.pitch && readable_in_place(shape_, in_.pitch);
  const i64 vector_bits = 8 * micro.vector_bytes;
  tiles_ = (out_.stream_bits() + vector_bits - 1) / vector_bits;
  place_taps();
  make_passes(spec);
  make_constants(spec);
  valid_.assign(static_cast<std::size_t>(tiles_ * micro.vector_bytes), 0);
  for (i64 y = 0; y < out_.height; ++y) {
    for (i64 x = 0; x < out_.width; x += 64) {
      put_bits(valid_.data(), y * out_.pitch + x, std::min<i64>(64, out_.width - x), ~u64{0});
    }
  }
}

void Conv::place_taps() {
  const Reach r = reach(shape_);
  phase_ = in_;
  if (!in_place_) {
    phase_.pitch = out_.pitch;
    phase_.height = out_.height + r.high_rows - r.low_rows;
    phase_.width = out_.width + r.high_cols - r.low_cols;
    phase_.margin_bits = margin_bits(shape_, out_.pitch);
  }
  for (i64 row = 0; row < shape_.kernel_h; ++row) {
    for (i64 col = 0; col < shape_.kernel_w; ++col) {
      const Off off = tap_offset(shape_, row, col);
      auto at = std::find_if(phase_list_.begin(), phase_list_.end(),
                             [&](const Phase& p) { return p.y == off.phase_y && p.x == off.phase_x; });
      if (at == phase_list_.end()) at = phase_list_.insert(at, {off.phase_y, off.phase_x});
      const i64 phase = at - phase_list_.begin();
      // In prepared planes row 0 is output row low_rows, and columns start low_cols to the left.
      const i64 rows = in_place_ ? off.rows : off.rows - r.low_rows;
      const i64 cols = in_place_ ? off.cols : off.cols - r.low_cols;
      const i64 bit = rows * out_.pitch + cols;
      taps_.push_back({phase * phase_.total_bytes() + phase_.front_bytes() + (bit >> 6) * 8, static_cast<int>(bit & 63)});
    }
  }
  phases_ = static_cast<i64>(phase_list_.size());
}

// Level by level from the largest weights down, and within a level block by block. Counts rest between passes.
void Conv::make_passes(const Spec& spec) {
  const int planes = in_.code.planes();
  const i64 taps = static_cast<i64>(taps_.size()), entries = shape_.channels * taps, k = shape_.k();
  const i64 group_entries = entries / shape_.groups, group_outputs = shape_.outputs / shape_.groups;
  pairs_ = in_.code.thermometer() && planes == 2;
  int largest = 1;
  for (i64 i = 0; i < shape_.outputs * k; ++i) largest = std::max(largest, std::abs(static_cast<int>(spec.weights[i])));
  const int digits = static_cast<int>(std::bit_width(static_cast<unsigned>(largest)));
  const int levels = digits + (in_.code.thermometer() ? 0 : planes - 1);

  const i64 most = std::max<i64>(1, kBlockBytes / (planes * micro_->vector_bytes)), blocks = (entries + most - 1) / most;
  const i64 block = (entries + blocks - 1) / blocks;
  panel_vectors_ = kZeroVectors + block * planes;
  const auto outputs = static_cast<std::size_t>(shape_.outputs);
  lowest_.assign(outputs, 0);
  largest_.assign(outputs, 0);
  std::vector<int> stored(outputs, 0);
  for (int level = levels; level-- > 0;) {
    for (i64 begin = 0; begin < entries; begin += block) {
      Pass pass{begin, std::min(begin + block, entries), 0, 0, lists_.size(), runs_.size(), 8};
      pass.first_output = begin / group_entries * group_outputs;
      pass.outputs = ((pass.end - 1) / group_entries + 1) * group_outputs - pass.first_output;
      for (i64 o = pass.first_output; o < pass.first_output + pass.outputs; ++o) {
        const auto at = static_cast<std::size_t>(o);
        const i64 group = o / group_outputs;
        const bool first = begin <= group * group_entries, last = pass.end >= (group + 1) * group_entries;
        if (first && level + 1 < levels) largest_[at] *= 2, lowest_[at] *= 2;
        add_lists(spec, o, pass, level, digits);
        runs_.back().stored = static_cast<u8>(stored[at]);
        runs_.back().twice = first && level + 1 < levels;
        runs_.back().last = last && level == 0;
        while (std::max(largest_[at], -lowest_[at]) + 1 >= (i64{1} << (pass.bits - 1))) pass.bits = pass.bits < 14 ? pass.bits + 2 : kMaxBits;
      }
      for (i64 o = pass.first_output; o < pass.first_output + pass.outputs; ++o) stored[static_cast<std::size_t>(o)] = pass.bits;
      bits_ = std::max(bits_, pass.bits);
      passes_.push_back(pass);
    }
  }
}

// The lists of one output channel for weights of one level (magnitude 2^level) within a block.
void Conv::add_lists(const Spec& spec, i64 output, const Pass& pass, int level, int digits) {
  const int planes = in_.code.planes();
  const i64 taps = static_cast<i64>(taps_.size()), k = shape_.k(), vector = micro_->vector_bytes;
  const bool negate = spec.flip && spec.flip[output] != 0;
  const std::int8_t* w = spec.weights + output * k;
  const i64 first = output / (shape_.outputs / shape_.groups) * (shape_.channels / shape_.groups) * taps;
  const auto offset = [vector](i64 panel_vector) { return static_cast<std::uint16_t>(panel_vector * vector / 8); };
  Run run{};
  for (const int sign : {-1, 1}) {
    const std::size_t start = lists_.size();
    i64 count = 0;
    for (i64 i = std::max<i64>(0, pass.begin - first); i < std::min(k, pass.end - first); ++i) {
      const int code = negate ? -w[i] : w[i];
      if (code * sign <= 0) continue;
      const i64 at = kZeroVectors + (first + i - pass.begin) * planes;  // taps of a channel are adjacent in w too
      for (int d = 0; d < digits; ++d) {
        if ((code * sign >> d & 1) == 0) continue;
        if (pairs_) {
          if (d == level) lists_.push_back(offset(at)), count += 2;
          continue;
        }
        const int plane = in_.code.thermometer() ? 0 : level - d;
        const bool here = in_.code.thermometer() ? d == level : plane >= 0 && plane < planes;
        if (here) lists_.push_back(offset(at + plane)), ++count;
      }
    }
    adders_ += count;
    (sign < 0 ? lowest_ : largest_)[static_cast<std::size_t>(output)] += sign * count;
    const std::size_t group = kGroup * (pairs_ ? 1 : 2);
    while ((lists_.size() - start) % group != 0) lists_.push_back(offset(0));
    (sign > 0 ? run.plus : run.minus) = static_cast<std::int32_t>((lists_.size() - start) / group);
  }
  runs_.push_back(run);
}

void Conv::make_constants(const Spec& spec) {
  const int levels = out_.code.levels();
  const i64 k = shape_.k();
  std::vector<int> bits(static_cast<std::size_t>(shape_.outputs), 0);  // of the pass that compares
  for (const Pass& p : passes_) std::fill_n(bits.begin() + p.first_output, p.outputs, p.bits);
  for (i64 o = 0; o < shape_.outputs; ++o) {
    const auto at = static_cast<std::size_t>(o);
    const bool flip = spec.flip && spec.flip[o] != 0;
    i64 sum = 0;
    for (i64 i = 0; i < k; ++i) sum += flip ? -spec.weights[o * k + i] : spec.weights[o * k + i];
    for (int j = 0; j < levels; ++j) {
      i64 t = spec.thresholds[o * levels + j];
      // acc <= t is -acc >= -t, and the flipped weights make -acc; the extremes mean never and always.
      if (flip) t = -t;
      const i64 constant = std::clamp(t - in_.code.lo * sum, lowest_[at], largest_[at] + 1) + (i64{1} << (bits[at] - 1));
      for (int b = 0; b < bits_; ++b) constants_.push_back((constant >> b & 1) != 0 ? ~u64{0} : 0);
    }
  }
}

void Conv::init_prepared(u8* prepared) const {
  for (i64 p = 0; p < phases_ && !in_place_; ++p) clear(phase_, prepared + p * phase_.total_bytes());
}

void Conv::init_panel(u8* panel) const {
  std::fill_n(panel, kZeroVectors * micro_->vector_bytes, u8{0});
}

void Conv::prepare(const u8* input, u8* prepared) const {
  if (in_place_) return;
  const Reach r = reach(shape_);
  for (i64 p = 0; p < phases_; ++p, prepared += phase_.total_bytes()) {
    const Phase phase = phase_list_[static_cast<std::size_t>(p)];
    for (i64 i = 0; i < in_.planes(); ++i) {
      const u8* from = input + i * in_.plane_bytes() + in_.front_bytes();
      u8* to = prepared + i * phase_.plane_bytes() + phase_.front_bytes();
      for (i64 y = 0; y < phase_.height; ++y) {
        const i64 in_y = (y + r.low_rows) * shape_.stride_h + phase.y;
        if (in_y < 0 || in_y >= in_.height) continue;  // stays border
        for (i64 x = 0; x < phase_.width;) {
          const i64 in_x = (x + r.low_cols) * shape_.stride_w + phase.x;
          if (in_x < 0) {
            ++x;
            continue;
          }
          if (in_x >= in_.width) break;
          const i64 n = std::min<i64>({64 / shape_.stride_w > 0 ? 64 / shape_.stride_w : 1, phase_.width - x,
                                       (in_.width - in_x + shape_.stride_w - 1) / shape_.stride_w});
          u64 bits = 0;
          if (shape_.stride_w == 1) {
            bits = get_bits(from, in_y * in_.pitch + in_x, n);
          } else {
            const u64 all = get_bits(from, in_y * in_.pitch + in_x, std::min<i64>(64, (n - 1) * shape_.stride_w + 1));
            for (i64 j = 0; j < n; ++j) bits |= (all >> (j * shape_.stride_w) & 1) << j;
          }
          put_bits(to, y * phase_.pitch + x, n, bits);
          x += n;
        }
      }
    }
  }
}

void Conv::run(const u8* source, u8* panel, i64 tile, u8* output) const {
  PanelTask fill{};
  fill.from = source + tile * micro_->vector_bytes;
  fill.plane_bytes = phase_.plane_bytes();
  fill.planes = in_.code.planes();
  fill.taps = taps_.data();
  fill.count = static_cast<int>(taps_.size());
  fill.panel = panel + kZeroVectors * micro_->vector_bytes;

  TileTask task{};
  task.panel = panel;
  task.pairs = pairs_;
  task.count_bits = bits_;
  task.levels = out_.code.levels();
  task.thermometer = out_.code.thermometer();
  task.valid = valid_.data() + tile * micro_->vector_bytes;
  task.planes = out_.code.planes();
  for (int k = 0; k < task.planes; ++k) task.border[k] = out_.border_bit(k) ? ~u64{0} : 0;
  task.plane_bytes = out_.plane_bytes();
  for (const Pass& pass : passes_) {
    if (&pass == passes_.data() || fill.begin != pass.begin) {
      fill.begin = pass.begin;
      fill.end = pass.end;
      micro_->fill_panel(fill);
    }
    task.list = lists_.data() + pass.list;
    task.runs = runs_.data() + pass.runs;
    task.bits = pass.bits;
    task.counts = panel + (panel_vectors_ + pass.first_output * bits_) * micro_->vector_bytes;
    task.constants = constants_.data() + pass.first_output * task.levels * bits_;
    task.outputs = pass.outputs;
    task.out = output + out_.front_bytes() + tile * micro_->vector_bytes + pass.first_output * task.planes * out_.plane_bytes();
    micro_->run_tile(task);
  }
}

const Micro& micro_for(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2: return kMicroAvx2;
    case Isa::kAvx512: return kMicroAvx512;
    case Isa::kAvx512Vpopcnt: return kMicroAvx512Vpopcnt;
#elif defined(__aarch64__)
    case Isa::kNeon: return kMicroNeon;
#endif
    default: return kMicroPortable;
  }
}

}  // namespace tern::kernels::bitsliced
