// tern export: a packed file as a C99 program or as an ONNX model.
#include "tern/export.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <limits>

#include "console.hpp"
#include "files/crc32.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "run_options.hpp"

namespace tern::cli {
namespace {

struct ExportOptions {
  Common common;
  CExportOptions c;
  std::string file, folder, max_flash, max_ram, onnx;
  bool exact = false, int2 = false;
};

/// "8192", "8k", "1M".
std::uint64_t size_of(const std::string& flag, const std::string& text) {
  if (text.empty()) return 0;
  std::uint64_t unit = 1;
  std::string digits = text;
  if (text.back() == 'k' || text.back() == 'K') unit = 1024;
  if (text.back() == 'M') unit = 1024 * 1024;
  if (unit > 1) digits.pop_back();
  if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != std::string::npos ||
      std::stoull(digits) == 0)
    throw ValidationError(flag, "expected a number of bytes, such as 8192, 64k or 1M; got \"" + text + "\"");
  return std::stoull(digits) * unit;
}

/// What needs what goes to standard output where it is too much.
CExport within_budget(const packed::Model& model, const ExportOptions& o) {
  try {
    return export_c(model, o.c);
  } catch (const BudgetError& error) {
    if (!o.common.quiet && !o.common.json) print_out("{}", error.table);
    throw;
  }
}

void to_onnx(const ExportOptions& o) {
  const OnnxForm form = o.exact ? OnnxForm::kExact : o.int2 ? OnnxForm::kInt2 : OnnxForm::kDefault;
  const std::string bytes = export_onnx(packed::read(o.file), form);
  write_file_atomically(o.onnx, std::string_view(bytes));
  if (o.common.json)
    print_json(nlohmann::ordered_json{{"file", o.onnx}, {"bytes", bytes.size()}, {"opset", onnx_opset(form)}});
  else if (!o.common.quiet)
    print_out("{}: {} bytes, opset {}\n", o.onnx, bytes.size(), onnx_opset(form));
}

void to_c(ExportOptions o) {
  o.c.max_flash = size_of("--max-flash", o.max_flash);
  o.c.max_ram = size_of("--max-ram", o.max_ram);
  const std::vector<std::byte> bytes = read_file(o.file);
  o.c.source = std::filesystem::path(o.file).filename().string();
  o.c.source_crc32 = crc32(bytes);
  const CExport e = within_budget(packed::decode(bytes, o.file), o);
  write_files(e.files, o.folder);
  if (o.common.json) {
    print_json(nlohmann::ordered_json::parse(e.files.at("manifest.json")));
  } else if (!o.common.quiet) {
    print_out("{}{}: {} files; make -C {} builds the program {}\n", e.table(), o.folder, e.files.size(), o.folder,
              o.c.name);
  }
}

void export_all(const ExportOptions& o) {
  if (o.folder.empty() == o.onnx.empty()) throw ValidationError("--c, --onnx", "expected one of both");
  for (const auto& [flag, given] : {std::pair{"--exact", o.exact}, {"--int2", o.int2}}) {
    if (given && o.onnx.empty()) throw ValidationError(flag, "needs --onnx");
  }
  if (o.exact && o.int2) throw ValidationError("--int2", "weights of the exact form are int8; expected one of both");
  expect_packed(o.file);
  if (o.onnx.empty())
    to_c(o);
  else
    to_onnx(o);
}

}  // namespace

void add_export(App& app) {
  auto o = std::make_shared<ExportOptions>();
  App* verb = app.add_subcommand(
      "export", "Write a packed file as a C99 program for microcontrollers and other machines, or as ONNX");
  verb->add_option("FILE", o->file, "Packed file")->required();
  verb->add_option("--c", o->folder, "Folder to write a C program to");
  verb->add_option("--onnx", o->onnx, "ONNX file to write");
  verb->add_flag("--exact", o->exact, "ONNX whose codes and scores are tern's: comparisons and whole numbers");
  verb->add_flag("--int2", o->int2, "ONNX of opset 25 with two bits a weight, to keep");
  verb->add_option("--name", o->c.name, "What C names and files begin with")->capture_default_str();
  verb->add_option("--max-flash", o->max_flash,
                   "Most bytes of tables and code: 65536, 64k, 1M; smaller forms are chosen to fit");
  verb->add_option("--max-ram", o->max_ram, "Most bytes of arena, image and scores");
  verb->add_option("--words", o->c.words, "Bits of the widest word: 32 or 64")->capture_default_str();
  verb->add_option(
      "--form", o->c.form,
      "Weights of ternary layers: bits (fast) or base3 (small); default: bits as far as --max-flash allows");
  verb->add_option("--selftest", o->c.selftest, "Images of the self-test, with the codes of every layer summed up")
      ->capture_default_str();
  verb->add_flag("--arduino", o->c.arduino, "Add an Arduino library");
  verb->examples({"tern export net.tern --c net_c",
                  "tern export net.tern --c net_c --selftest 4 && make -C net_c check",
                  "tern export net.tern --c net_c --max-flash 32k --max-ram 4k --arduino",
                  "tern export net.tern --onnx net.onnx", "tern export net.tern --onnx exact.onnx --exact"});
  add_common(*verb, o->common);
  verb->callback([o, verb] {
    if (!o->onnx.empty() && o->folder.empty()) {
      verb->refuse({"--name", "--max-flash", "--max-ram", "--words", "--form", "--selftest", "--arduino"},
                   "is for C programs, has no effect with --onnx");
    }
    export_all(*o);
  });
}

}  // namespace tern::cli
