// The search kernels for one instruction set; see search_kernels.inc. Its flags are in CMakeLists.txt.
#define MOTE_SEARCH_TABLE kSearchAvx2
#include "quantize/search_kernels.inc"
