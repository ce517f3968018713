// SPDX-License-Identifier: Apache-2.0
// What an `up` is going to do, worked out and checked before anything is done.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "lab/cache.h"
#include "lab/control_plane.h"
#include "lab/guest_image.h"
#include "lab/installation.h"
#include "lab/lab.h"
#include "lab/machine.h"
#include "lab/payload.h"
#include "lab/preparation.h"
#include "lab/run_folder.h"
#include "topology/topology.h"

namespace mockdev::lab {

class Plan {
 public:
  /// Checks the options against this computer. Each error is for the person who gave them.
  [[nodiscard]] static Result<Plan> make(const UpOptions& options);

  [[nodiscard]] const Installation& installation() const { return installation_; }
  [[nodiscard]] const Builder& builder() const { return builder_; }
  [[nodiscard]] const RunFolder& folder() const { return folder_; }
  [[nodiscard]] const std::filesystem::path& topology_file() const { return topology_file_; }
  [[nodiscard]] const std::vector<topology::Node>& nodes() const { return nodes_; }
  [[nodiscard]] Accelerator accelerator() const { return accelerator_; }
  /// Why it is not KVM. Empty: it is, or was not to be.
  [[nodiscard]] const std::string& why_not_kvm() const { return why_not_kvm_; }

  /// Without machines there is no need of QEMU, a guest image, modules and a device server.
  [[nodiscard]] bool has_machines() const { return !nodes_.empty(); }

  /// For all recipes but modules_recipe.
  [[nodiscard]] const Cache& cache() const { return cache_; }
  /// Not there where this computer's own QEMU will do.
  [[nodiscard]] const std::optional<Recipe>& qemu_recipe() const { return qemu_recipe_; }
  [[nodiscard]] const Recipe& guest_recipe() const { return guest_recipe_; }
  /// Only where the machines are to have that kernel.
  [[nodiscard]] const std::optional<Recipe>& debug_kernel_recipe() const {
    return debug_kernel_recipe_;
  }
  [[nodiscard]] GuestImage image() const;
  /// For modules_recipe.
  [[nodiscard]] Cache module_cache() const { return Cache(image().modules()); }
  [[nodiscard]] const Recipe& modules_recipe() const { return modules_recipe_; }
  [[nodiscard]] QemuProgram qemu() const;

  [[nodiscard]] bool has_kubernetes() const { return kubernetes_version_.has_value(); }
  [[nodiscard]] const std::optional<KubernetesVersion>& kubernetes_version() const {
    return kubernetes_version_;
  }
  /// Not there where ready-made programs were given.
  [[nodiscard]] const std::optional<Recipe>& kubernetes_recipe() const {
    return kubernetes_recipe_;
  }
  [[nodiscard]] const Recipe& etcd_recipe() const { return etcd_recipe_; }
  /// Only with Kubernetes.
  [[nodiscard]] ControlPlane control_plane() const;
  /// Only with Kernel Module Management.
  [[nodiscard]] const std::optional<Recipe>& kmm_recipe() const { return kmm_recipe_; }
  [[nodiscard]] Command install_operator() const;
  /// Whether the machines do themselves, when they start.
  [[nodiscard]] bool loads_modules() const { return !kmm_recipe_.has_value(); }
  /// Only with simulated nodes.
  [[nodiscard]] const std::optional<Recipe>& kwok_recipe() const { return kwok_recipe_; }

  /// Fill the run folder: folders, keys, configuration, payload disk.
  [[nodiscard]] std::vector<Preparation> preparations() const;
  [[nodiscard]] Command server() const;
  [[nodiscard]] Command machine(std::size_t node) const;

 private:
  Plan(Installation installation, Builder builder, RunFolder folder, Cache cache)
      : installation_(std::move(installation)),
        builder_(std::move(builder)),
        folder_(std::move(folder)),
        cache_(std::move(cache)) {}

  [[nodiscard]] Result<void> choose_topology(const UpOptions& options);
  [[nodiscard]] Result<void> choose_sizes(const UpOptions& options);
  [[nodiscard]] Result<void> choose_accelerator(Accelerator wanted);
  [[nodiscard]] Result<void> find_programs() const;
  [[nodiscard]] Result<void> choose_recipes(const UpOptions& options);
  [[nodiscard]] Result<void> choose_kubernetes(const UpOptions& options);
  [[nodiscard]] Result<void> choose_kubernetes_recipes();
  [[nodiscard]] Result<void> choose_simulation(const UpOptions& options);
  [[nodiscard]] Result<void> choose_kmm(const UpOptions& options);
  [[nodiscard]] Result<void> choose_ports();
  [[nodiscard]] std::vector<NodeAddress> addresses() const;
  [[nodiscard]] std::optional<ClusterCard> cluster_card(std::size_t node) const;
  [[nodiscard]] PayloadAdditions cluster_payload() const;
  void add_machine_preparations(std::vector<Preparation>& all) const;

  Installation installation_;
  Builder builder_;
  RunFolder folder_;
  Cache cache_;
  std::filesystem::path topology_file_;
  std::size_t nodes_in_topology_ = 0;
  Architecture architecture_ = Architecture::amd64;
  std::vector<topology::Node> nodes_;  ///< those that are to be started
  std::vector<unsigned> cpus_;         ///< of each node
  std::vector<ByteCount> memory_;      ///< of each node
  Accelerator accelerator_ = Accelerator::tcg;
  std::string why_not_kvm_;
  QemuProgram host_qemu_;
  std::optional<Recipe> qemu_recipe_;
  Recipe guest_recipe_;
  std::optional<Recipe> debug_kernel_recipe_;
  Recipe modules_recipe_;
  std::optional<KubernetesVersion> kubernetes_version_;
  std::filesystem::path kubernetes_programs_;  ///< ready-made; empty: built
  std::optional<Recipe> kubernetes_recipe_;
  Recipe etcd_recipe_;
  std::optional<Recipe> kmm_recipe_;
  std::optional<Recipe> kwok_recipe_;
  std::optional<Simulation> simulation_;
  ControlPlanePorts ports_ = {};
};

/// That machines of the architecture can do what the options say.
[[nodiscard]] Result<void> check_architecture(const UpOptions& options);

/// The file that a topology's name or path means. The error lists the ready-made ones.
[[nodiscard]] Result<std::filesystem::path> topology_file(const Installation& installation,
                                                          const std::string& name);

}  // namespace mockdev::lab
