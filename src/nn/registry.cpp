// The lists of layers and models: built from their .def files, extended by register_*.
#include "nn/registry.hpp"

#include <map>
#include <mutex>

#include "tern/error.hpp"

namespace tern {

#define TERN_LAYER(op, file, help) std::unique_ptr<Layer> make_layer_##op(const LayerPlace&);
#include "nn/layers.def"
#undef TERN_LAYER
#define TERN_MODEL(name, file, help) Graph make_model_##name(const ModelOptions&);
#include "nn/models.def"
#undef TERN_MODEL

namespace {

template <class Factory>
class Registry {
 public:
  Registry(const char* what, std::vector<std::pair<RegistryInfo, Factory>> rows)
      : what_(what), rows_(std::move(rows)) {}

  void add(const std::string& key, const std::string& help, Factory factory) {
    const std::lock_guard lock(mutex_);
    if (find_row(key)) throw ValueError("[register] the " + std::string(what_) + " \"" + key + "\" exists already");
    rows_.push_back({{key, help}, std::move(factory)});
  }

  Factory find(const std::string& key, const std::string& where) {
    const std::lock_guard lock(mutex_);
    if (const auto* row = find_row(key)) return row->second;
    std::string known;
    for (const auto& row : rows_) known += (known.empty() ? "" : ", ") + row.first.key;
    throw ValueError(where + "unknown " + what_ + " \"" + key + "\"; known: " + known);
  }

  std::vector<RegistryInfo> list() {
    const std::lock_guard lock(mutex_);
    std::vector<RegistryInfo> out;
    for (const auto& row : rows_) out.push_back(row.first);
    return out;
  }

 private:
  const std::pair<RegistryInfo, Factory>* find_row(const std::string& key) const {
    for (const auto& row : rows_) {
      if (row.first.key == key) return &row;
    }
    return nullptr;
  }

  const char* what_;
  std::mutex mutex_;
  std::vector<std::pair<RegistryInfo, Factory>> rows_;
};

Registry<LayerFactory>& layer_registry() {
  static Registry<LayerFactory> r("layer", {
#define TERN_LAYER(op, file, help) {{#op, help}, make_layer_##op},
#include "nn/layers.def"
#undef TERN_LAYER
                                           });
  return r;
}

Registry<ModelFactory>& model_registry() {
  static Registry<ModelFactory> r("model", {
#define TERN_MODEL(name, file, help) {{#name, help}, make_model_##name},
#include "nn/models.def"
#undef TERN_MODEL
                                           });
  return r;
}

}  // namespace

std::unique_ptr<Layer> make_layer(const LayerPlace& place) {
  return layer_registry().find(place.node.op, "[graph] node \"" + place.node.name + "\": ")(place);
}

std::vector<RegistryInfo> layers() { return layer_registry().list(); }
void register_layer(const std::string& op, const std::string& help, LayerFactory factory) {
  layer_registry().add(op, help, std::move(factory));
}

std::vector<RegistryInfo> models() { return model_registry().list(); }
Graph make_model(const std::string& name, const ModelOptions& options) {
  return model_registry().find(name, "[make_model] ")(options);
}
void register_model(const std::string& name, const std::string& help, ModelFactory factory) {
  model_registry().add(name, help, std::move(factory));
}

}  // namespace tern
