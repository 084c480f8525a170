// What a C program must compute: the reference runtime's scores and values of every step, as net_sums.h sums them up.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tern/export.hpp"
#include "tern/infer.hpp"

namespace tern::c99 {

struct CSums {
  std::vector<std::uint32_t> scores;  ///< bits of the floats
  std::vector<std::uint32_t> steps;   ///< CRC-32 of the values
  friend bool operator==(const CSums&, const CSums&) = default;
};

/// CStep::node of all steps.
std::vector<std::string> nodes_of(const CExport& exported);

class Expectation {
 public:
  /// `nodes`: of each step, as in CStep. Errors: those of infer::Session.
  Expectation(const packed::Model& model, std::vector<std::string> nodes);
  CSums of(std::span<const std::uint8_t> image);
  std::size_t image_bytes() const { return static_cast<std::size_t>(session_.input_shape().numel()); }

 private:
  std::vector<std::string> nodes_;
  infer::Session session_;
};

}  // namespace tern::c99
