#include "engine/select_row_ops.h"

namespace mote::engine {

const RowOps& select_row_ops(kernels::Isa isa) {
#if defined(MOTE_X86)
  switch (isa) {
    case kernels::Isa::avx2:
    case kernels::Isa::avxvnni:
      return kRowOpsAvx2;
    case kernels::Isa::avx512:
    case kernels::Isa::avx512vnni:
    case kernels::Isa::amx:
      return kRowOpsAvx512;
    default:
      break;
  }
#else
  static_cast<void>(isa);
#endif
  return kRowOpsBaseline;
}

}  // namespace mote::engine
