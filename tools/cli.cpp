#include "cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <iomanip>
#include <iostream>
#include <sstream>

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

// Letters inserted, left out, changed or swapped with their neighbour between `a` and `b`.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::string undashed(const std::string& name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

// "; did you mean X?" for the known name that is most like `word`, or "".
std::string near(const std::string& word, const std::vector<std::string>& known) {
  const std::string w = undashed(word);
  const std::string* best = nullptr;
  std::size_t nearest = 0;
  for (const std::string& name : known) {
    const std::string k = undashed(name);
    const std::size_t d = distance(w, k);
    const bool alike =
        d <= std::max<std::size_t>(1, (w.size() + 1) / 3) || (w.size() > 2 && (k.starts_with(w) || w.starts_with(k)));
    if (alike && (!best || d < nearest)) best = &name, nearest = d;
  }
  return best ? "; did you mean " + *best + "?" : "";
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

// Goes through the verbs and options of a command line without a look at values. `app` becomes the last verb, `path`
// all of them. Throws BadName.
void check_names(const CLI::App*& app, std::string& path, int argc, const char* const* argv) {
  for (int i = 1; i < argc && std::string(argv[i]) != "--"; ++i) {
    const std::string word = argv[i];
    if (word.size() > 1 && word[0] == '-' && (word[1] == '-' || std::isalpha(static_cast<unsigned char>(word[1])))) {
      const std::string name = word[1] == '-' ? word.substr(0, word.find('=')) : word.substr(0, 2);
      const CLI::Option* option = app->get_option_no_throw(name);
      if (!option) {
        const std::string meant = near(name, option_names(*app));
        throw BadName("unknown option " + name +
                      (meant.empty() ? "; " + path + " --help lists the known ones" : meant));
      }
      if (option == app->get_help_ptr() || option == app->get_version_ptr()) return;
      if (option->get_items_expected_min() > 0 && name == word) ++i;  // its value
    } else if (app->get_require_subcommand_min() > 0) {
      const std::vector<std::string> verbs = verb_names(*app);
      if (std::find(verbs.begin(), verbs.end(), word) == verbs.end()) {
        std::vector<std::string> known = option_names(*app);
        known.insert(known.begin(), verbs.begin(), verbs.end());
        throw BadName("unknown verb \"" + word + "\"" + near(word, known) +
                      " (verbs: " + CLI::detail::join(verbs, ", ") + ")");
      }
      app = app->get_subcommand(word);
      path += " " + word;
    }
  }
  if (app->get_require_subcommand_min() > 0)
    throw BadName("expected a verb: " + CLI::detail::join(verb_names(*app), ", "));
}

// Help without the "{false}" of CLI11 behind the negative names of switches.
class Formatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, positional);
    const std::string noise = "{false}";
    for (std::size_t at; (at = name.find(noise)) != std::string::npos;) name.erase(at, noise.size());
    return name;
  }
};

}  // namespace

Option Option::required() { return option_->required(), *this; }
Option Option::capture_default_str() { return option_->capture_default_str(), *this; }
Option Option::delimiter(char c) { return option_->delimiter(c), *this; }
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
  app_->set_version_flag("--version", text, "Print the version and exit");
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
void App::callback(const std::function<void()>& f) { app_->callback(f); }

int App::run(int argc, const char* const* argv) {
  const CLI::App* verb = app_;
  std::string path = app_->get_name();
  const auto refuse = [&](const std::string& why) {
    std::cerr << path << ": " << why << "\n";
    return 2;
  };
  try {
    check_names(verb, path, argc, argv);
    app_->parse(argc, argv);
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
