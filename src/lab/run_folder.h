// SPDX-License-Identifier: Apache-2.0
// The folder that has all of a running lab: sockets, logs, keys, state.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "topology/topology.h"

namespace mockdev::lab {

/// The paths of one machine of a lab. QEMU has this as its working folder.
struct MachineFolder {
  std::filesystem::path path;

  [[nodiscard]] std::filesystem::path ssh_socket() const { return path / "ssh"; }
  [[nodiscard]] std::filesystem::path console_socket() const { return path / "console"; }
  [[nodiscard]] std::filesystem::path qmp_socket() const { return path / "qmp"; }
  /// Of the ssh connection that commands share.
  [[nodiscard]] std::filesystem::path shared_socket() const { return path / "shared"; }
  [[nodiscard]] std::filesystem::path serial_log() const { return path / "serial.log"; }
  /// What the guest writes to its second serial port: devices and, last, that it is ready.
  [[nodiscard]] std::filesystem::path report() const { return path / "report"; }
  [[nodiscard]] std::filesystem::path qemu_log() const { return path / "qemu.log"; }
  [[nodiscard]] std::filesystem::path ssh_log() const { return path / "ssh.log"; }
  [[nodiscard]] std::filesystem::path console_lock() const { return path / "console.lock"; }
};

/// The paths of a lab's Kubernetes. Certificates and components go by their names there.
struct KubernetesFolder {
  std::filesystem::path path;

  [[nodiscard]] std::filesystem::path certificates() const { return path / "certificates"; }
  [[nodiscard]] std::filesystem::path certificate(std::string_view name) const {
    return certificates() / fmt::format("{}.crt", name);
  }
  [[nodiscard]] std::filesystem::path key(std::string_view name) const {
    return certificates() / fmt::format("{}.key", name);
  }
  /// Of a component of the control plane.
  [[nodiscard]] std::filesystem::path kubeconfig(std::string_view name) const {
    return path / fmt::format("{}.kubeconfig", name);
  }
  [[nodiscard]] std::filesystem::path log(std::string_view name) const {
    return path / fmt::format("{}.log", name);
  }
  /// Where the API server enters the cluster's networks.
  [[nodiscard]] std::filesystem::path egress_socket() const { return path / "egress"; }
  [[nodiscard]] std::filesystem::path egress_file() const { return path / "egress.json"; }
  [[nodiscard]] std::filesystem::path simulated_topology() const { return path / "simulated.yaml"; }
  [[nodiscard]] std::filesystem::path simulated_nodes() const { return path / "nodes.json"; }
  [[nodiscard]] std::filesystem::path etcd_data() const { return path / "etcd-data"; }
  [[nodiscard]] std::filesystem::path etcd_socket() const { return path / "etcd"; }
};

/// The paths of a lab.
class RunFolder {
 public:
  /// The folder of a lab of this name. Fails unless the name is a DNS label: 1 to 63 of a-z, 0-9
  /// and '-', neither first nor last a '-'.
  [[nodiscard]] static Result<RunFolder> of(std::string_view lab);

  [[nodiscard]] const std::string& lab() const { return lab_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Held by who starts or stops the lab. Beside the folder, which comes and goes meanwhile.
  [[nodiscard]] std::filesystem::path lock() const { return path_.native() + ".lock"; }
  [[nodiscard]] std::filesystem::path state() const { return path_ / "state.json"; }
  [[nodiscard]] std::filesystem::path topology() const { return path_ / "topology.yaml"; }
  [[nodiscard]] std::filesystem::path control_socket() const { return path_ / "control"; }
  [[nodiscard]] std::filesystem::path devices() const { return path_ / "devices"; }
  /// Of the network that machines of a cluster have among themselves.
  [[nodiscard]] std::filesystem::path switch_socket() const { return path_ / "switch"; }
  [[nodiscard]] std::filesystem::path server_log() const { return path_ / "server.log"; }
  /// For kubectl and every other client of the user's.
  [[nodiscard]] std::filesystem::path kubeconfig() const { return path_ / "kubeconfig"; }
  [[nodiscard]] KubernetesFolder kubernetes() const { return {path_ / "kubernetes"}; }
  [[nodiscard]] std::filesystem::path ssh_config() const { return path_ / "ssh_config"; }
  [[nodiscard]] std::filesystem::path payload() const { return path_ / "payload"; }
  [[nodiscard]] std::filesystem::path payload_disk() const { return path_ / "payload.img"; }
  [[nodiscard]] MachineFolder machine(std::string_view node) const {
    return {path_ / "nodes" / node};
  }

  /// Fails if a socket of a lab with these nodes would have a longer path than the kernel takes.
  [[nodiscard]] Result<void> check_socket_paths(const std::vector<topology::Node>& nodes) const;

 private:
  RunFolder(std::string lab, std::filesystem::path path)
      : lab_(std::move(lab)), path_(std::move(path)) {}

  std::string lab_;
  std::filesystem::path path_;
};

/// Makes the folder of all labs, for this user alone. Fails if it is somebody else's.
[[nodiscard]] Result<void> make_labs_folder();

}  // namespace mockdev::lab
