// Who is on call, from a small JSON file that a rota's export writes: one shift, or a list of them.
//
//   {"name": "dana", "until": "2027-01-31T08:00:00Z"}
//   [{"name": "dana", "from": "…", "until": "…"}, {"name": "li", "from": "…", "until": "…"}]
//
// Sans-IO but for read_on_call. A faulty file is said and changes nothing else: nobody's way in
// depends on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace switchback::people {

struct Shift {
  std::string name;
  std::int64_t from_us = 0;   // 0: from ever
  std::int64_t until_us = 0;  // 0: without end
};

struct Rota {
  static constexpr std::size_t most_shifts = 10'000;
  std::vector<Shift> shifts;
  std::string fault;  // why the file says nothing; empty: it was read
  std::vector<std::string> now(std::int64_t now_us) const;
};

Rota parse_rota(std::string_view text);
// Blocks: on a lane. At most 1 MiB is read.
Rota read_rota(const std::string& path);

}  // namespace switchback::people
