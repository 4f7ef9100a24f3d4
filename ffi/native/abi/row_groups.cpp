#include "row_groups.h"

#include <algorithm>

namespace salient {

RowGroups row_groups(const int32_t* rows, size_t count) {
  const size_t most = count == 0 ? 0 : static_cast<size_t>(*std::max_element(rows, rows + count)) + 1;
  std::vector<uint32_t> ends(most, 0);
  for (size_t i = 0; i < count; i++) ends[static_cast<size_t>(rows[i])]++;
  RowGroups groups{std::vector<uint32_t>(count), {}};
  uint32_t start = 0;
  for (uint32_t& end : ends) {
    if (end == 0) continue;
    groups.starts.push_back(start);
    start += end;
    end = groups.starts.back();  // where the next source of this target goes
  }
  groups.starts.push_back(start);
  for (size_t i = 0; i < count; i++) groups.members[ends[static_cast<size_t>(rows[i])]++] = static_cast<uint32_t>(i);
  return groups;
}

}  // namespace salient
