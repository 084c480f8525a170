#include "export/c/arena.hpp"

#include <algorithm>
#include <numeric>

namespace tern::c99 {
namespace {

// Written by step `first`, read last by step `last`. Steps that write in place share one.
struct Block {
  std::vector<std::size_t> steps;
  std::size_t first, last;
  i64 bytes, align, offset = -1;

  bool meets(const Block& other) const { return first <= other.last && other.first <= last; }
};

// The block of an input that the step may write over: it reads nothing of it but the number that it then writes.
Block* written_over(const Program& p, std::size_t step, std::vector<Block>& blocks) {
  const Step& s = p.steps[step];
  if (s.head == p.nodes.size()) return nullptr;
  const Emitter& emitter = emitter_of(p.nodes[s.head]);
  const Value& y = p.values[s.last()];
  if (!(emitter.in_place || emitter.walk == Walk::kNumber) || y.layout != Layout::kReal) return nullptr;
  for (const std::size_t in : p.inputs(s)) {
    if (p.values[in].layout != Layout::kReal) continue;
    for (Block& b : blocks) {
      if (b.last == step && p.steps[b.steps.back()].last() == p.memory[in]) return &b;
    }
  }
  return nullptr;
}

std::vector<Block> blocks(const Program& p) {
  std::vector<Block> out;
  for (std::size_t s = 0; s < p.steps.size(); ++s) {
    const std::size_t node = p.steps[s].last();
    if (node == p.result || node == p.nodes.size()) continue;
    Block b{{s}, s, s, p.values[node].bytes(), p.values[node].align()};
    for (std::size_t t = s + 1; t < p.steps.size(); ++t) {
      const auto in = p.inputs(p.steps[t]);
      if (std::any_of(in.begin(), in.end(), [&](std::size_t i) { return p.memory[i] == node; })) b.last = t;
    }
    if (Block* under = written_over(p, s, out)) {
      under->steps.push_back(s);
      under->last = b.last;
    } else {
      out.push_back(std::move(b));
    }
  }
  return out;
}

i64 lowest(const Block& b, const std::vector<Block>& placed) {
  std::vector<const Block*> near;
  for (const Block& other : placed) {
    if (other.meets(b)) near.push_back(&other);
  }
  std::sort(near.begin(), near.end(), [](const Block* x, const Block* y) { return x->offset < y->offset; });
  const auto aligned = [&](i64 at) { return (at + b.align - 1) / b.align * b.align; };
  i64 at = 0;
  for (const Block* other : near) {
    if (at + b.bytes <= other->offset) break;
    at = std::max(at, aligned(other->offset + other->bytes));
  }
  return at;
}

}  // namespace

void place(Program& p) {
  std::vector<Block> waiting = blocks(p), placed;
  std::stable_sort(waiting.begin(), waiting.end(), [](const Block& x, const Block& y) { return x.bytes > y.bytes; });
  for (Block& b : waiting) {
    b.offset = lowest(b, placed);
    for (const std::size_t s : b.steps) p.steps[s].offset = b.offset;
    p.arena_bytes = std::max(p.arena_bytes, b.offset + b.bytes);
    placed.push_back(std::move(b));
  }
}

}  // namespace tern::c99
