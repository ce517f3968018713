# SPDX-License-Identifier: Apache-2.0
include(GoogleTest)

# All unit tests. They are not built with the rest: who wants the programs need not wait for them.
add_custom_target(unit_tests)

# mock_room(NAME SOURCES a.cpp b.cpp USES base pci LIBRARIES fmt::fmt TESTS a_test.cpp)
#
# One folder of src/ as the static library mock_NAME. USES names the rooms it builds on, LIBRARIES
# what comes from outside, TESTS the unit tests that stand beside the code (program NAME_tests, made
# by the target unit_tests).
function(mock_room NAME)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;LIBRARIES;TESTS" ${ARGN})
  list(TRANSFORM ROOM_USES PREPEND mock_)
  add_library(mock_${NAME} STATIC ${ROOM_SOURCES})
  target_include_directories(mock_${NAME} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/abi)
  target_link_libraries(mock_${NAME} PUBLIC ${ROOM_USES} ${ROOM_LIBRARIES})
  if(ROOM_TESTS)
    add_executable(${NAME}_tests EXCLUDE_FROM_ALL ${ROOM_TESTS})
    add_dependencies(unit_tests ${NAME}_tests)
    target_link_libraries(${NAME}_tests PRIVATE mock_${NAME} GTest::gmock GTest::gtest_main)
    gtest_discover_tests(${NAME}_tests TEST_PREFIX "${NAME}." NO_PRETTY_VALUES
                         DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
