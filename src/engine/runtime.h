// mote/runtime.h with the types that it only names: pool, kernels and processor features.
#pragma once

#include "kernels/kernel_table.h"
#include "mote/runtime.h"
#include "sys/cpu_features.h"
#include "sys/thread_pool.h"
