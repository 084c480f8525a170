#include "cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <iomanip>
#include <sstream>

#include "console.hpp"
#include "core/names.hpp"

namespace tern::cli {
namespace {

std::string number_text(double x) {
  std::ostringstream out;
  out << std::setprecision(15) << x;
  return out.str();
}

// A check of numbers: `range` is for the help, `expected` for the message.
void check_number(CLI::Option* option, const std::string& range, const std::string& expected,
                  const std::function<bool(double)>& good) {
  option->check(
      [=](const std::string& text) {
        double x = 0;
        return CLI::detail::lexical_cast(text, x) && good(x) ? "" : "expected " + expected + "; got " + text;
      },
      range);
}

// "; did you mean X?" for the known name that is most like `word`, or "".
std::string near(const std::string& word, const std::vector<std::string>& known) {
  const std::string best = nearest_name(word, known);
  return best.empty() ? "" : "; did you mean " + best + "?";
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* o : app.get_options()) {
    for (const std::string& name : o->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  return names;
}

struct BadName : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What options are called elsewhere.
struct Elsewhere {
  std::string name, ours, example;
};
const std::vector<Elsewhere>& elsewhere() {
  static const std::vector<Elsewhere> all{{"--lr", "--schedule", " cosine:hi=0.05,lo=0"},
                                          {"--learning-rate", "--schedule", " cosine:hi=0.05,lo=0"},
                                          {"--batch-size", "--batch", ""},
                                          {"-b", "--batch", ""},
                                          {"--dataset", "--data", ""},
                                          {"-d", "--data", ""},
                                          {"--arch", "--model", ""},
                                          {"--output", "--out", ""},
                                          {"-o", "--run", ""},
                                          {"--out", "--run", ""},
                                          {"--output", "--run", ""},
                                          {"-o", "--sheet", ""},
                                          {"--out", "--sheet", ""},
                                          {"--topology", "--model", ""},
                                          {"--run", "--curves", " RUN"},
                                          {"--resume-from", "--resume", ""},
                                          {"--pretrained", "--from", ""},
                                          {"-j", "--threads", ""},
                                          {"-v", "--version", ""}};
  return all;
}

// "; did you mean X?" for an option that is not there, or "".
std::string meant(const std::string& name, const CLI::App& app) {
  for (const Elsewhere& e : elsewhere()) {
    if (e.name == name && app.get_option_no_throw(e.ours)) return "; did you mean " + e.ours + e.example + "?";
  }
  return near(name, option_names(app));
}

// Goes through the verbs and options of a command line without a look at values. `app` becomes the last verb, `path`
// all of them. Throws BadName.
void check_names(const CLI::App*& app, std::string& path, int argc, const char* const* argv) {
  for (int i = 1; i < argc && std::string(argv[i]) != "--"; ++i) {
    const std::string word = argv[i];
    if (word.size() > 1 && word[0] == '-' && (word[1] == '-' || std::isalpha(static_cast<unsigned char>(word[1])))) {
      const std::string name = word[1] == '-' ? word.substr(0, word.find('=')) : word.substr(0, 2);
      const CLI::Option* option = app->get_option_no_throw(name);
      if (!option) {
        const std::string hint = meant(name, *app);
        throw BadName("unknown option " + name + (hint.empty() ? "; " + path + " --help lists the known ones" : hint));
      }
      if (option == app->get_help_ptr() || option == app->get_version_ptr()) return;
      if (option->get_items_expected_min() > 0 && name == word) ++i;  // its value
    } else if (app->get_require_subcommand_min() > 0) {
      const std::vector<std::string> verbs = verb_names(*app);
      if (std::find(verbs.begin(), verbs.end(), word) == verbs.end()) {
        std::vector<std::string> known = option_names(*app);
        known.insert(known.begin(), verbs.begin(), verbs.end());
        throw BadName("unknown verb \"" + word + "\"" + near(word, known) + " (verbs: " + join(verbs) + ")");
      }
      app = app->get_subcommand(word);
      path += " " + word;
    }
  }
  if (app->get_require_subcommand_min() > 0)
    throw BadName("expected a verb: " + CLI::detail::join(verb_names(*app), ", "));
}

// Of a command line whose names are right: what an option says that has a place as well, such as --run, goes right
// behind the verb. Words without a name then count for the places that are left.
std::vector<const char*> named_places_first(const CLI::App* app, const std::vector<const char*>& words) {
  std::vector<const char*> verbs, named, others;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i];
    if (word == "--") {
      others.insert(others.end(), words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      break;
    }
    const CLI::Option* option =
        word.size() > 1 && word[0] == '-' ? app->get_option_no_throw(word.substr(0, word.find('='))) : nullptr;
    const bool has_place = option && option->get_positional() && option->get_items_expected_max() == 1;
    if (i == 0 || (!option && app->get_require_subcommand_min() > 0)) {
      verbs.push_back(words[i]);
      if (i > 0) app = app->get_subcommand(word);
      continue;
    }
    std::vector<const char*>& to = has_place ? named : others;
    to.push_back(words[i]);
    const bool value_follows = option && option->get_items_expected_min() > 0 && word.find('=') == word.npos;
    if (value_follows && i + 1 < words.size()) to.push_back(words[++i]);
  }
  verbs.insert(verbs.end(), named.begin(), named.end());
  verbs.insert(verbs.end(), others.begin(), others.end());
  return verbs;
}

// Help that fits the terminal, without the "{false}" of CLI11 behind the negative names of switches.
class Formatter : public CLI::Formatter {
 public:
  Formatter() { column_width(28); }

  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, positional);
    const std::string noise = "{false}";
    for (std::size_t at; (at = name.find(noise)) != std::string::npos;) name.erase(at, noise.size());
    return name;
  }
  std::string make_option(const CLI::Option* option, bool positional) const override {
    return row(make_option_name(option, positional) + make_option_opts(option), make_option_desc(option));
  }
  std::string make_subcommand(const CLI::App* verb) const override {
    return row(verb->get_display_name(true), verb->get_description());
  }
  std::string make_description(const CLI::App* app) const override {
    return wrap(app->get_description(), output_columns()) + "\n";
  }

 private:
  std::string row(const std::string& left, const std::string& right) const {
    return hanging("  " + left, get_column_width(), right, output_columns());
  }
};

}  // namespace

Option Option::required() { return option_->required(), *this; }
Option Option::capture_default_str() { return option_->capture_default_str(), *this; }
Option Option::delimiter(char c) { return option_->delimiter(c), *this; }
Option Option::bare(const std::string& value) { return option_->expected(0, 1)->default_str(value), *this; }
Option Option::take_last() { return option_->take_last(), *this; }
Option Option::group(const std::string& name) { return option_->group(name), *this; }
Option Option::type_name(const std::string& name) { return option_->type_name(name), *this; }
Option Option::each(const std::function<void(std::string)>& f) { return option_->each(f), *this; }

Option Option::check(const Check& check) {
  switch (check.kind) {
    case Check::Kind::kExistingFile:
      option_->check(CLI::ExistingFile);
      break;
    case Check::Kind::kPositive:
      check_number(option_, ">0", "a number > 0", [](double x) { return x > 0; });
      break;
    case Check::Kind::kNonNegative:
      check_number(option_, ">=0", "a number >= 0", [](double x) { return x >= 0; });
      break;
    case Check::Kind::kRange: {
      const std::string low = number_text(check.low), high = number_text(check.high);
      check_number(option_, low + ".." + high, low + " to " + high,
                   [check](double x) { return x >= check.low && x <= check.high; });
      break;
    }
  }
  return *this;
}

App::App(const std::string& description, const std::string& name)
    : app_(nullptr), owned_(std::make_unique<CLI::App>(description, name)) {
  app_ = owned_.get();
  app_->formatter(std::make_shared<Formatter>());
}
App::App(CLI::App* sub) : app_(sub) {}
App::~App() = default;

App* App::add_subcommand(const std::string& name, const std::string& description) {
  subcommands_.emplace_back(new App(app_->add_subcommand(name, description)));
  return subcommands_.back().get();
}
void App::add_version(const std::string& text) {
  app_->set_version_flag("--version,-V", text, "Print the version and exit");
}
void App::require_subcommand(int n) { app_->require_subcommand(n); }

Option App::add_option(const std::string& f, std::string& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, int& v, const std::string& h) { return Option(app_->add_option(f, v, h)); }
Option App::add_option(const std::string& f, std::int64_t& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, std::uint64_t& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, double& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, std::vector<std::string>& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, std::vector<int>& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, std::vector<std::int64_t>& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option(const std::string& f, std::vector<double>& v, const std::string& h) {
  return Option(app_->add_option(f, v, h));
}
Option App::add_option_function(const std::string& flags, const std::function<void(const std::string&)>& f,
                                const std::string& help) {
  return Option(app_->add_option_function<std::string>(flags, f, help));
}
Option App::add_flag(const std::string& f, bool& v, const std::string& h) {
  return Option(app_->add_flag(f, v, h)->disable_flag_override());
}
Option App::add_flag_function(const std::string& flags, const std::function<void(bool)>& f, const std::string& help) {
  return Option(app_->add_flag_function(
                        flags, [f](std::int64_t count) { f(count > 0); }, help)
                    ->disable_flag_override());
}
bool App::given(const std::string& flag) const { return app_->get_option(flag)->count() > 0; }
void App::refuse(std::initializer_list<const char*> flags, const std::string& why) const {
  for (const char* flag : flags) {
    if (given(flag)) throw ValidationError(flag, why);
  }
}
void App::examples(const std::vector<std::string>& lines) {
  std::string text = "Examples:";
  for (const std::string& line : lines) text += "\n  " + line;
  app_->footer(text);
}
void App::callback(const std::function<void()>& f) { app_->callback(f); }

int App::run(int argc, const char* const* argv) {
  // tern help train: tern train --help
  std::vector<const char*> words(argv, argv + argc);
  if (argc > 1 && std::string(argv[1]) == "help") {
    words.erase(words.begin() + 1);
    words.push_back("--help");
  }
  const CLI::App* verb = app_;
  std::string path = app_->get_name();
  const auto refuse = [&](const std::string& why) {
    print_err("{}: {}\n", path, why);
    return 2;
  };
  try {
    check_names(verb, path, argc, words.data());
    words = named_places_first(app_, words);
    app_->parse(argc, words.data());
    return 0;
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();
  } catch (const CLI::Success& e) {  // --help
    return app_->exit(e);
  } catch (const CLI::ExtrasError&) {
    return refuse("unexpected: " + CLI::detail::join(verb->remaining(), " "));
  } catch (const CLI::ParseError& e) {
    return refuse(e.what());
  } catch (const BadName& e) {
    return refuse(e.what());
  } catch (const ValidationError& e) {
    return refuse(e.what());
  }
}

}  // namespace tern::cli
