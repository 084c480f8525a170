// Registry: rows that programs look up by name: those of a .def file first, then what register_*() functions add.
//
//   using Layers = Registry<FactoryRow<RegistryInfo, LayerFactory>>;
//   Layers& layers() {
//     static Layers r({.what = "layer", .adder = "register_layer", .finder = "graph"}, {{{"conv2d", "help"}, make},
//     ..}); return r;
//   }
//
// Thread safety: all of it may be called at the same time. What it gives are copies, so a row may go while it is used.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/names.hpp"
#include "core/printable.hpp"
#include "tern/error.hpp"
#include "tern/registry.hpp"

namespace tern {

/// The row of most registries: what users see (it has a key), and what makes it.
template <class Info, class Factory>
struct FactoryRow : Info {
  Factory make;
};

/// What a file of the room gives its registry of a method: all options, and what makes it from a spec that has a legal
/// value for each.
template <class Factory>
struct Method {
  OptionTable options;
  Factory make;
};
template <class Factory>
FactoryRow<MethodInfo, Factory> method_row(const char* key, const char* help, Method<Factory> method) {
  return {{{key, help}, std::move(method.options)}, std::move(method.make)};
}

/// The words of a registry's messages.
struct RegistryTexts {
  std::string what;                 ///< "layer": unknown layer "x"
  std::string adder;                ///< "register_layer": [register_layer] expected a new name; ..
  std::string finder;               ///< "graph": [graph] unknown layer ..
  std::string needs = "a factory";  ///< what a row is of no use without
  std::string also = "";            ///< behind the list of known names
  char separator = '_';             ///< of the words in a name: '_', or '-', for which '_' stands then too
};

/// `Name` is the member of a row that names it, `Need` the one that may not be empty.
template <class Row, auto Name = &Row::key, auto Need = &Row::make>
class Registry {
 public:
  /// `rows` are there for ever.
  Registry(RegistryTexts texts, std::vector<Row> rows)
      : texts_(std::move(texts)), rows_(std::move(rows)), built_in_(std::ssize(rows_)) {
    for (Row& row : rows_) row.*Name = spelled(row.*Name);
  }

  /// Errors: ValueError if the name is taken or not of a-z, 0-9 and the separator behind a letter; if the row lacks
  /// what it is of no use without.
  void add(Row row) {
    const std::string at = "[" + texts_.adder + "] ";
    row.*Name = spelled(row.*Name);
    const std::string& name = row.*Name;
    if (!legal(name)) {
      throw ValueError(at + "expected a name of a-z, 0-9 and '" + texts_.separator +
                       "' that begins with a letter; got \"" + printable(name) + "\"");
    }
    if constexpr (std::is_base_of_v<MethodInfo, Row>) check_options(name, row.options.value_or(OptionTable{}));
    if (lacks(row.*Need)) throw ValueError(at + name + ": expected " + texts_.needs + "; got none");
    const std::lock_guard lock(mutex_);
    if (row_of(name) != rows_.end()) throw ValueError(at + "expected a new name; got \"" + name + "\", which is taken");
    rows_.push_back(std::move(row));
  }

  /// Takes a row away that was added. Errors: ValueError if there is none of this name.
  void remove(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto row = row_of(spelled(name));
    if (row - rows_.begin() < built_in_ || row == rows_.end()) {
      throw ValueError("[" + texts_.adder + "] expected the name of a row that was added; got \"" + printable(name) +
                       "\"");
    }
    rows_.erase(row);
  }

  /// `at` is the beginning of the message if there is no such row; empty: the finder.
  /// Errors: ValueError that says what may have been meant, and lists the known names.
  Row find(std::string_view name, const std::string& at = "") const {
    const std::lock_guard lock(mutex_);
    if (const auto row = row_of(spelled(name)); row != rows_.end()) return *row;
    throw ValueError((at.empty() ? "[" + texts_.finder + "] " : at) +
                     unknown_name(texts_.what, name, rows_, [](const Row& row) { return row.*Name; }) + texts_.also);
  }

  /// All rows in the order in which they came; `As` may be a base class of Row.
  template <class As = Row>
  std::vector<As> list() const {
    const std::lock_guard lock(mutex_);
    return {rows_.begin(), rows_.end()};
  }

 private:
  std::string spelled(std::string_view name) const {
    std::string out(name);
    if (texts_.separator == '-') std::replace(out.begin(), out.end(), '_', '-');
    return out;
  }
  bool legal(const std::string& name) const {
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
      return letter(c) || (c >= '0' && c <= '9') || c == texts_.separator;
    });
  }
  template <class T>
  static bool lacks(const T& value) {
    if constexpr (requires { value.empty(); })
      return value.empty();
    else
      return !value;
  }
  auto row_of(const std::string& name) const {
    return std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) { return row.*Name == name; });
  }

  RegistryTexts texts_;
  mutable std::mutex mutex_;
  std::vector<Row> rows_;
  std::ptrdiff_t built_in_;
};

}  // namespace tern
