// SPDX-License-Identifier: Apache-2.0
// A ResourceClaim, as far as this driver has to do with it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/uuid.h"
#include "dra/device_status.h"
#include "dra/names.h"
#include "kube/api.h"

namespace mockdev::dra {

/// Settings that a claim or a device class may carry for this driver:
///
///     opaque:
///       driver: mock-accel.example.com
///       parameters:
///         apiVersion: config.mock-accel.example.com/v1
///         kind: MockAccelConfig
///         env:
///           LOG_LEVEL: debug
///
/// `env` are variables for the containers that get the device: what a workload has to know about
/// its use of the device, said once where the device is asked for. At most 32; names are those of
/// C, and none may begin with MOCK_ACCEL_, which this driver sets itself.
inline constexpr const char* kConfigKind = "MockAccelConfig";

/// One device that the scheduler gave to the claim.
struct AllocatedDevice {
  std::string request;       ///< as the claim names it, without "/subrequest"
  std::string requested_as;  ///< "request", or the alternative that was taken: "request/subrequest"
  PoolName pool;
  DeviceName device;
  bool admin_access = false;              ///< looks at a device that may belong to somebody else
  std::optional<std::string> share_id{};  ///< which share of a device that has several
  std::map<std::string, std::string> env{};
};

struct Claim {
  std::string ns;
  std::string name;
  ClaimUid uid;
  std::optional<std::string>
      pod_claim_name{};                  ///< of one made from a template: its pod's name for it
  std::vector<std::string> pods;         ///< names of those that it is reserved for
  std::vector<AllocatedDevice> devices;  ///< of this driver only; may be none
  std::vector<DeviceStatus> statuses{};  ///< what it says of them so far
};

/// "namespace/name (uid)", for the log.
[[nodiscard]] std::string to_string(const Claim& claim);

/// The claims of all namespaces, in a version of resource.k8s.io.
[[nodiscard]] kube::Resource claim_collection(const std::string& api_version);
/// One of them.
[[nodiscard]] kube::Resource claim_resource(const std::string& api_version, const std::string& ns,
                                            const std::string& name);

[[nodiscard]] ClaimedDeviceId id_of(const AllocatedDevice& device);

/// Reads a claim of any version from v1alpha3 to v1. Fails if it is not allocated, if its UID is
/// not `expected` (it was replaced by another of its name), or if a setting for `driver` is wrong;
/// the error names the field.
[[nodiscard]] Result<Claim> parse_claim(const nlohmann::json& object, const ClaimUid& expected,
                                        const DriverName& driver);

/// Whether the claim, as the API server has it, has been given the device of that node to hold it,
/// in the name of whatever driver: there may be another one that serves the node's devices.
[[nodiscard]] bool is_given(const nlohmann::json& claim, const NodeName& node,
                            const DeviceName& device);

/// The UUID that the claim is known by in a device: its UID, or where that is no UUID, one made
/// from it that is the same each time.
[[nodiscard]] Uuid owner_uuid(const ClaimUid& uid);

}  // namespace mockdev::dra
