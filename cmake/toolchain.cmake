# What every translation unit is compiled with. Instruction sets are chosen at run time, so nothing
# here names one: the baseline is the compiler's default for the target.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(MOTE_CCACHE ccache)
if(MOTE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MOTE_CCACHE})
endif()

add_library(mote_flags INTERFACE)
target_compile_options(mote_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wcast-qual
  -Wnon-virtual-dtor -Wimplicit-fallthrough -Wvla
  # A fused multiply-add must be asked for by name: bytes of the quantizers may not depend on the compiler.
  -ffp-contract=off)
if(MOTE_WERROR)
  target_compile_options(mote_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Both warn about correct code in inlined standard containers of GCC 12 (bug reports 105329, 105562).
  target_compile_options(mote_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # std::stable_sort of GCC 12's library uses what that library itself calls deprecated.
  target_compile_options(mote_flags INTERFACE -Wno-deprecated-declarations)
endif()
target_compile_definitions(mote_flags INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
if(MOTE_SANITIZE)
  target_compile_options(mote_flags INTERFACE -fsanitize=${MOTE_SANITIZE} -fno-sanitize-recover=all
                                              -fno-omit-frame-pointer)
  target_link_options(mote_flags INTERFACE -fsanitize=${MOTE_SANITIZE})
endif()
if(MOTE_FUZZ)  # coverage for libFuzzer's feedback; subspan() and [] of the standard library check their bounds
  target_compile_options(mote_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_compile_definitions(mote_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
# A warning of GCC 12 about overflow checks that it cannot see through under sanitizers hides real ones.
if(MOTE_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(mote_flags INTERFACE -Wno-stringop-overflow -Wno-array-bounds)
endif()
