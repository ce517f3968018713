# SPDX-License-Identifier: Apache-2.0
# Compiler settings that hold for every target.

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2
                    -Wundef -Wcast-align -Werror)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
                    $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>)
# Several files are compiled as one (CMakePresets.json), which makes g++ take them for a header.
if(CMAKE_UNITY_BUILD)
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
endif()
add_compile_definitions(MOCK_DEVICE_VERSION="${PROJECT_VERSION}" SPDLOG_FMT_EXTERNAL)

# No section of the binary is both writable and executable, and nothing unused is linked: one small
# file that also runs in a guest with other library versions than the build machine's.
add_compile_options(-ffunction-sections -fdata-sections -fstack-protector-strong)
add_link_options(-Wl,--gc-sections -Wl,-z,relro,-z,now)

if(MOCK_DEVICE_SANITIZE)
  # Looking at types of objects (vptr) takes system calls that a sandboxed process no longer has.
  add_compile_options(-fsanitize=${MOCK_DEVICE_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MOCK_DEVICE_SANITIZE})
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Another clone compiles the same, so that it finds what this one has compiled.
  set(COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${COMPILER_LAUNCHER})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${COMPILER_LAUNCHER})
endif()

# Libraries are instrumented too, so that the fuzzer sees their branches.
if(MOCK_DEVICE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
