# SPDX-License-Identifier: Apache-2.0

# mock_grpc: gRPC without TLS, which sockets of one machine do not need, and protobuf, as static
# libraries: a program touches a small part of them, and as shared ones they are mapped, relocated
# and shipped as a whole.
pkg_check_modules(GRPC_UNSECURE REQUIRED grpc++_unsecure)
pkg_check_modules(PROTOBUF REQUIRED protobuf)
set(GRPC_ARCHIVES)
# The last four are those that pkg-config's files leave out.
foreach(NAME ${GRPC_UNSECURE_STATIC_LIBRARIES} protobuf upb address_sorting cares re2)
  find_library(GRPC_ARCHIVE_${NAME} lib${NAME}.a)
  mark_as_advanced(GRPC_ARCHIVE_${NAME})
  if(GRPC_ARCHIVE_${NAME})
    list(APPEND GRPC_ARCHIVES ${GRPC_ARCHIVE_${NAME}})
  endif()
endforeach()
list(REMOVE_DUPLICATES GRPC_ARCHIVES)
list(JOIN GRPC_ARCHIVES "," GRPC_ARCHIVES)
add_library(mock_grpc INTERFACE)
# They need each other in circles. One word, so that nothing puts it in another order.
target_link_libraries(mock_grpc INTERFACE "-Wl,--start-group,${GRPC_ARCHIVES},--end-group" z)
