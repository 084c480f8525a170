#include "kernels/packed/bitsliced/conv.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <iterator>
#include <limits>

#include "kernels/packed/bitsliced/bits.hpp"

namespace tern::kernels::bitsliced {
namespace {

// Of the second-level cache, for the sums of one chunk of columns. Each chunk fills the panels again.
constexpr i64 kChunkBytes = 256 << 10;
// Panels above this leave the first-level cache.
constexpr i64 kFarBytes = 48 << 10;

// Planes of two's complement numbers that hold low .. high, and one more on either side.
int bits_for(i64 low, i64 high) {
  return 1 + static_cast<int>(std::bit_width(static_cast<u64>(std::max(high, -low) + 1)));
}

// The planes that sums may have, at least `bits`.
int size_for(int bits) {
  return *std::find_if(std::begin(kSumBits), std::end(kSumBits) - 1, [&](int size) { return size >= bits; });
}

// All ones where that bit of a number is 1.
std::uint32_t bit_mask(i64 number, int bit) { return (number >> bit & 1) != 0 ? ~std::uint32_t{0} : 0; }

// Value of all planes together.
int largest_value(const PlaneCode& code) {
  int largest = 0;
  for (int k = 0; k < code.planes(); ++k) largest += code.weight(k);
  return largest;
}

int largest_weight(std::span<const std::int8_t> weights) {
  int largest = 1;
  for (const int w : weights) largest = std::max(largest, std::abs(w));
  return largest;
}
// Its binary digits.
int digits_of(std::span<const std::int8_t> weights) {
  return static_cast<int>(std::bit_width(static_cast<unsigned>(largest_weight(weights))));
}
// Walks over the inputs, one for each power of two that a digit of a weight times a plane can have.
int walks(int digits, const PlaneCode& input) { return digits + (input.thermometer() ? 0 : input.planes() - 1); }

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
  return d.stride_h == 1 && d.stride_w == 1 && pitch >= d.width - r.low_cols && pitch >= d.out_width() + r.high_cols;
}

}  // namespace

bool Conv::supports(const ConvShape& d, std::span<const std::int8_t> weights, const PlaneCode& input) {
  const bool border = d.pad_h > 0 || d.pad_w > 0;
  // A sum grows by at most k * value * weight from where it begins, which is half of that below zero at most.
  return (!border || input.has_border()) && input.planes() <= 8 &&
         d.k() * largest_value(input) * largest_weight(weights) < (i64{1} << (kMaxBits - 2));
}
bool Conv::supports(const ConvShape& d, std::span<const std::int8_t> weights, const PlaneCode& input,
                    const PlaneCode& output) {
  return supports(d, weights, input) && output.levels() <= kMaxLevels;
}

PlaneCode Conv::sum_code(const ConvShape& d, std::span<const std::int8_t> weights, const PlaneCode& input) {
  int bits = 2;
  for (const Range& r : find_ranges(d, weights, input)) {
    bits = std::max(bits, bits_for(input.lo * r.weights + r.low, input.lo * r.weights + r.high));
  }
  return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
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

const Micro& Conv::fitting(const Micro& micro, const SlicedLayout& output) {
  return micro.half && output.stream_bits() <= 8 * micro.half->vector_bytes ? fitting(*micro.half, output) : micro;
}

Conv::Conv(const Spec& spec, const Micro& widest)
    : shape_(spec.shape), in_(spec.input), out_(spec.output), micro_(&fitting(widest, spec.output)) {
  const Micro& micro = *micro_;
  sums_ = spec.thresholds == nullptr;
  in_place_ = in_.pitch == out_.pitch && readable_in_place(shape_, in_.pitch);
  const i64 vector_bits = 8 * micro.vector_bytes;
  tiles_ = (out_.stream_bits() + vector_bits - 1) / vector_bits;
  place_taps();
  const std::vector<std::int8_t> weights = oriented(spec);
  ranges_ = find_ranges(shape_, weights, in_.code);
  bits_ = bits_of(ranges_);
  make_passes(weights, spec);
  valid_.assign(static_cast<std::size_t>(tiles_ * micro.vector_bytes), 0);
  for (i64 i = 0; i < out_.images * out_.height; ++i) {
    const i64 row = out_.image(i / out_.height).bit(i % out_.height, 0);
    for (i64 x = 0; x < out_.width; x += 64)
      put_bits(valid_.data(), row + x, std::min<i64>(64, out_.width - x), ~u64{0});
  }
}

i64 Conv::panel_bytes() const { return (panel_vectors_ + resting_columns_ * sum_planes_) * micro_->vector_bytes; }

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
      const i64 start = 8 * (phase * phase_.total_bytes() + phase_.front_bytes()) + bit;
      const bool near = col > 0 && start >= 8 * taps_.back().offset && start < 8 * taps_.back().offset + 64;
      const i64 offset = near ? taps_.back().offset : start >> 3;
      taps_.push_back({offset, static_cast<int>(start - 8 * offset)});
    }
  }
  phases_ = static_cast<i64>(phase_list_.size());
}

// The weights whose dot product is compared with a lower bound: -w where the output is flipped.
std::vector<std::int8_t> Conv::oriented(const Spec& spec) const {
  const i64 k = shape_.k();
  std::vector<std::int8_t> w(spec.weights, spec.weights + shape_.outputs * k);
  for (i64 o = 0; o < shape_.outputs; ++o) {
    if (!spec.flip || spec.flip[o] == 0) continue;
    for (i64 i = o * k; i < (o + 1) * k; ++i)
      w[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(-w[static_cast<std::size_t>(i)]);
  }
  return w;
}

// Chunk by chunk of columns, whose sums rest in a cache. Within it level by level from the largest weights down, and
// within a level block by block.
void Conv::make_passes(const std::vector<std::int8_t>& weights, const Spec& spec) {
  Plan plan = spec.plan;
  const int planes = in_.code.planes();
  const i64 taps = static_cast<i64>(taps_.size()), entries = shape_.channels * taps,
            group_entries = entries / shape_.groups;
  pairs_ = in_.code.thermometer() && planes == 2;
  const int digits = digits_of(weights), levels = walks(digits, in_.code);
  const Plan best = best_plan(shape_, weights, planes, micro_->vector_bytes, bits_, levels);
  if (plan.bundle <= 0 || plan.block <= 0) plan = best;
  if (digits > 1) plan.bundle = best.bundle;
  complements_ = plan.complements;
  const i64 vectors = planes * (complements_ ? 2 : 1),
            most = (65536 * kOffsetUnit / micro_->vector_bytes - kZeroVectors) / vectors;
  const i64 block = whole_groups(std::min({plan.block, entries, most}), group_entries);
  panel_vectors_ = kZeroVectors + block * vectors;
  rest_ = levels > 1 || block < group_entries;
  const Columns columns = make_columns(shape_, weights, plan.bundle);
  std::vector<Sum> sums(static_cast<std::size_t>(columns.count()));
  i64 starts_at[kMaxBundle + 1] = {};
  for (int size = 1; size <= kMaxBundle && complements_; ++size)
    starts_at[size] = start_value(columns, size) / (i64{1} << (levels - 1));
  const i64 sum_bytes = micro_->vector_bytes * size_for(bits_ - kMoreBits[plan.bundle]);
  const i64 most_columns = rest_ ? kChunkBytes / sum_bytes : columns.count();
  for (i64 first = 0, end = 0; first < columns.count(); first = end) {
    while (end < columns.count() &&
           (end - first < most_columns || columns.closes[static_cast<std::size_t>(end - 1)] == 0))
      ++end;
    resting_columns_ = std::max(resting_columns_, rest_ ? end - first : patterns(static_cast<int>(plan.bundle)));
    for (int level = levels; level-- > 0;) {
      for (i64 begin = 0; begin < entries; begin += block) {
        const i64 stop = std::min(begin + block, entries);
        i64 from = std::max(first, begin / group_entries * columns.per_group);
        const i64 to = std::min(end, ((stop - 1) / group_entries + 1) * columns.per_group);
        while (from < to) {  // bundles of one size have sums of one size
          const u8 size = columns.bundle_size[static_cast<std::size_t>(from)];
          Pass pass{begin,
                    stop,
                    from - first,
                    0,
                    columns.first_output[static_cast<std::size_t>(from)],
                    lists_.size(),
                    runs_.size(),
                    constants_.size(),
                    kSumBits[0]};
          const i64 start = starts_at[size];
          i64 i = from, outputs = 0;
          bool compares = false;
          for (; i < to && columns.bundle_size[static_cast<std::size_t>(i)] == size; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const i64 group = i / columns.per_group, column = (i - from) % patterns(size);
            const bool starts = begin <= group * group_entries, ends = stop >= (group + 1) * group_entries;
            Run run{};
            run.stored = sums[at].bits;
            run.continues = !rest_ && column % 3 != 0;
            run.twice = starts && level + 1 < levels;
            run.closes = columns.closes[at];
            run.last = ends && level == 0;
            if (run.continues)
              sums[at] = sums[at - 1];
            else if (run.stored == 0)
              sums[at] = {start, start, start, 0};
            if (run.twice) sums[at].shift *= 2, sums[at].low *= 2, sums[at].high *= 2;
            if (!complements_) run.minus = add_list(columns.entries[at], -1, group, pass, level, digits, sums[at]);
            run.plus = add_list(columns.entries[at], 1, group, pass, level, digits, sums[at]);
            pass.bits = std::max(pass.bits, size_for(bits_for(sums[at].low, sums[at].high)));
            if (run.closes != 0 && run.last) {
              const int bits = shift_counts({sums.begin() + i + 1 - patterns(size), sums.begin() + i + 1}, size,
                                            pass.first_output + outputs);
              pass.bits = std::max(pass.bits, size_for(bits - kMoreBits[size]));
            }
            outputs += run.closes;
            compares |= run.last;
            runs_.push_back(run);
          }
          pass.columns = i - from;
          for (; from < i; ++from) sums[static_cast<std::size_t>(from)].bits = static_cast<u8>(pass.bits);
          if (compares) add_constants(spec, pass.first_output, outputs, count_bits(pass.bits, size));
          for (int b = 0; b < pass.bits; ++b) pass.start[static_cast<std::size_t>(b)] = bit_mask(start, b);
          sum_planes_ = std::max(sum_planes_, pass.bits);
          passes_.push_back(pass);
        }
      }
    }
  }
  lists_.resize(lists_.size() + 2 * kAhead, 0);
}

// With complements sums only grow. They begin at minus half of what they can grow to, on average, and so need hardly
// more planes than signed ones.
i64 Conv::start_value(const Columns& columns, int outputs) const {
  const i64 largest = largest_value(in_.code);
  i64 sum = 0, chains = 0;
  for (std::size_t i = 0; i < columns.entries.size(); ++i) {
    if (columns.bundle_size[i] != outputs) continue;
    for (const Columns::Entry& e : columns.entries[i]) sum += std::abs(e.weight) * largest;
    if (columns.closes[i] != 0) chains += rest_ ? patterns(outputs) : patterns(outputs - 1) + 1;
  }
  return chains == 0 ? 0 : -sum / (2 * chains);
}

// The list of one column for weights of one level (magnitude 2^level) within a block, in groups: those of that sign, or
// with complements all.
std::int32_t Conv::add_list(const std::vector<Columns::Entry>& column, int sign, i64 group, const Pass& pass, int level,
                            int digits, Sum& sum) {
  const int planes = in_.code.planes();
  const i64 vectors = planes * (complements_ ? 2 : 1), first = group * shape_.k();  // entries of the groups before
  const auto offset = [this](i64 vector) {
    return static_cast<std::uint16_t>(vector * micro_->vector_bytes / kOffsetUnit);
  };
  const std::size_t start = lists_.size();
  auto entry = std::lower_bound(column.begin(), column.end(), pass.begin - first,
                                [](const Columns::Entry& e, i64 input) { return e.input < input; });
  for (; entry != column.end() && entry->input < pass.end - first; ++entry) {
    const bool complement = complements_ && entry->weight < 0;
    if (!complements_ && entry->weight * sign < 0) continue;
    // Taps of a channel are adjacent in w too.
    const i64 at = kZeroVectors + (first + entry->input - pass.begin) * vectors + (complement ? planes : 0);
    for (int d = 0; d < digits; ++d) {
      if ((std::abs(entry->weight) >> d & 1) == 0) continue;
      const int plane = in_.code.thermometer() ? 0 : level - d;
      const bool here = in_.code.thermometer() ? d == level : plane >= 0 && plane < planes;
      if (!here) continue;
      lists_.push_back(offset(at + plane));
      const int count = pairs_ ? 2 : 1;
      adders_ += count;
      (sign < 0 ? sum.low : sum.high) += sign * count;
      if (complement) sum.shift += count;
    }
  }
  const std::size_t entries = kGroupPlanes / (pairs_ ? 2 : 1);
  while ((lists_.size() - start) % entries != 0) lists_.push_back(offset(0));
  return static_cast<std::int32_t>((lists_.size() - start) / entries);
}

// What the counts of a bundle are off by, from what its sums are; returns the planes that they need.
int Conv::shift_counts(const std::vector<Sum>& sums, int outputs, i64 first_output) {
  std::vector<i64> shifts;
  for (const Sum& s : sums) shifts.push_back(s.shift);
  int bits = 0;
  for (const i64 shift : take_apart(shifts, outputs, !rest_)) {
    Range& r = ranges_[static_cast<std::size_t>(first_output++)];
    r.shift = shift;
    bits = std::max(bits, bits_for(r.low + shift, r.high + shift));
  }
  return bits;
}

// acc = lo * sum of w + S; the range of S.
std::vector<Conv::Range> Conv::find_ranges(const ConvShape& shape, std::span<const std::int8_t> weights,
                                           const PlaneCode& input) {
  const int largest = largest_value(input);
  std::vector<Range> out;
  for (i64 o = 0; o < shape.outputs; ++o) {
    Range r;
    for (const int w : weights.subspan(static_cast<std::size_t>(o * shape.k()), static_cast<std::size_t>(shape.k()))) {
      (w < 0 ? r.low : r.high) += w * largest;
      r.weights += w;
    }
    out.push_back(r);
  }
  return out;
}

int Conv::bits_of(const std::vector<Range>& ranges) {
  int bits = 0;
  for (const Range& r : ranges) bits = std::max(bits, bits_for(r.low, r.high));
  return bits;
}

Plan Conv::plan(const ConvShape& shape, std::span<const std::int8_t> weights, const PlaneCode& input,
                const Micro& micro) {
  return best_plan(shape, weights, input.planes(), micro.vector_bytes, bits_of(find_ranges(shape, weights, input)),
                   walks(digits_of(weights), input));
}

void Conv::add_constants(const Spec& spec, i64 first_output, i64 outputs, int bits) {
  const int levels = sums_ ? 0 : out_.code.levels();
  for (i64 o = first_output; o < first_output + outputs; ++o) {
    const Range& r = ranges_[static_cast<std::size_t>(o)];
    const i64 to_digits = in_.code.lo * r.weights - r.shift - out_.code.lo;
    for (int b = 0; sums_ && b < out_.code.planes(); ++b) constants_.push_back(bit_mask(to_digits, b));
    for (int j = 0; j < levels; ++j) {
      i64 t = spec.thresholds[o * levels + j];
      // acc <= t is -acc >= -t, and the flipped weights make -acc; the extremes mean never and always.
      if (spec.flip && spec.flip[o] != 0) t = -t;
      const i64 constant =
          std::clamp(t - in_.code.lo * r.weights, r.low, r.high + 1) + r.shift + (i64{1} << (bits - 1));
      for (int b = 0; b < bits; ++b) constants_.push_back(bit_mask(constant, b));
    }
  }
}

void Conv::init_prepared(u8* prepared) const {
  for (i64 p = 0; p < phases_ && !in_place_; ++p) clear(phase_, prepared + p * phase_.total_bytes());
}

void Conv::init_panel(u8* panel) const { std::fill_n(panel, kZeroVectors * micro_->vector_bytes, u8{0}); }

void Conv::prepare(const u8* input, u8* prepared) const {
  if (in_place_) return;
  const Reach r = reach(shape_);
  const i64 stride = shape_.stride_w, most = std::max<i64>(1, 64 / stride);
  for (i64 p = 0; p < phases_; ++p, prepared += phase_.total_bytes()) {
    const Phase phase = phase_list_[static_cast<std::size_t>(p)];
    // Rows and columns [first, end) have values, the others stay border.
    const auto first = [](i64 low, i64 step, i64 offset) { return std::max<i64>(0, -low - floor_div(offset, step)); };
    const auto end = [](i64 low, i64 step, i64 offset, i64 in, i64 size) {
      return std::min(size, floor_div(in - 1 - offset, step) - low + 1);
    };
    const i64 x0 = first(r.low_cols, stride, phase.x), x1 = end(r.low_cols, stride, phase.x, in_.width, phase_.width);
    const i64 y0 = first(r.low_rows, shape_.stride_h, phase.y),
              y1 = end(r.low_rows, shape_.stride_h, phase.y, in_.height, phase_.height);
    if (x1 <= x0 || y1 <= y0) continue;
    const i64 planes = in_.planes(), code_planes = in_.code.planes(), rows = y1 - y0,
              row_step = shape_.stride_h * in_.pitch;
    const i64 first_bit =
        ((y0 + r.low_rows) * shape_.stride_h + phase.y) * in_.pitch + (x0 + r.low_cols) * stride + phase.x;
    for (i64 i = 0; i < planes; ++i) {
      const u8* from = input + i * in_.plane_bytes() + in_.front_bytes();
      const bool border = phase_.border_bit(static_cast<int>(i % code_planes));
      BitWriter to(prepared + i * phase_.plane_bytes() + phase_.front_bytes(), y0 * phase_.pitch + x0);
      for (i64 y = 0; y < rows; ++y) {
        i64 at = first_bit + y * row_step;
        for (i64 x = x0; x < x1; x += most, at += most * stride) {
          const i64 n = std::min(most, x1 - x);
          to.append(every(get_bits(from, at, (n - 1) * stride + 1), stride), n);
        }
        if (y + 1 < rows) to.repeat(border, phase_.pitch - x1 + x0);
      }
      to.finish();
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
  task.far = panel_vectors_ * micro_->vector_bytes > kFarBytes;
  task.pairs = pairs_;
  task.complements = fill.complements = complements_;
  task.rest = rest_;
  task.levels = sums_ ? 0 : out_.code.levels();
  task.thermometer = out_.code.thermometer();
  task.valid = valid_.data() + tile * micro_->vector_bytes;
  task.planes = out_.code.planes();
  for (int k = 0; k < task.planes && !sums_; ++k) task.border[k] = out_.border_bit(k) ? ~u64{0} : 0;
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
    task.start = pass.start.data();
    task.sum_planes = rest_ ? sum_planes_ : pass.bits;
    task.sums = panel + (panel_vectors_ + (rest_ ? pass.first_column * task.sum_planes : 0)) * micro_->vector_bytes;
    task.constants = constants_.data() + pass.constants;
    task.columns = pass.columns;
    task.out = output + out_.front_bytes() + tile * micro_->vector_bytes +
               pass.first_output * task.planes * out_.plane_bytes();
    micro_->run_tile(task);
  }
}

}  // namespace tern::kernels::bitsliced
