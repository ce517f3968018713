// SPDX-License-Identifier: Apache-2.0
// An accelerator as this program shows it, wherever the news comes from: the guest's kernel, which
// knows addresses, or the server on the host, which knows machines and slots.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/document.h"
#include "discovery/device.h"

namespace mockdev::cli {

/// What the source does not know is empty.
struct Accelerator {
  std::optional<std::string> node;  ///< the machine, as its lab calls it
  std::string name;                 ///< "mock0": unique on its machine
  discovery::Kind kind = discovery::Kind::pf;
  std::optional<unsigned> numa_node;
  std::optional<discovery::Bdf> pci;
  std::optional<discovery::Bdf> port;
  std::optional<unsigned> slot;  ///< of the port that it is plugged into
  std::optional<std::string> physfn;
  Uuid uuid;
  ByteCount memory;
  std::uint32_t capabilities = 0;  ///< MOCK_ACCEL_CAP_*
  discovery::Health health = discovery::Health::healthy;
  std::optional<discovery::Readings> readings;  ///< none: it no longer answers
  std::optional<std::string> fw_version;
  std::optional<unsigned> abi_version;
  discovery::Vfs vfs;
  std::optional<bool> connected;    ///< whether a machine has it open
  std::optional<bool> plugged;      ///< whether it is in its slot
  std::vector<std::string> faults;  ///< injected ones, by name
};

/// "node0/mock0", or "mock0" if the machine is not known: how the command line names it.
[[nodiscard]] std::string qualified_name(const Accelerator& accelerator);

/// Names of the capabilities, in the order of their bits; bits without a name as "bit7".
[[nodiscard]] std::vector<std::string> capability_names(std::uint32_t mask);

/// "41.5 C".
[[nodiscard]] std::string temperature_text(std::int32_t millidegrees);

/// All that is known, as docs/cli.md describes it.
[[nodiscard]] Document to_document(const Accelerator& accelerator);

/// What the kernel says.
[[nodiscard]] Accelerator from_kernel(const discovery::Device& device);

/// One element of the server's answer to "list". Fails on one that lacks something or has it in
/// another type or range than docs/server.md says.
[[nodiscard]] Result<Accelerator> from_server(const nlohmann::json& element);

/// The VFs that such an element says its device has, which from_server() made `pf` of. Fails as
/// that does, on the first that is wrong.
[[nodiscard]] Result<std::vector<Accelerator>> vfs_from_server(const nlohmann::json& element,
                                                               const Accelerator& pf);

}  // namespace mockdev::cli
