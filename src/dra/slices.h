// SPDX-License-Identifier: Apache-2.0
// What a node publishes: its devices, in pools and slices, as the API knows them but without JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "discovery/device.h"
#include "dra/names.h"
#include "mock_accel.h"

namespace mockdev::dra {

/// The ABI numbers that this driver speaks. Devices with another one are neither published nor
/// given to claims.
inline constexpr unsigned kOldestAbi = 1;
inline constexpr unsigned kNewestAbi = MOCK_ACCEL_ABI_VERSION;
[[nodiscard]] bool speaks_abi(const discovery::Device& device);

using AttributeValue = std::variant<std::int64_t, std::string>;

/// So many of a counter of a counter set that a device takes for itself when it is allocated.
struct CounterUse {
  std::string counter_set;
  std::string counter;
  std::uint64_t amount = 0;

  bool operator==(const CounterUse&) const = default;
};

/// Why a device should not be used. `effect` is "NoSchedule" or "NoExecute".
struct Taint {
  std::string key;
  std::string value;
  std::string effect;

  bool operator==(const Taint&) const = default;
};

struct SliceDevice {
  DeviceName name;
  std::map<std::string, AttributeValue> attributes;  ///< by key, qualified or short
  std::map<std::string, std::uint64_t> capacity;     ///< bytes
  std::vector<CounterUse> consumes;
  std::vector<Taint> taints;

  bool operator==(const SliceDevice&) const = default;
};

/// What devices of a pool share.
struct CounterSet {
  std::string name;
  std::map<std::string, std::uint64_t> counters;

  bool operator==(const CounterSet&) const = default;
};

struct Slice {
  std::vector<SliceDevice> devices;
  std::vector<CounterSet> counter_sets;

  bool operator==(const Slice&) const = default;
};

struct Pool {
  PoolName name;
  std::vector<Slice> slices;  ///< at least one

  bool operator==(const Pool&) const = default;
};

enum class CounterSupport : std::uint8_t {
  none,
  same_slice,  ///< a device and its counter set stand in one slice (1.33, 1.34)
  own_slice,   ///< a slice has devices or counter sets (1.35 on)
};

/// What the API server takes.
struct SliceFeatures {
  bool taints = true;
  CounterSupport counters = CounterSupport::own_slice;
  std::size_t devices_per_slice = 128;
  std::size_t devices_per_slice_with_extras = 64;  ///< where one has taints or consumes counters
};

/// What a server of Kubernetes 1.`minor` takes in version `api_version` of resource.k8s.io, if all
/// its feature gates are on. Whether they are, only its answers tell (publisher.h).
[[nodiscard]] SliceFeatures slice_features(std::string_view api_version, int minor);

struct SliceSettings {
  DriverName driver;
  NodeName node;
  /// Own attributes as "uuid" instead of "mock-accel.example.com/uuid". To the API both are the
  /// same; readers that compare keys literally want the one that they know.
  bool short_keys = false;
  /// Pools as "numa0": for clusters of one node only, since a pool belongs to the whole cluster.
  bool short_pool_names = false;
  bool nodepartition_alias = true;  ///< also nodepartition.dra.k8s.io/numaNode
  bool dranet_alias = false;        ///< also dra.net/numaNode
  bool socket_alias = false;        ///< also nodepartition.dra.k8s.io/socket
};

/// The kernel's name as a DNS label: "mock0_vf3" is "mock0-vf3". The kernel never makes two names
/// that differ only in this.
[[nodiscard]] DeviceName device_name(std::string_view kernel_name);

/// "node1/numa0". A device of which the machine does not say where it is belongs to "node1"
/// (with short pool names to "numa-none").
[[nodiscard]] PoolName pool_name(const SliceSettings& settings, const discovery::Device& device);

/// The device's attributes, by key, qualified or short.
[[nodiscard]] std::map<std::string, AttributeValue> attributes_of(const discovery::Device& device,
                                                                  const SliceSettings& settings);

/// Whether a claim may get the device. A PF whose VFs are enabled can't be had beside them: where
/// the server has no counters to say so, it is not offered. Where it has no taints, a failed device
/// is not.
[[nodiscard]] bool is_offered(const discovery::Device& device, const SliceFeatures& features);

/// The pools of a node, in the order of their names. Pools without devices do not exist. Equal
/// devices give equal pools.
[[nodiscard]] std::vector<Pool> make_pools(const std::vector<discovery::Device>& devices,
                                           const SliceSettings& settings,
                                           const SliceFeatures& features);

}  // namespace mockdev::dra
