// Looking at a data set: counts, mean and spread, and a text of them. Sums are integers: their order does not matter.
#include <array>
#include <cmath>
#include <cstdio>

#include "tern/data.hpp"
#include "tern/parallel.hpp"

namespace tern {

ImagesSummary summarize(const Images& images, std::int64_t classes) {
  ImagesSummary s;
  s.count = images.count();
  s.per_class.resize(static_cast<std::size_t>(classes));
  for (const std::int32_t label : images.labels) {
    if (label >= 0 && label < classes) ++s.per_class[static_cast<std::size_t>(label)];
  }
  const auto channels = static_cast<std::size_t>(images.channels);
  const std::size_t plane = static_cast<std::size_t>(images.height) * static_cast<std::size_t>(images.width);
  struct Sums {
    std::uint64_t first = 0, second = 0;
  };
  constexpr std::int64_t kGrain = 1024;
  const std::int64_t chunks = (images.count() + kGrain - 1) / kGrain;
  std::vector<Sums> sums(static_cast<std::size_t>(chunks) * channels);
  parallel_for(chunks, [&](std::int64_t chunk) {
    std::vector<std::uint8_t> scratch;
    for (std::int64_t i = chunk * kGrain; i < std::min(images.count(), (chunk + 1) * kGrain); ++i) {
      const auto image = images.image(i, scratch);
      for (std::size_t c = 0; c < channels; ++c) {
        Sums& to = sums[static_cast<std::size_t>(chunk) * channels + c];
        for (const std::uint8_t p : image.subspan(c * plane, plane)) {
          to.first += p;
          to.second += static_cast<std::uint32_t>(p) * p;
        }
      }
    }
  });
  const double n = static_cast<double>(s.count) * static_cast<double>(plane);
  for (std::size_t c = 0; c < channels; ++c) {
    Sums total;
    for (std::size_t k = c; k < sums.size(); k += channels) {
      total.first += sums[k].first;
      total.second += sums[k].second;
    }
    const double mean = n > 0 ? static_cast<double>(total.first) / n : 0.0;
    const double variance = n > 0 ? static_cast<double>(total.second) / n - mean * mean : 0.0;
    s.mean.push_back(mean / 255.0);
    s.std.push_back(std::sqrt(std::max(variance, 0.0)) / 255.0);
  }
  return s;
}

std::string describe(const Dataset& set) {
  const auto classes = static_cast<std::int64_t>(set.class_names.size());
  const ImagesSummary train = summarize(set.train, classes), test = summarize(set.test, classes);
  const auto shape = [](const Images& i) {
    return std::to_string(i.count()) + " x " + std::to_string(i.channels) + " x " + std::to_string(i.height) + " x " +
           std::to_string(i.width);
  };
  const auto numbers = [](const auto& values) {
    std::string text;
    std::array<char, 32> one{};
    for (const auto v : values) {
      std::snprintf(one.data(), one.size(), " %.4f", static_cast<double>(v));
      text += one.data();
    }
    return text;
  };
  std::string text = "name    " + set.name + "\nsource  " + set.source + "\ntrain   " + shape(set.train) +
                     "\ntest    " + shape(set.test) + "\nnormalised by mean" + numbers(set.mean) + ", std" +
                     numbers(set.std) + "\nmeasured on train: mean" + numbers(train.mean) + ", std" +
                     numbers(train.std) + "\nclass  train   test  name\n";
  for (std::size_t c = 0; c < set.class_names.size(); ++c) {
    std::array<char, 64> row{};
    std::snprintf(row.data(), row.size(), "%5zu %6lld %6lld  ", c, static_cast<long long>(train.per_class[c]),
                  static_cast<long long>(test.per_class[c]));
    text += row.data() + set.class_names[c] + "\n";
  }
  return text;
}

}  // namespace tern
