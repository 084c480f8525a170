// From a packed model outwards: programs and files for machines and tools that know nothing of tern.
//
//   CExport c = export_c(packed::read("net.tern"), {.name = "net", .selftest = 4});
//   write_files(c.files, "net_c");
//
// docs/export.md says what the C program looks like and what of it is the same as where.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tern/error.hpp"
#include "tern/packed.hpp"
#include "tern/public.h"

namespace tern {

struct TERN_PUBLIC CExportOptions {
  /// What file names and C identifiers begin with: a lower-case C identifier.
  std::string name = "net";
  int words = 32;  ///< bits of the widest word of channels: 32 or 64
  /// "bits": weights of layers on codes in words of channels; "base3": ten weights in 16 bits; "": bits, and base3
  /// where max_flash demands it. A layer that cannot have the form keeps one that it can.
  std::string form = {};
  std::uint64_t max_flash = 0;  ///< bytes of tables and, as estimated, code; 0: no limit
  std::uint64_t max_ram = 0;    ///< bytes of arena, image and scores; 0: no limit
  int selftest = 0;             ///< images of the self-test; 0: none is written
  bool arduino = false;         ///< an Arduino library beside the program
  std::string source = {};      ///< name of the packed file, for comments and the manifest
  std::uint32_t source_crc32 = 0;
};

/// One function of the program.
struct TERN_PUBLIC CStep {
  std::string nodes;        ///< "conv2 + bn2 + act2": nodes of the graph that it computes
  std::string node;         ///< the one whose value it stores; "": none, it makes scores of the last one's codes
  std::string form;         ///< of its weights: "bits", "base3", "int8", "fp32"; "": it has none
  std::string result;       ///< "codes -1..1 16x14x14 in 2 planes of 16-bit words"
  std::int64_t flash = 0;   ///< bytes of its tables
  std::int64_t ram = 0;     ///< bytes of its result in the arena
  double operations = 0;    ///< words counted, products and comparisons for an image
  std::int64_t values = 0;  ///< numbers of its result
};

struct TERN_PUBLIC CExport {
  std::map<std::string, std::string> files;  ///< by path below the folder
  std::vector<CStep> steps;
  std::int64_t table_bytes = 0, code_bytes = 0;  ///< flash; the code's share is an estimate for Thumb-2 at -Os
  std::int64_t arena_bytes = 0, image_bytes = 0, score_bytes = 0;
  std::int64_t flash() const { return table_bytes + code_bytes; }
  std::int64_t ram() const { return arena_bytes + image_bytes + score_bytes; }
  /// What needs what: a table of text.
  std::string table() const;
};

/// A program is larger than asked for.
struct TERN_PUBLIC BudgetError : ValueError {
  BudgetError(const std::string& what, std::string needs) : ValueError(what), table(std::move(needs)) {}
  std::string table;  ///< CExport::table()
};

/// A packed model as a C99 program that computes the same scores and codes, bit for bit.
/// Errors: FormatError naming the node if the model is no network or cannot be written in C; ValueError on options, and
/// with the table of what needs what if a budget is exceeded.
TERN_PUBLIC CExport export_c(const packed::Model& model, const CExportOptions& options = {});

/// Writes files below a folder, which it makes. Each is written whole or not at all, the manifest last.
/// Errors: IoError.
TERN_PUBLIC void write_files(const std::map<std::string, std::string>& files, const std::string& folder);

/// What a compiled program computed beside the packed runtime's plain definitions.
struct TERN_PUBLIC CComparison {
  struct Step {
    std::string node;                        ///< as CStep's
    std::int64_t values = 0, different = 0;  ///< of an image whose checksum differs, all values of the step count
    bool codes = false;
  };
  std::vector<Step> steps;
  std::int64_t images = 0, same_predictions = 0;
};

/// Compiles the program that export_c() wrote into a folder, with the checksums of its values, and runs it on images (C
/// x H x W bytes each). An empty `folder`: a program that is exported for this and not kept. `compiler`: a command,
/// such as "cc" or "clang --target=...". Errors: FormatError if the folder's manifest is none, or names another packed
/// file than one with `source_crc32`; ShapeError if bytes are left over; IoError if something cannot be read or
/// started; Error with the first line that a compiler or the program complains with.
TERN_PUBLIC CComparison compare_c(const packed::Model& model, std::uint32_t source_crc32, const std::string& folder,
                                  const std::string& compiler, std::span<const std::uint8_t> images,
                                  const std::function<void(std::int64_t done, std::int64_t all)>& progress = {});

enum class OnnxForm {
  kDefault,  ///< opset 21: QuantizeLinear and DequantizeLinear around int8 weights
  kExact,    ///< opset 21: codes as whole numbers, from thresholds; every number is tern's
  kInt2,     ///< opset 25: the default form with two bits a weight where its codes are -2..1
};

constexpr int onnx_opset(OnnxForm form) { return form == OnnxForm::kInt2 ? 25 : 21; }

/// A packed model as an ONNX model, the bytes of a file: images [batch C H W] of bytes in, scores [batch K] out.
/// docs/export.md says what agrees. Errors: FormatError naming the node if the model is no network or the form cannot
/// hold it; ValueError if it is larger than an ONNX file can be.
TERN_PUBLIC std::string export_onnx(const packed::Model& model, OnnxForm form = OnnxForm::kDefault);

}  // namespace tern
