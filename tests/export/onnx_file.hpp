// An ONNX file taken apart: fields of onnx.proto by their numbers.
#pragma once

#include <cstdint>
#include <map>
#include <protozero/pbf_reader.hpp>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"

namespace tern::test {

/// Values of one message by field; messages within it are their bytes.
class Message {
 public:
  explicit Message(const std::string& bytes) {
    protozero::pbf_reader reader(bytes);
    while (reader.next()) {
      if (reader.wire_type() == protozero::pbf_wire_type::varint)
        numbers_[reader.tag()].push_back(reader.get_int64());
      else
        texts_[reader.tag()].push_back(reader.get_bytes());
    }
  }
  const std::vector<std::int64_t>& numbers(std::uint32_t field) { return numbers_[field]; }
  const std::vector<std::string>& texts(std::uint32_t field) { return texts_[field]; }
  std::int64_t number(std::uint32_t field) { return one(numbers_[field]); }
  std::string text(std::uint32_t field) { return one(texts_[field]); }
  Message message(std::uint32_t field) { return Message(text(field)); }
  std::vector<Message> messages(std::uint32_t field) { return {texts_[field].begin(), texts_[field].end()}; }

 private:
  template <class T>
  static T one(const std::vector<T>& all) {
    REQUIRE(all.size() == 1);
    return all[0];
  }

  std::map<std::uint32_t, std::vector<std::int64_t>> numbers_;
  std::map<std::uint32_t, std::vector<std::string>> texts_;
};

struct OnnxTensor {
  std::int64_t type = 0, elements = 1;
  std::vector<std::int64_t> dims;
  std::string bytes;
};

struct OnnxNode {
  std::string op;
  std::vector<std::string> inputs;
  std::string output;
};

struct OnnxFile {
  std::int64_t ir_version = 0, opset = 0;
  std::map<std::string, std::string> metadata;
  std::vector<OnnxNode> nodes;
  std::map<std::string, OnnxTensor> tensors;
  std::string input, output;
  std::vector<std::string> input_dims, output_dims;  ///< a number or a name
  std::int64_t input_type = 0;

  explicit OnnxFile(const std::string& bytes) {
    Message model(bytes);
    ir_version = model.number(1);
    opset = model.message(8).number(2);
    for (Message& entry : model.messages(14)) metadata[entry.text(1)] = entry.text(2);
    Message graph = model.message(7);
    for (Message& n : graph.messages(1)) nodes.push_back({n.text(4), n.texts(1), n.text(2)});
    for (Message& t : graph.messages(5)) {
      OnnxTensor& tensor = tensors[t.text(8)];
      tensor.dims = t.numbers(1);
      for (const std::int64_t extent : tensor.dims) tensor.elements *= extent;
      tensor.type = t.number(2);
      tensor.bytes = t.text(9);
    }
    Message in = graph.message(11), out = graph.message(12);
    input = in.text(1);
    output = out.text(1);
    input_type = in.message(2).message(1).number(1);
    input_dims = extents(in);
    output_dims = extents(out);
  }

  std::multiset<std::string> ops() const {
    std::multiset<std::string> all;
    for (const OnnxNode& n : nodes) all.insert(n.op);
    return all;
  }

 private:
  static std::vector<std::string> extents(Message& value) {
    std::vector<std::string> all;
    Message shape = value.message(2).message(1).message(2);
    for (Message& dim : shape.messages(1))
      all.push_back(dim.texts(2).empty() ? std::to_string(dim.number(1)) : dim.text(2));
    return all;
  }
};

}  // namespace tern::test
