// Options on the pages of docs: what a page must say of a table of options, and what it says.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "tern/spec.hpp"

namespace tern::testing {

inline std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  REQUIRE(in);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// As a cell of a table has it.
inline std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

// The table of a method, a line each; nothing for one without options.
inline std::string option_table(const OptionTable& options) {
  std::string out = options.empty() ? "" : "| option | default | range | meaning |\n|---|---|---|---|\n";
  for (const SpecOption& o : options) {
    const std::string when = o.when.empty() ? "" : " (with `" + o.when + "`)";
    out += "| `" + o.name + "` | " + o.shown_default() + " | " + cell(o.range) + " | " + cell(o.help + when) + " |\n";
  }
  return out;
}

// The table that stands under "Options of the WHAT `key`, `key`:" in one of the pages; nothing if there is none.
inline std::string table_in_pages(const std::vector<std::filesystem::path>& pages, const std::string& what,
                                  const std::string& key) {
  std::string found;
  for (const std::filesystem::path& page : pages) {
    const std::vector<std::string> lines = lines_of(page);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!lines[i].starts_with("Options of the " + what + " ") || lines[i].find("`" + key + "`") == std::string::npos)
        continue;
      REQUIRE(found.empty());
      for (std::size_t k = i + 2; k < lines.size() && lines[k].starts_with("|"); ++k) found += lines[k] + "\n";
    }
  }
  return found;
}

}  // namespace tern::testing
