# SPDX-License-Identifier: Apache-2.0

# mock_protos(NAME FOLDER x.proto y.proto)
#
# The messages and gRPC services of FOLDER's files as the static library NAME. It is generated code:
# our warnings are not for it, and who includes it gets it as system headers.
function(mock_protos NAME FOLDER)
  set(GENERATED ${CMAKE_CURRENT_BINARY_DIR}/${NAME})
  file(MAKE_DIRECTORY ${GENERATED})
  set(SOURCES)
  foreach(PROTO ${ARGN})
    cmake_path(REMOVE_EXTENSION PROTO OUTPUT_VARIABLE STEM)
    set(FILES ${GENERATED}/${STEM}.pb.cc ${GENERATED}/${STEM}.grpc.pb.cc)
    add_custom_command(
      OUTPUT ${FILES} ${GENERATED}/${STEM}.pb.h ${GENERATED}/${STEM}.grpc.pb.h
      COMMAND protobuf::protoc --cpp_out=${GENERATED} --grpc_out=${GENERATED}
              --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>
              -I ${FOLDER} ${FOLDER}/${PROTO}
      DEPENDS ${FOLDER}/${PROTO}
      COMMENT "Generating ${NAME}/${STEM}")
    list(APPEND SOURCES ${FILES})
  endforeach()
  add_library(${NAME} STATIC ${SOURCES})
  target_compile_options(${NAME} PRIVATE -w)
  set_target_properties(${NAME} PROPERTIES UNITY_BUILD OFF)  # names of one file repeat in the next
  target_include_directories(${NAME} SYSTEM PUBLIC ${GENERATED})
  target_link_libraries(${NAME} PUBLIC mock_grpc)
endfunction()
