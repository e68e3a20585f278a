// Which RowOps go with an instruction set.
#pragma once

#include "engine/row_ops.h"
#include "kernels/kernel_table.h"

namespace mote::engine {

const RowOps& select_row_ops(kernels::Isa isa);

}  // namespace mote::engine
