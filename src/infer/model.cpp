// Model: checks a packed network, plans it, and keeps what sessions share.
#include <algorithm>

#include "core/names.hpp"
#include "infer/measure_rates.hpp"
#include "infer/model_impl.hpp"
#include "infer/working_memory.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"

namespace tern::infer {
namespace {

// A group's plan has to be predicted so much faster.
constexpr double kWorthGrouping = 0.97;

void check_model_options(const Options& o) {
  if (!(o.max_work > 0)) throw ValueError("[session] expected max_work > 0; got " + std::to_string(o.max_work));
  if (o.isa && !is_available(*o.isa)) (void)isa_from_name(name_of(*o.isa));  // throws, listing the available ones
  const std::vector<std::string> known = kernel_families();
  if (!o.kernel.empty() && std::find(known.begin(), known.end(), o.kernel) == known.end()) {
    throw ValueError("[session] " + unknown_name("kernel", o.kernel, known));
  }
}

}  // namespace

void check_session_options(const Options& o) {
  if (o.threads < 0) throw ValueError("[session] expected threads >= 0; got " + std::to_string(o.threads));
  if (o.batch < 0) throw ValueError("[session] expected batch >= 0; got " + std::to_string(o.batch));
  if (o.pool.run && o.threads == 0)
    throw ValueError("[session] expected threads >= 1, the number of tasks at a time, with a pool; got 0");
  if (!o.memory.allocate != !o.memory.release)
    throw ValueError("[session] expected an allocator that both allocates and releases");
}

SessionSizes session_sizes(const Model::Impl& model, const Options& o, int threads) {
  SessionSizes s;
  s.threads = threads;
  s.images = o.batch == 0 ? threads : static_cast<int>(std::min<std::int64_t>(o.batch, threads));
  if (o.batch >= threads * kGroup && model.group()) s.groups = threads;
  return s;
}

Model::Impl::Impl(packed::Model m, const Options& o) : file(std::move(m)), kernel(o.kernel), calibrate(o.calibrate) {
  check_model_options(o);
  isa = o.isa ? *o.isa : active_isa();
  nodes = check_model(file);
  expect_work(nodes, o.max_work);
  plan = make_plan(nodes, isa, kernel, rates());
  if (o.log) {
    o.log("tern " + std::to_string(nodes.size()) + " nodes, input " + input().shape.str() + ", " +
          std::to_string(classes()) + " classes, " + std::to_string(plan.steps.size()) + " steps on " +
          std::string(name_of(isa)) + ", " + std::to_string(WorkingMemory::bytes(plan, 1, 1)) +
          " bytes of working memory for one image");
  }
}

Rates Model::Impl::rates() const { return calibrate ? measure_rates(isa) : built_in_rates(isa); }

const Plan* Model::Impl::group() const {
  std::call_once(group_settled_, [this] {
    if (isa == Isa::kReference || kernel == "reference" || kernel == "kpacked") return;
    group_ = make_plan(nodes, isa, kernel, rates(), kGroup);
    group_useful_ = group_.has_grouped_steps() &&
                    (!kernel.empty() || group_.predicted_seconds() < kWorthGrouping * plan.predicted_seconds());
    if (!group_useful_) group_ = {};
  });
  return group_useful_ ? &group_ : nullptr;
}

Model::Model(packed::Model model, const Options& options) : impl_(std::make_unique<Impl>(std::move(model), options)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::load(const std::string& path, const Options& options) {
  packed::Model model = packed::read(path);
  try {
    return std::make_shared<Model>(std::move(model), options);
  } catch (const FormatError& error) {
    throw FormatError("\"" + path + "\": " + error.what());
  }
}

const packed::Model& Model::packed_model() const& { return impl_->file; }
Shape Model::input_shape() const { return impl_->input().shape; }
std::int64_t Model::classes() const { return impl_->classes(); }
Isa Model::isa() const { return impl_->isa; }

std::string Model::class_name(std::int64_t index) const&& { return class_name(index); }

const std::string& Model::class_name(std::int64_t index) const& {
  static const std::string none;
  if (index < 0 || index >= classes()) {
    throw ValueError("[model] expected a class of 0 .. " + std::to_string(classes() - 1) + "; got " +
                     std::to_string(index));
  }
  const auto name = impl_->file.meta.find("class." + std::to_string(index));
  return name == impl_->file.meta.end() ? none : name->second;
}

std::size_t Model::working_bytes(const Options& options) const {
  check_session_options(options);
  const SessionSizes s = session_sizes(*impl_, options, options.threads == 0 ? num_threads() : options.threads);
  std::size_t bytes = WorkingMemory::bytes(impl_->plan, s.images, s.threads);
  if (s.groups > 0) bytes += WorkingMemory::bytes(*impl_->group(), s.groups, s.threads);
  return bytes;
}

}  // namespace tern::infer
