// The lists of layers and models: the rows of the .def files first, then what programs register.
#include "nn/registry.hpp"

namespace tern {

#define TERN_LAYER(op, file, help) std::unique_ptr<Layer> make_layer_##op(const LayerPlace&);
#include "nn/layers.def"
#undef TERN_LAYER
#define TERN_MODEL(name, file, help) Graph make_model_##name(const ModelOptions&);
#include "nn/models.def"
#undef TERN_MODEL

LayerRegistry& layer_registry() {
  static LayerRegistry r{
      {.what = "layer", .adder = "register_layer", .finder = "graph"},
      {
#define TERN_LAYER(op, file, help) {{#op, help}, make_layer_##op},
#include "nn/layers.def"
#undef TERN_LAYER
      },
  };
  return r;
}

ModelRegistry& model_registry() {
  static ModelRegistry r{
      {.what = "model", .adder = "register_model", .finder = "make_model"},
      {
#define TERN_MODEL(name, file, help) {{#name, help}, make_model_##name},
#include "nn/models.def"
#undef TERN_MODEL
      },
  };
  return r;
}

std::unique_ptr<Layer> make_layer(const LayerPlace& place) {
  return layer_registry().find(place.node.op, "[graph] node \"" + place.node.name + "\": ").make(place);
}
std::vector<RegistryInfo> layers() { return layer_registry().list<RegistryInfo>(); }
void register_layer(const std::string& op, const std::string& help, LayerFactory factory) {
  layer_registry().add({{op, help}, std::move(factory)});
}

Graph make_model(const std::string& name, const ModelOptions& options) {
  return model_registry().find(name).make(options);
}
std::vector<RegistryInfo> models() { return model_registry().list<RegistryInfo>(); }
void register_model(const std::string& name, const std::string& help, ModelFactory factory) {
  model_registry().add({{name, help}, std::move(factory)});
}

}  // namespace tern
