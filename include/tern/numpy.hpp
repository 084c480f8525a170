// NumPy's files: .npy (one array) and .npz (a zip of them), as pretrained weights sometimes come.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "tern/public.h"
#include "tern/safetensors.hpp"
#include "tern/tensor.hpp"

namespace tern {

/// One array, formats 1.0 to 3.0, C order (Fortran order for at most one dimension longer than 1): f4, f8, i8 as they
/// are, f2 as float32, i4, i1, u1 and b1 as int64; little-endian. Errors: FormatError with path, byte offset and field
/// on anything else, and on a length that does not fit the shape. Nothing is allocated from a length that was not
/// checked.
TERN_PUBLIC Tensor parse_npy(std::span<const std::byte> bytes, const std::string& path_for_messages);
TERN_PUBLIC Tensor read_npy(const std::string& path);

/// The arrays of an archive in its order, named as their members without ".npy"; stored or deflated members. Arrays of
/// other dtypes than parse_npy() reads (text, objects, structures) are named in `unread`, with shape [] if it is no
/// Shape. Errors: FormatError with path, byte offset and field: a directory or members outside the file, overlapping
/// members, duplicate names, encryption, other compression, wrong checksums or sizes, zip64, and archives that unpack
/// to more than 100 times their size and 16 MiB; those of parse_npy() but unknown dtypes. Memory grows with what is
/// really unpacked.
TERN_PUBLIC SafetensorsFile parse_npz(std::span<const std::byte> bytes, const std::string& path_for_messages);
TERN_PUBLIC SafetensorsFile read_npz(const std::string& path);

/// Named tensors of a file by its ending: .npz, .npy (one tensor, named after the file), else safetensors.
TERN_PUBLIC SafetensorsFile read_tensors(const std::string& path);

}  // namespace tern
