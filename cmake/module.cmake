# mote_time_limit(VARIABLE SECONDS): what a test may take that needs SECONDS at most in a release build. Sanitizers
# make some of them ten times slower, and the limit is there to end what hangs.
function(mote_time_limit variable seconds)
  if(MOTE_SANITIZE)
    math(EXPR seconds "10 * ${seconds}")
  endif()
  set(${variable} ${seconds} PARENT_SCOPE)
endfunction()

# mote_add_module(NAME base SRCS a.cc b.cc DEPS tensor sys LIBS fmt::fmt TESTS a_test.cc)
#
# One library per module, src/NAME, and one test program of its x_test.cc files. DEPS are modules of lower
# layers (docs/layers.txt; scripts/check_layers.py holds the includes to it), LIBS are outside libraries.
# Both are PRIVATE unless PUBLIC_LIBS says that a header of the module shows them.
function(mote_add_module)
  cmake_parse_arguments(M "" "NAME" "SRCS;DEPS;LIBS;PUBLIC_LIBS;TESTS;TEST_DEPS" ${ARGN})
  set(target mote_${M_NAME})
  add_library(${target} STATIC ${M_SRCS})
  add_library(mote::${M_NAME} ALIAS ${target})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM M_DEPS PREPEND mote_)
  # Static libraries hand their dependencies to whoever links the program, not to whoever includes a header.
  target_link_libraries(${target} PRIVATE mote_flags ${M_DEPS} ${M_LIBS} PUBLIC ${M_PUBLIC_LIBS})
  if(MOTE_TESTS AND M_TESTS)
    list(TRANSFORM M_TEST_DEPS PREPEND mote_)
    add_executable(${target}_test ${M_TESTS})
    target_link_libraries(${target}_test PRIVATE mote_flags ${target} ${M_DEPS} ${M_TEST_DEPS} ${M_LIBS}
                                                 mote_testing GTest::gmock GTest::gtest_main)
    include(GoogleTest)
    mote_time_limit(limit 300)
    gtest_discover_tests(${target}_test TEST_PREFIX ${M_NAME}. DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT ${limit})
  endif()
endfunction()
