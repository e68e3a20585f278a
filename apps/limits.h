// Every default limit, for `mote --limits`.
#pragma once

#include "base/json.h"
#include "report/table.h"

namespace mote::cli {

struct Limit {
  const char* name;
  std::uint64_t value;
  const char* protects;
};
std::vector<Limit> all_limits();
report::Table limits_table();
Json limits_json();

}  // namespace mote::cli
