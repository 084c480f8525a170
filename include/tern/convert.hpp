// From a trained network to a packed one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tern/data.hpp"
#include "tern/infer.hpp"
#include "tern/nn.hpp"
#include "tern/packed.hpp"
#include "tern/safetensors.hpp"

namespace tern {

/// Every layer that can stay in integers does: convolution or dense layer with a single scale on codes, batch norm,
/// optional ReLU and the next quantizer become one node with integer thresholds. Each packed node carries
/// value_of=<node of the network>. The network must be in evaluation mode.
/// Errors: ValueError naming the node if an op has no packed form, or if the result could not be loaded, as with
/// weights that are not finite.
packed::Model pack(const Network& network, const std::map<std::string, std::string>& meta = {});

/// What a verification found. `values` are numbers compared (codes, floats, logits).
struct VerifyResult {
  struct Node {
    std::string name;
    std::int64_t values = 0;
    std::int64_t different = 0;
    bool codes = false;
  };
  std::string isa, kernel;
  std::int64_t images = 0;
  std::int64_t same_predictions = 0;
  std::vector<Node> nodes;  ///< in graph order; the last one holds the logits
  std::int64_t codes = 0, different_codes = 0;
  bool identical() const;
};

/// Runs the network in evaluation and the packed model on the same images and compares every value that both have, bit
/// for bit, and the predictions.
/// Errors: ShapeError if the model does not take such images, or has another number of classes; those of
/// infer::Session.
VerifyResult verify(Network& network, const packed::Model& model, const infer::Options& how, const Images& images,
                    std::int64_t batch, const std::function<void(std::int64_t, std::int64_t)>& progress = {});

/// What became of each tensor of a file and of the network.
struct ImportReport {
  struct Row {
    std::string source, shape, target;
    std::string note;  ///< "", "unused" (no target) or "missing" (no source; the target keeps its value)
  };
  std::vector<Row> rows;
  std::int64_t used = 0, unused = 0, missing = 0;
  /// "97 tensors used, 0 missing, 19 unused".
  std::string summary() const;
  /// All rows as a table of text: source, shape, target, note.
  std::string table() const;
};
/// Copies the tensors of a file into the network's by name. Names are matched as torchvision, the common CIFAR
/// implementations and tern's checkpoints write them ("layer1.0.bn1.weight" is "layer1_0_bn1.gamma"). Of a checkpoint
/// that holds averaged weights these are taken, as evaluation does; what belongs to its run alone is no row of the
/// report. Nothing is copied if anything is wrong. `allow_missing`: weights, biases and tensors of batch norms that the
/// file lacks keep their values, as those of quantizers always do. Errors: ShapeError naming the first tensor of
/// another shape; FormatError naming one whose dtype is not read; ValueError if no name matches, a weight, bias or
/// tensor of a batch norm is missing, a source holds integers, a value that is not finite or a negative running
/// variance.
ImportReport import_weights(const Network& network, const SafetensorsFile& file, const std::string& file_name,
                            bool allow_missing = false);
/// For a network that will import from `file`: refuses a tensor that has another shape there, in the same words.
ShapeCheck import_shapes(const SafetensorsFile& file, const std::string& file_name);

}  // namespace tern
