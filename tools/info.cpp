// tern info: version, CPU, instruction sets, threads, libraries.
#include <fmt/core.h>

#include "console.hpp"
#include "core/names.hpp"
#include "tern/cpu.hpp"
#include "tern/parallel.hpp"
#include "tern/version.hpp"

namespace tern::cli {

void add_info(App& app) {
  auto o = std::make_shared<Common>();
  App* verb = app.add_subcommand("info", "Show version, instruction sets, threads and libraries");
  verb->examples({"tern info"});
  add_common(*verb, *o);
  verb->callback([o] {
    nlohmann::ordered_json isas = nlohmann::ordered_json::array();
    for (const Isa isa : available_isas()) isas.push_back(name_of(isa));
    if (o->json) {
      nlohmann::ordered_json libraries;
      for (const auto& [name, version] : library_versions()) libraries[name] = version;
      print_json({{"version", version()},
                  {"cpu", cpu_description()},
                  {"isas", isas},
                  {"isa", name_of(active_isa())},
                  {"threads", num_threads()},
                  {"libraries", libraries}});
      return;
    }
    print_out("tern {}\ncpu: {}\ninstruction sets: {}; in use: {} (TERN_ISA or --isa forces another)\nthreads: {}\n",
              version(), cpu_description(), join(available_isas(), ", ", [](Isa isa) { return name_of(isa); }),
              name_of(active_isa()), num_threads());
    for (const auto& [name, version] : library_versions()) print_out("{}: {}\n", name, version);
  });
}

}  // namespace tern::cli
