# SPDX-License-Identifier: Apache-2.0
# Debian packages, made by `cpack` in the build tree: mock-device with all programs, and mock-device-dkms with the
# kernel modules' sources, which DKMS builds for each kernel.
set(DKMS_TREE src/mock-device-${PROJECT_VERSION})
install(CODE "execute_process(
    COMMAND make -C \"${PROJECT_SOURCE_DIR}/kernel\" --no-print-directory dkms
            \"DKMS_TREE=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${DKMS_TREE}\"
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)"
  COMPONENT dkms EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mock-device)
set(CPACK_PACKAGE_VENDOR mock-device)
set(CPACK_PACKAGE_CONTACT "The mock-device authors <mock-device@example.com>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL Unspecified dkms)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)

set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_NAME mock-device)
set(CPACK_DEBIAN_UNSPECIFIED_DESCRIPTION
"PCIe accelerators that do not exist, for virtual machines and Kubernetes
 The device server, the command line with its lab of virtual machines and clusters, the DRA driver and the
 workload.")
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_SHLIBDEPS ON)
# What a lab takes; the server and the driver alone need none of it.
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_RECOMMENDS
    "e2fsprogs, mmdebstrap, openssh-client, openssl, uidmap, util-linux")
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/host/postinst)

set(CPACK_DEBIAN_DKMS_PACKAGE_NAME mock-device-dkms)
set(CPACK_DEBIAN_DKMS_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_DKMS_PACKAGE_SECTION kernel)
set(CPACK_DEBIAN_DKMS_PACKAGE_DEPENDS "dkms, gcc, make")
set(CPACK_DEBIAN_DKMS_DESCRIPTION
"Kernel modules for mock accelerators (DKMS)
 Drivers for the accelerators and for the bridges of mock-device, built for each kernel that is installed.")
foreach(SCRIPT postinst prerm)
  configure_file(packaging/dkms/${SCRIPT} packaging/dkms/${SCRIPT} @ONLY FILE_PERMISSIONS
                 OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  list(APPEND CPACK_DEBIAN_DKMS_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/packaging/dkms/${SCRIPT})
endforeach()

include(CPack)
