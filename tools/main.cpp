// tern: the program. One file a verb; this one only joins them and turns exceptions into exit codes:
// 0 done, 1 failure (one line on standard error), 2 usage, 128 + n interrupted by signal n.
#include <exception>
#include <new>

#include "console.hpp"
#include "tern/version.hpp"

namespace tern::cli {
#define TERN_VERB(name) void add_##name(App& app);
#include "verbs.def"
#undef TERN_VERB
}  // namespace tern::cli

namespace {

int run(int argc, char** argv) {
  tern::cli::App app{"tern: train, pack, verify and run ternary neural networks", "tern"};
  app.add_version("tern " + tern::version());
  app.require_subcommand(1);
#define TERN_VERB(name) tern::cli::add_##name(app);
#include "verbs.def"
#undef TERN_VERB
  try {
    const int status = app.run(argc, argv);
    return status == 0 ? tern::cli::exit_status() : status;
  } catch (const std::bad_alloc&) {
    tern::cli::print_err("tern: not enough memory\n");
    return 1;
  } catch (const std::exception& e) {
    tern::cli::print_err("tern: {}\n", e.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  tern::cli::prepare_output();
  return tern::cli::finish_output(run(argc, argv));
}
