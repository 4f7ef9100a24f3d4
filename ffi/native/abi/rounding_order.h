// The order in which error compensation rounds the columns of a weight.
#pragma once

#include <vector>

#include "kernels.h"

namespace salient {

// Inputs in their order, by the diagonal of their Gram [K]; `group` matters for Order::Groups.
std::vector<uint32_t> rounding_order(const std::vector<float>& diagonal, Order kind, uint32_t group);

}  // namespace salient
