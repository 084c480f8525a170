// Command lines: the part of CLI11 that the verbs use. CLI11 itself is read by cli.cpp alone: its header is most of
// what compiling a verb would cost.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tern::cli {

/// What the value of an option must be.
struct Check {
  enum class Kind { kExistingFile, kPositive, kNonNegative, kRange } kind;
  double low = 0, high = 0;
};
inline constexpr Check ExistingFile{Check::Kind::kExistingFile};
inline constexpr Check PositiveNumber{Check::Kind::kPositive};
inline constexpr Check NonNegativeNumber{Check::Kind::kNonNegative};
inline Check Range(double low, double high) { return {Check::Kind::kRange, low, high}; }

/// Thrown by a verb for a mistake in the command line: one line on standard error, exit code 2.
class ValidationError : public std::runtime_error {
 public:
  ValidationError(const std::string& option, const std::string& what) : std::runtime_error(option + ": " + what) {}
};

/// Handle of one option; what it returns is itself, so that calls chain.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option* operator->() { return this; }
  Option required();
  Option check(const Check& check);
  Option capture_default_str();           ///< the help shows the variable's value as the default
  Option delimiter(char c);               ///< one text holds several values
  Option bare(const std::string& value);  ///< without a value behind it, it stands for this one
  Option take_last();                     ///< of several times the last one counts
  Option group(const std::string& name);  ///< heading in the help
  Option type_name(const std::string& name);
  Option each(const std::function<void(std::string)>& f);

 private:
  CLI::Option* option_;
};

/// A command or a subcommand. Options write to the variables when the command line is read; then the callback of the
/// subcommand runs.
class App {
 public:
  App(const std::string& description, const std::string& name);
  ~App();
  App* add_subcommand(const std::string& name, const std::string& description);
  void add_version(const std::string& text);  ///< --version prints it
  void require_subcommand(int n);
  Option add_option(const std::string& flags, std::string& value, const std::string& help);
  Option add_option(const std::string& flags, int& value, const std::string& help);
  Option add_option(const std::string& flags, std::int64_t& value, const std::string& help);
  Option add_option(const std::string& flags, std::uint64_t& value, const std::string& help);
  Option add_option(const std::string& flags, double& value, const std::string& help);
  Option add_option(const std::string& flags, std::vector<std::string>& values, const std::string& help);
  Option add_option(const std::string& flags, std::vector<int>& values, const std::string& help);
  Option add_option(const std::string& flags, std::vector<std::int64_t>& values, const std::string& help);
  Option add_option(const std::string& flags, std::vector<double>& values, const std::string& help);
  Option add_option_function(const std::string& flags, const std::function<void(const std::string&)>& f,
                             const std::string& help);
  Option add_flag(const std::string& flags, bool& value, const std::string& help);
  /// `flags` may end in ",!--no-NAME".
  Option add_flag_function(const std::string& flags, const std::function<void(bool)>& f, const std::string& help);
  bool given(const std::string& flag) const;  ///< on the command line that was read
  /// Errors: ValidationError that names the first of `flags` that was given, and says `why` it is refused.
  void refuse(std::initializer_list<const char*> flags, const std::string& why) const;
  void examples(const std::vector<std::string>& lines);  ///< command lines below the help
  void callback(const std::function<void()>& f);
  /// Reads the command line, runs the verb and gives the exit code: 0, or 2 with a line on standard error if the
  /// command line is wrong: names of verbs and options before values. What verbs throw passes through, ValidationError
  /// excepted.
  int run(int argc, const char* const* argv);

 private:
  explicit App(CLI::App* sub);
  CLI::App* app_;
  std::unique_ptr<CLI::App> owned_;  // of the root only
  std::vector<std::unique_ptr<App>> subcommands_;
};

}  // namespace tern::cli
