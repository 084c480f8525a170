// Between networks and what is not one: packed models, files of weights, images of data sets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/data.hpp"
#include "tern/infer.hpp"
#include "tern/nn.hpp"
#include "tern/packed.hpp"
#include "tern/public.h"
#include "tern/safetensors.hpp"

namespace tern {

/// Every layer that can stay in integers does: convolution or dense layer with a single scale on codes, batch norm,
/// optional ReLU and the next quantizer become one node with integer thresholds. What the network's output does not
/// depend on is left out. A packed node that computes what a node of the network does carries value_of=<its name>. The
/// network must be in evaluation mode.
/// Errors: ValueError naming the node if an op has no packed form, or if the result could not be loaded, as with
/// weights that are not finite.
TERN_PUBLIC packed::Model pack(const Network& network, const std::map<std::string, std::string>& meta = {});

// ---- packing layers of one's own: compose operations that a packed graph has (tern/packed.hpp) ----
//
//   tern::register_packer("halve", [](tern::PackContext& c) {  // y = x / 2
//     const tern::Shape channels{c.layer().output_shape()[0]};
//     c.finish({.op = "affine",
//               .inputs = c.inputs(),
//               .blobs = {{"k1", tern::float_blob(tern::Tensor::full(channels, 0.5))},
//                         {"k0", tern::float_blob(tern::Tensor::zeros(channels))}}});
//   });

/// Integer codes lo..hi, each worth step * code.
struct TERN_PUBLIC CodeRange {
  int lo = 0, hi = 0;
  float step = 0;
  int pad = 0;  ///< the code of padded pixels
  friend bool operator==(const CodeRange&, const CodeRange&) = default;
};
/// What a quantizer emits.
TERN_PUBLIC CodeRange code_range(const ActQuantizer& quantizer);

/// A node of a packed graph in the making. The packed runtime computes each op in the expressions of
/// src/kernels/exact.hpp; the layer is packed without loss if its evaluation rounds at the same places.
struct TERN_PUBLIC PackedNode {
  std::string op;
  std::vector<std::string> inputs = {};  ///< names of packed nodes
  std::vector<std::pair<std::string, std::string>> attrs = {};
  std::map<std::string, packed::Blob> blobs = {};  ///< by local name: "weight", not "<node>.weight"
  std::optional<CodeRange> codes = {};             ///< of an op that makes codes: becomes the keys lo, hi and step
};
/// The numbers of a float32 tensor.
TERN_PUBLIC packed::Blob float_blob(const Tensor& t);

/// What a packer sees of the network, and the packed graph that it appends to. One node of the network is being packed;
/// its packer must end with finish() or pass_through().
class TERN_PUBLIC PackContext {
 public:
  const Network& network() const;
  std::size_t index() const;  ///< of the node being packed
  const GraphNode& node() const { return node(index()); }
  const GraphNode& node(std::size_t i) const;
  Layer& layer() const { return layer(index()); }
  Layer& layer(std::size_t i) const;
  /// The nodes that read node `i` of the network, of those that its output depends on.
  std::vector<std::size_t> readers(std::size_t i) const;
  /// A parameter or buffer of the node's layer by its local name; undefined if it has none of that name.
  Tensor tensor(std::string_view name) const { return tensor(index(), name); }
  Tensor tensor(std::size_t i, std::string_view name) const;

  /// The packed nodes that compute what the node reads.
  std::vector<std::string> inputs() const;
  /// The codes that all of these packed nodes emit; nothing if any emits real values or other codes than the first.
  std::optional<CodeRange> codes(const std::vector<std::string>& packed_nodes) const;

  /// Appends an operation on the way to the node's result, and gives its name.
  std::string add(PackedNode operation);
  /// Appends the operation whose result is the node's. It takes the node's name, and verify() compares the two.
  void finish(PackedNode operation) { finish(std::move(operation), index()); }
  /// As finish(), for a later node that takes in this one: each node from this to `last` has one reader, the next.
  void finish(PackedNode operation, std::size_t last);
  /// The node's result is that of a packed node that is there.
  void pass_through(const std::string& packed_node);

  /// Errors: always ValueError, "[pack] node "<name>": " + why.
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  friend packed::Model pack(const Network& network, const std::map<std::string, std::string>& meta);
  struct State;
  explicit PackContext(State& state) : state_(state) {}
  void append(const std::string& name, PackedNode operation);
  State& state_;
};

using Packer = std::function<void(PackContext&)>;
/// Says how layers of an op become packed. Errors: ValueError if the op has a packer, or a reason to have none.
TERN_PUBLIC void register_packer(const std::string& op, Packer packer);
struct TERN_PUBLIC PackerInfo {
  std::string op;
  std::string reason;  ///< why layers of this op have no packed form; "": they have one
};
TERN_PUBLIC std::vector<PackerInfo> packers();

// ---- comparing ----

/// What a verification found. `values` are numbers compared (codes, floats, logits).
struct TERN_PUBLIC VerifyResult {
  struct Node {
    std::string name;
    std::int64_t values = 0;
    std::int64_t different = 0;
    bool codes = false;
  };
  std::string isa, kernel;
  std::int64_t images = 0;
  std::int64_t same_predictions = 0;
  std::vector<Node> nodes;  ///< in graph order; the last one holds the logits, as real values
  std::int64_t codes = 0, different_codes = 0;
  bool identical() const;
};

/// Runs the network in evaluation and the packed model on the same images, each with its own normalisation, and
/// compares bit for bit every value that the packed model says to be one of the network's, the logits, and the
/// predictions. A value of a node that the network does not have counts as different. Errors: ShapeError if the model
/// does not take such images, or has another number of classes; those of infer::Session.
TERN_PUBLIC VerifyResult verify(Network& network, const packed::Model& model, const infer::Options& how,
                                const Images& images, std::int64_t batch,
                                const std::function<void(std::int64_t, std::int64_t)>& progress = {});

// ---- weights from files ----

/// What became of each tensor of a file and of the network.
struct TERN_PUBLIC ImportReport {
  struct Row {
    std::string source, shape, target;
    /// "", "unused" (no target), "missing" (no source; the target keeps its value) or "anew" (of the classifier, and
    /// the source is for another number of classes; likewise).
    std::string note;
  };
  std::vector<Row> rows;
  std::int64_t used = 0, unused = 0, missing = 0, anew = 0;
  /// What the user should hear of, a line each: tensors that are missing or start anew, weights that are unused, and
  /// where a checkpoint's network computes otherwise than this one with the same tensors (stride, eps, ...).
  std::vector<std::string> remarks;
  /// "97 tensors used, 0 missing, 19 unused".
  std::string summary() const;
  /// All rows as a table of text: source, shape, target, note.
  std::string table() const;
};
/// Copies the tensors of a file into the network's by name. Names are matched as torchvision, the common CIFAR
/// implementations and tern's checkpoints write them ("layer1.0.bn1.weight" is "layer1_0_bn1.gamma"). Of a checkpoint
/// that holds averaged weights these are taken, as evaluation does; what belongs to its run alone is no row of the
/// report. Nothing is copied if anything is wrong. `allow_missing`: weights, biases and tensors of batch norms that the
/// file lacks keep their values, as those of quantizers always do; and so do those of the classifier (the last layer
/// with weights and what follows it) if the file has them for another number of classes. Errors: ShapeError naming the
/// first tensor of another shape; FormatError naming one whose dtype is not read; ValueError if no name matches, two
/// tensors of a side have one name, a weight, bias or tensor of a batch norm is missing, a source holds integers, a
/// value that is not finite or a negative running variance.
TERN_PUBLIC ImportReport import_weights(const Network& network, const SafetensorsFile& file,
                                        const std::string& file_name, bool allow_missing = false);
/// For a network that will import from `file`: refuses a tensor that has another shape there, in the same words; with
/// `allow_missing` not yet those that differ in the first extent alone.
TERN_PUBLIC ShapeCheck import_shapes(const SafetensorsFile& file, const std::string& file_name,
                                     bool allow_missing = false);

// ---- images for networks ----

/// The normalisation that a graph's input node carries (mean 0, std 1 if it has none).
TERN_PUBLIC Normalizer normalizer_of(const Graph& graph);
/// [N C H W].
TERN_PUBLIC Tensor batch_tensor(const Batch& batch);
/// In the shape C H W that a network takes (convert_images()).
TERN_PUBLIC Images fit_images(Images images, const Shape& shape);
/// The first `count` images, or as many as there are.
TERN_PUBLIC Images first_images(const Images& images, std::int64_t count);
/// What Network::init_quantizers() wants: the first `count` images fitted and normalised, not augmented, [N C H W].
TERN_PUBLIC Tensor calibration_images(const Network& network, const Images& images, std::int64_t count);

}  // namespace tern
