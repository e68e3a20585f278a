// The kernels of feedback for one instruction set; see feedback_kernels.inc. Its flags are in CMakeLists.txt.
#define MOTE_FEEDBACK_TABLE kFeedbackAvx512
#include "quantize/feedback/feedback_kernels.inc"
