// Rows that are added up, by the row that they are added to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace salient {

// Of each target in use, in rising order: sources members[starts[d]] to members[starts[d + 1] - 1], in their order.
struct RowGroups {
  std::vector<uint32_t> members, starts;
  size_t targets() const { return starts.size() - 1; }
};

// rows[i] >= 0 is the target of source i.
RowGroups row_groups(const int32_t* rows, size_t count);

}  // namespace salient
