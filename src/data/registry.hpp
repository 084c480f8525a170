// The list of data sets.
#pragma once

#include "core/registry.hpp"
#include "tern/data.hpp"

namespace tern {

using DatasetRegistry = Registry<DatasetEntry, &DatasetEntry::name, &DatasetEntry::load>;
DatasetRegistry& dataset_registry();

}  // namespace tern
