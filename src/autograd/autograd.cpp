// The recorded graph, the backward walk and the destruction of graphs.
#include "tern/autograd.hpp"

#include <atomic>
#include <queue>
#include <set>
#include <utility>

#include "core/tensor_impl.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

thread_local bool recording = true;

struct Node;

// Where the gradient of one input goes: to the node that made it, or into grad() of a leaf.
struct Edge {
  std::shared_ptr<Node> node;
  Tensor leaf;
};

struct Node final : GradNode {
  std::string op;
  Shape shape;
  std::uint64_t order = 0;  // of creation: every consumer of a result has a higher one than its producer
  std::vector<Edge> edges;
  BackwardFn backward;
  bool released = false;

  Tensor dy;                // collected during the walk
  bool dy_is_ours = false;  // dy was allocated by the walk itself, so it may be added to in place
  std::weak_ptr<Tensor::Impl> result;
  bool retain_result_grad = false;

  ~Node() override;
  void release();
};

// Destroying a node may drop the last reference to its producers, and so on down the chain. Nodes that die while
// another one is dying hand their contents to a list that the outermost destructor empties in a loop.
struct Remains {
  std::vector<Edge> edges;
  BackwardFn backward;
};
thread_local std::vector<Remains>* graveyard = nullptr;

void bury(Remains remains) {
  if (graveyard) {
    graveyard->push_back(std::move(remains));
    return;
  }
  std::vector<Remains> list;
  graveyard = &list;
  list.push_back(std::move(remains));
  while (!list.empty()) {
    const Remains last = std::move(list.back());
    list.pop_back();
  }
  graveyard = nullptr;
}

Node::~Node() { release(); }

void Node::release() {
  released = true;
  if (!edges.empty() || backward) bury({std::exchange(edges, {}), std::exchange(backward, nullptr)});
}

std::shared_ptr<Node> node_of(const Tensor& t) {
  return t.defined() ? std::static_pointer_cast<Node>(t.impl()->node) : nullptr;
}

// a + b, elementwise, of equal contiguous shapes; into a itself if `in_place`.
Tensor add_gradients(const Tensor& a, const Tensor& b, bool in_place) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  const Tensor out = in_place && x.same_as(a) ? a : Tensor::empty(a.shape(), a.dtype());
  dispatch(a.dtype(), "backward", [&](auto zero) {
    using T = decltype(zero);
    const T *p = x.data<T>(), *q = y.data<T>();
    T* r = out.data<T>();
    parallel_ranges(a.numel(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) r[i] = p[i] + q[i];
    });
  });
  return out;
}

void check_gradient(const std::string& op, const Tensor& dx, const Shape& expected) {
  if (!(dx.shape() == expected)) {
    throw ShapeError("[" + op + ", backward] expected a gradient of shape " + expected.str() + "; got " +
                     dx.shape().str());
  }
}

}  // namespace

bool grad_enabled() { return recording; }
NoGrad::NoGrad() : before_(std::exchange(recording, false)) {}
NoGrad::~NoGrad() { recording = before_; }

bool will_record(const std::vector<Tensor>& inputs) {
  if (!recording) return false;
  for (const Tensor& t : inputs) {
    if (t.requires_grad()) return true;
  }
  return false;
}

Tensor record(std::string_view op, Tensor y, const std::vector<Tensor>& inputs, BackwardFn backward) {
  if (!will_record(inputs)) return y;
  static std::atomic<std::uint64_t> counter{0};
  auto node = std::make_shared<Node>();
  node->op = op;
  node->shape = y.shape();
  node->order = counter++;
  node->backward = std::move(backward);
  node->result = y.impl()->weak_from_this();
  for (const Tensor& t : inputs) {
    std::shared_ptr<Node> producer = node_of(t);
    const bool leaf = !producer && t.requires_grad();
    node->edges.push_back({std::move(producer), leaf ? t : Tensor()});
  }
  y.impl()->node = std::move(node);
  return y;
}

void retain_grad(const Tensor& t) {
  const std::shared_ptr<Node> node = node_of(t);
  if (!node) throw ValueError("[retain_grad] expected the result of a recorded operation");
  node->retain_result_grad = true;
}

void backward(const Tensor& loss, const Tensor& seed, BackwardOptions options) {
  const std::shared_ptr<Node> root = node_of(loss);
  if (!root)
    throw ValueError("[backward] expected the result of a recorded operation; nothing was recorded for this tensor");
  if (!seed.defined() && loss.numel() != 1) {
    throw ShapeError("[backward] expected a loss of one element, or a seed; got " + loss.shape().str());
  }
  if (seed.defined()) check_gradient("backward", seed, loss.shape());

  const NoGrad no_grad;
  const auto later_first = [](const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) {
    return a->order < b->order;
  };
  using Queue = std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, decltype(later_first)>;
  Queue queue(later_first);
  // A walk that fails takes its gradients along: the next one would not queue the nodes that have some.
  const struct Sweep {
    Queue& queue;
    ~Sweep() {
      for (; !queue.empty(); queue.pop()) queue.top()->dy = Tensor();
    }
  } sweep{queue};
  queue.push(root);
  root->dy = seed.defined() ? seed : Tensor::full(loss.shape(), 1.0, loss.dtype());
  root->dy_is_ours = false;

  while (!queue.empty()) {
    const std::shared_ptr<Node> node = queue.top();
    queue.pop();
    Tensor dy = std::exchange(node->dy, Tensor());
    if (node->released) {
      throw ValueError("[backward] the graph of \"" + node->op +
                       "\" was already used; ask the first call to retain it");
    }
    if (node->retain_result_grad) {
      if (const auto result = node->result.lock()) {
        result->grad = result->grad.defined() ? add_gradients(result->grad, dy, false) : dy.clone();
      }
    }
    std::vector<Tensor> gradients = node->backward(dy);
    dy = Tensor();  // one that was passed on, or written over, belongs to who gets it now
    if (gradients.size() != node->edges.size()) {
      throw ValueError("[" + node->op + ", backward] expected " + std::to_string(node->edges.size()) +
                       " gradients; got " + std::to_string(gradients.size()));
    }
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      Tensor& dx = gradients[i];
      const Edge& edge = node->edges[i];
      if (!dx.defined()) continue;
      if (edge.node) {
        Node& producer = *edge.node;
        check_gradient(node->op, dx, producer.shape);
        if (!producer.dy.defined()) {
          queue.push(edge.node);
          producer.dy = std::move(dx);
          producer.dy_is_ours = false;
        } else {
          producer.dy = add_gradients(producer.dy, dx, producer.dy_is_ours);
          producer.dy_is_ours = true;
        }
      } else if (edge.leaf.defined()) {
        check_gradient(node->op, dx, edge.leaf.shape());
        const Tensor before = edge.leaf.grad();
        const bool fresh = dx.owns_storage_alone() && dx.is_contiguous();
        edge.leaf.set_grad(before.defined() ? add_gradients(before, dx, false) : fresh ? dx : dx.clone());
      }
    }
    if (!options.retain_graph) node->release();
  }
}

std::string graph_dot(const Tensor& loss) {
  std::string out = "digraph tern {\n  rankdir=BT;\n  node [shape=box];\n";
  std::vector<std::shared_ptr<Node>> todo;
  std::set<const void*> seen;
  const auto visit = [&](const std::shared_ptr<Node>& n) {
    if (n && seen.insert(n.get()).second) todo.push_back(n);
  };
  const auto id = [](std::uint64_t order) { return "n" + std::to_string(order); };
  visit(node_of(loss));
  while (!todo.empty()) {
    const std::shared_ptr<Node> n = todo.back();
    todo.pop_back();
    out += "  " + id(n->order) + " [label=\"" + n->op + "\\n" + n->shape.str() + "\"];\n";
    for (std::size_t i = 0; i < n->edges.size(); ++i) {
      const Edge& e = n->edges[i];
      if (e.node) {
        out += "  " + id(e.node->order) + " -> " + id(n->order) + ";\n";
        visit(e.node);
      } else if (e.leaf.defined()) {
        const std::string leaf = id(n->order) + "_" + std::to_string(i);
        out += "  " + leaf + " [label=\"" + e.leaf.shape().str() + "\", shape=ellipse];\n";
        out += "  " + leaf + " -> " + id(n->order) + ";\n";
      }
    }
  }
  return out + "}\n";
}

}  // namespace tern
