// The texts around the functions: header, tables, program, makefile, manifest, self-test, Arduino library.
#pragma once

#include <map>

#include "export/c/program.hpp"
#include "tern/export.hpp"

namespace tern::c99 {

/// A program with the text of each step's function.
struct Written {
  const Program& program;
  const std::vector<StepText>& steps;
  const CExportOptions& options;
  const CExport& figures;
};

/// The text with @ for the prefix in lower case and @@ for that in upper case.
std::string fill(std::string text, const Prefix& prefix);

std::string header_file(const Written& w);
std::string tables_file(const Written& w);
std::string source_file(const Written& w);
std::string trace_file(const Written& w);
/// Images of noise with scores and a checksum of each step's values, as the packed runtime's plain definitions compute
/// them.
std::string selftest_file(const Written& w);

/// All of them, by path.
std::map<std::string, std::string> files(const Written& w);

}  // namespace tern::c99
