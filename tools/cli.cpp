#include "cli.hpp"

#include <CLI/CLI.hpp>

namespace tern::cli {

Option Option::required() { return option_->required(), *this; }
Option Option::capture_default_str() { return option_->capture_default_str(), *this; }
Option Option::delimiter(char c) { return option_->delimiter(c), *this; }
Option Option::take_last() { return option_->take_last(), *this; }
Option Option::group(const std::string& name) { return option_->group(name), *this; }
Option Option::type_name(const std::string& name) { return option_->type_name(name), *this; }
Option Option::each(const std::function<void(std::string)>& f) { return option_->each(f), *this; }

Option Option::check(const Check& check) {
  switch (check.kind) {
    case Check::Kind::kExistingFile: option_->check(CLI::ExistingFile); break;
    case Check::Kind::kPositive: option_->check(CLI::PositiveNumber); break;
    case Check::Kind::kNonNegative: option_->check(CLI::NonNegativeNumber); break;
    case Check::Kind::kRange: option_->check(CLI::Range(check.low, check.high)); break;
  }
  return *this;
}

App::App(const std::string& description, const std::string& name)
    : app_(nullptr), owned_(std::make_unique<CLI::App>(description, name)) {
  app_ = owned_.get();
  app_->failure_message(CLI::FailureMessage::simple);
}
App::App(CLI::App* sub) : app_(sub) {}
App::~App() = default;

App* App::add_subcommand(const std::string& name, const std::string& description) {
  subcommands_.emplace_back(new App(app_->add_subcommand(name, description)));
  return subcommands_.back().get();
}
void App::require_subcommand(int n) { app_->require_subcommand(n); }

Option App::add_option(const std::string& f, std::string& v, const std::string& h) { return Option(app_->add_option(f, v, h)); }
Option App::add_option(const std::string& f, int& v, const std::string& h) { return Option(app_->add_option(f, v, h)); }
Option App::add_option(const std::string& f, std::int64_t& v, const std::string& h) { return Option(app_->add_option(f, v, h)); }
Option App::add_option(const std::string& f, std::uint64_t& v, const std::string& h) { return Option(app_->add_option(f, v, h)); }
Option App::add_option(const std::string& f, double& v, const std::string& h) { return Option(app_->add_option(f, v, h)); }
Option App::add_option(const std::string& f, std::vector<std::string>& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, std::vector<int>& v, const std::string& h) { return Option(app_->add_option(f, v, h)); }
Option App::add_option(const std::string& f, std::vector<std::int64_t>& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, std::vector<double>& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option_function(const std::string& flags, const std::function<void(const std::string&)>& f, const std::string& help) {
  return Option(app_->add_option_function<std::string>(flags, f, help));
}
Option App::add_flag(const std::string& f, bool& v, const std::string& h) {
  return Option(app_->add_flag(f, v, h)->disable_flag_override());
}
Option App::add_flag_function(const std::string& flags, const std::function<void(bool)>& f, const std::string& help) {
  return Option(app_->add_flag_function(flags, [f](std::int64_t count) { f(count > 0); }, help)->disable_flag_override());
}
void App::callback(const std::function<void()>& f) { app_->callback(f); }

int App::run(int argc, const char* const* argv) {
  try {
    app_->parse(argc, argv);
    return 0;
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();
  } catch (const CLI::Success& e) {  // --help
    return app_->exit(e);
  } catch (const CLI::ParseError& e) {
    app_->exit(e);
  } catch (const ValidationError& e) {
    app_->exit(CLI::ValidationError(e.what(), CLI::ExitCodes::ValidationError));
  }
  return 2;
}

}  // namespace tern::cli
