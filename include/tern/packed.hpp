// A packed model: a network ready to run, without anything that only training needs. A graph (tern/graph.hpp), named
// blobs of numbers, and a few words of text. File format: docs/file-format.md.
//
//   packed::Model m = packed::read("net.tern");
//   m.meta["trained-on"] = "fashion-mnist";
//   packed::write(m, "copy.tern");
//
// What the operations of a graph mean, which keys and blobs each has and what they round: docs/file-format.md, section
// by section; the list is src/infer/ops/ops.def. A value is real or integer codes lo..hi, each worth step * code. Any
// node may carry value_of=<name>: the node of the trained network whose value its result is, which the runtime hands to
// verifiers and otherwise ignores. The result of the last node is the logits (dequantized if codes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tern/graph.hpp"
#include "tern/public.h"
#include "tern/shape.hpp"

namespace tern::packed {

/// An array of numbers. Exactly one of the vectors is in use, the one that `kind` names, with shape.numel() elements.
struct TERN_PUBLIC Blob {
  enum class Kind : std::uint8_t { kF32 = 1, kI32 = 2, kCodes = 3 };
  Kind kind = Kind::kF32;
  Shape shape;
  std::vector<float> f32;
  std::vector<std::int32_t> i32;
  std::vector<std::int8_t> codes;  ///< small integers; how few bits they take in a file is decided when it is written

  /// Errors (all three): ShapeError if the number of values is not shape.numel().
  static Blob of_floats(const Shape& shape, std::vector<float> values);
  static Blob of_ints(const Shape& shape, std::vector<std::int32_t> values);
  static Blob of_codes(const Shape& shape, std::vector<std::int8_t> values);

  friend bool operator==(const Blob&, const Blob&) = default;
};

TERN_PUBLIC std::string_view name_of(Blob::Kind kind);

struct TERN_PUBLIC Model {
  Graph graph;
  std::map<std::string, Blob> blobs;        ///< "<node>.<name>"
  std::map<std::string, std::string> meta;  ///< free text for readers: model name, data set, method, accuracy ...
};

/// Encodes a model as the bytes of a file. The same model always gives the same bytes.
/// Errors: ValueError if a blob is inconsistent, or something exceeds the limits of the format (docs/file-format.md).
TERN_PUBLIC std::vector<std::byte> encode(const Model& model);
/// The inverse of encode(). Reads within bounds only; allocates no more than a small multiple of the input's size.
/// `name` stands for the file in messages. Errors: FormatError with name, byte offset and field.
TERN_PUBLIC Model decode(std::span<const std::byte> bytes, std::string_view name = "<memory>");

/// Errors: IoError; those of decode().
TERN_PUBLIC Model read(const std::string& path);
/// All or nothing: temporary name, sync, rename. Errors: IoError; those of encode().
TERN_PUBLIC void write(const Model& model, const std::string& path);

/// Where the bytes of a file go.
struct TERN_PUBLIC BlobInfo {
  std::string name;
  Blob::Kind kind = Blob::Kind::kF32;
  Shape shape;
  std::string encoding;     ///< "f32", "i32", "2-bit" (1 to 8), "base-3", "masked 1-bit", "rans"
  std::uint64_t bytes = 0;  ///< of its data section, without alignment
};
struct TERN_PUBLIC FileInfo {
  std::uint64_t total_bytes = 0;
  std::uint64_t graph_bytes = 0, meta_bytes = 0, table_bytes = 0;
  std::vector<BlobInfo> blobs;
};
/// Checks everything that decode() checks. Errors: those of decode().
TERN_PUBLIC FileInfo inspect(std::span<const std::byte> bytes, std::string_view name = "<memory>");

/// Compression against ResNet-18 for CIFAR, 11,164,352 weights of 32 bits, as the literature on ternary architecture
/// search defines it: 32 * 11164352 / sum over layers of (bits a weight * weights). Weights of convolutions and dense
/// layers only. Paper: Loni et al., "TAS: ternarized neural architecture search for resource-constrained edge devices",
/// 2022, section IV-B.
struct TERN_PUBLIC Compression {
  std::int64_t weights = 0;  ///< in all
  int bits = 32;             ///< of a quantized weight: the widest of the model's; 32 if none is quantized
  double paper = 0;          ///< every layer at `bits`, the unquantized ones too
  double strict = 0;         ///< unquantized layers at 32 bits, and 32 bits for each stored scale
  double packed5 = 0;        ///< as strict, with ternary weights at 1.6 bits
  double file = 0;           ///< 32 * 11164352 bits over the bits of the file: everything counts
  double own = 0;            ///< this model's weights in 32 bits over the bits of the file
};
/// `file_bytes`: size of the file that holds the model. All ratios are 0 if there is no weight.
TERN_PUBLIC Compression compression(const Model& model, std::uint64_t file_bytes);

// ---- folding of float expressions into integer thresholds ----

/// What follows one output channel of a convolution on codes, up to the next quantizer.
struct TERN_PUBLIC ChannelExpression {
  float scale_step = 1;  ///< fl(scale * step of the input codes); y = fl(scale_step * acc)
  bool has_bias = false;
  float bias = 0;  ///< then y + bias
  bool has_affine = false;
  float k1 = 1, k0 = 0;  ///< then fl(fl(k1 * y) + k0)
  enum class Act { kNone, kRelu, kPrelu, kHardtanh } act = Act::kNone;
  float slope = 0;  ///< of prelu, >= 0
};
/// The expression's value at `acc`, in the very order that unfused nodes compute it.
TERN_PUBLIC float evaluate(const ChannelExpression& e, std::int32_t acc);

struct TERN_PUBLIC FoldedChannel {
  bool flip = false;
  std::vector<std::int32_t> thresholds;  ///< one per float threshold, as op `conv2d` epilogue=threshold wants them
};
/// Integer thresholds such that for every acc in [-reach, reach]
///   #{j : evaluate(e, acc) >= t[j]}  ==  #{j : acc >= T[j]}      (flip: acc <= T[j])
/// found by bisection on evaluate() itself, which is monotone in acc because each of its steps is.
/// Errors: ValueError if reach < 0, a threshold or coefficient is NaN, thresholds are not ascending, or slope < 0.
TERN_PUBLIC FoldedChannel fold_thresholds(const ChannelExpression& e, std::span<const float> thresholds,
                                          std::int32_t reach);

}  // namespace tern::packed
