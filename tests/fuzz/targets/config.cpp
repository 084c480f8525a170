#include "../target.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"

namespace tern::fuzz {

Target config() {
  const auto run = [](ByteView bytes) {
    if (bytes.empty()) return;
    const std::string text = text_of(bytes.subspan(1));
    if (bytes[0] % 2 == 0)
      TrainConfig::parse(text, "fuzz").check();
    else
      SearchConfig::parse(text, "fuzz").check();
  };
  return {run, texts({'\0' + TrainConfig{}.toml(), '\1' + SearchConfig{}.toml(),
                      std::string(1, '\0') + "# \xce\x92\n[data]\ndata = \"\xc3\xa4\"\nlimit_train = 1_0\n",
                      std::string(1, '\0') + "[model]\nmodel = '''a'''\nwidth = 0x10\n"})};
}

}  // namespace tern::fuzz
