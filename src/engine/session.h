// mote/session.h with the types that it only names.
#pragma once

#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "mote/session.h"
