#include <bit>

#include "catch.hpp"
#include "tern/cpu.hpp"
#include "tern/error.hpp"

using namespace tern;

TEST_CASE("cpu: names round-trip, unknown and missing names are errors that list the available ones") {
  for (const Isa isa : available_isas()) CHECK(isa_from_name(name_of(isa)) == isa);
  CHECK(available_isas().front() == Isa::kReference);
  CHECK_THROWS_WITH(isa_from_name("pentium"), ContainsSubstring("pentium") && ContainsSubstring("portable"));
#if defined(__x86_64__)
  CHECK_THROWS_AS(isa_from_name("neon"), ValueError);
  CHECK_THROWS_AS(set_active_isa(Isa::kNeon), ValueError);
#else
  CHECK_THROWS_AS(isa_from_name("avx2"), ValueError);
#endif
}

TEST_CASE("cpu: only the reference where memory has the other byte order") {
  CHECK(is_available(Isa::kPortable) == (std::endian::native == std::endian::little));
  if constexpr (std::endian::native != std::endian::little) CHECK(available_isas().size() == 1);
}

TEST_CASE("cpu: a forced instruction set is the active one until it is reset") {
  const Isa before = active_isa();
  for (const Isa isa : available_isas()) {
    set_active_isa(isa);
    CHECK(active_isa() == isa);
  }
  reset_active_isa();
  CHECK(active_isa() == before);
}
