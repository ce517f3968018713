// SPDX-License-Identifier: Apache-2.0
#include "lab/plan.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/file.h"
#include "lab/debug_kernel.h"
#include "lab/kernel_modules.h"
#include "lab/kmm.h"
#include "lab/kubernetes_build.h"
#include "lab/kvm.h"
#include "lab/node_payload.h"
#include "lab/payload.h"
#include "lab/ports.h"
#include "lab/program_tree.h"
#include "lab/qemu_tree.h"
#include "lab/server_process.h"
#include "lab/ssh.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

/// What kubelet, containerd and a few pods start in.
constexpr ByteCount kNodeMemory = 2_GiB;

std::vector<std::string> ready_made(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path name : names_in(folder).value_or(std::vector<std::string>())) {
    if (name.extension() == ".yaml") names.push_back(name.stem());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<fs::path> topology_file(const Installation& installation, const std::string& name) {
  const bool is_path =
      name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
  if (is_path) return fs::absolute(name);
  const fs::path folder = installation.lab() / "topologies";
  fs::path file = folder / (name + ".yaml");
  std::error_code ignored;
  if (fs::exists(file, ignored)) return file;
  return fail("topology '{}': neither a path nor one of the ready-made: {}", name,
              fmt::join(ready_made(folder), ", "));
}

Result<void> check_architecture(const UpOptions& options) {
  const ArchitectureFacts& facts = facts_of(options.architecture);
  if (!facts.foreign) return {};
  const auto refused = [&facts](std::string_view option) {
    return fail("arch: {}: its machines go without {}: leave out one of both", facts.name, option);
  };
  if (options.kubernetes || !options.kubernetes_programs.empty()) return refused("--kubernetes");
  if (options.kmm) return refused("--kmm");
  if (options.kernel != GuestKernel::linux_6_12) return refused("--kernel");
  if (options.accelerator == Accelerator::kvm) return refused("--accelerator kvm");
  return {};
}

Result<Plan> Plan::make(const UpOptions& options) {
  if (auto done = check_architecture(options); !done) return fail_input(done.error());
  auto folder = RunFolder::of(options.name);
  if (!folder) return fail_input(folder.error());
  auto parts = lab::installation();
  if (!parts) return std::unexpected(parts.error());
  auto caches = cache_folder();
  if (!caches) return std::unexpected(caches.error());
  if (auto there = require_tools({"mmdebstrap"}); !there) return std::unexpected(there.error());
  auto builder = Builder::find();
  if (!builder) return std::unexpected(builder.error());

  Plan plan(std::move(*parts), std::move(*builder), std::move(*folder), Cache(std::move(*caches)));
  plan.architecture_ = options.architecture;
  if (auto done = plan.choose_topology(options); !done) return fail_input(done.error());
  if (auto done = plan.choose_kubernetes(options); !done) return fail_input(done.error());
  if (auto done = plan.choose_simulation(options); !done) return fail_input(done.error());
  if (plan.has_kubernetes()) {
    if (auto done = plan.choose_kubernetes_recipes(); !done) return std::unexpected(done.error());
  }
  if (auto done = plan.choose_kmm(options); !done) return fail_input(done.error());
  if (!plan.has_machines()) return plan;
  if (auto done = plan.choose_sizes(options); !done) return fail_input(done.error());
  if (auto done = plan.choose_accelerator(options.accelerator); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = plan.choose_recipes(options); !done) return std::unexpected(done.error());
  return plan;
}

Result<void> Plan::choose_kubernetes(const UpOptions& options) {
  kubernetes_version_ = options.kubernetes;
  kubernetes_programs_ = options.kubernetes_programs;
  if (!kubernetes_programs_.empty()) {
    kubernetes_programs_ = fs::absolute(kubernetes_programs_);
    const auto version = version_of_programs(kubernetes_programs_, has_machines());
    if (!version) return std::unexpected(version.error());
    if (kubernetes_version_ && kubernetes_version_->minor != version->minor) {
      return fail("kubernetes: 1.{}: {} has version {}", kubernetes_version_->minor,
                  kubernetes_programs_.native(), to_string(*version));
    }
    kubernetes_version_ = *version;
  }
  if (has_kubernetes() && options.kernel == GuestKernel::debug) {
    return fail(
        "the debugging kernel lacks what a node of Kubernetes takes: leave out one of both");
  }
  if (has_machines() || has_kubernetes()) return {};
  return fail("nodes: 0: leaves nothing to start; add --kubernetes {}, or choose 1 to {}",
              kubernetes_minors().back(), nodes_in_topology_);
}

Result<void> Plan::choose_kubernetes_recipes() {
  if (auto there = require_tools({"openssl"}); !there) return there;
  if (kubernetes_programs_.empty()) {
    auto recipe = lab::kubernetes_recipe(installation_, builder_, *kubernetes_version_);
    if (!recipe) return std::unexpected(recipe.error());
    kubernetes_recipe_ = std::move(*recipe);
  }
  auto etcd = program_tree_recipe({.name = "etcd",
                                   .note = "etcd's packages",
                                   .packages = installation_.lab() / "etcd/packages"},
                                  builder_);
  if (!etcd) return std::unexpected(etcd.error());
  etcd_recipe_ = std::move(*etcd);
  if (simulation_) {
    auto kwok = lab::kwok_recipe(installation_, builder_);
    if (!kwok) return std::unexpected(kwok.error());
    kwok_recipe_ = std::move(*kwok);
    simulation_->kwok = cache_.folder(*kwok_recipe_) / "kwok";
    simulation_->stages = cache_.folder(*kwok_recipe_) / "stages.yaml";
    simulation_->driver = installation_.driver;
  }
  return choose_ports();
}

Result<void> Plan::choose_ports() {
  const auto ports = free_ports(5);
  if (!ports) return std::unexpected(ports.error());
  ports_ = {
      .apiserver = ports->at(0), .controller_manager = ports->at(1), .scheduler = ports->at(2)};
  if (simulation_) simulation_->ports = {.kwok = ports->at(3), .controller = ports->at(4)};
  return {};
}

Result<void> Plan::choose_kmm(const UpOptions& options) {
  if (!options.kmm) {
    if (options.kmm_source.empty()) return {};
    return fail("kmm-source: is of no use without --kmm");
  }
  if (!has_kubernetes() || !has_machines()) {
    return fail("kmm: takes Kubernetes with machines: add --kubernetes {} and no --nodes 0",
                kubernetes_minors().back());
  }
  auto recipe = lab::kmm_recipe(options.kmm_source, installation_, builder_);
  if (!recipe) return std::unexpected(recipe.error());
  kmm_recipe_ = std::move(*recipe);
  return {};
}

Result<void> Plan::choose_simulation(const UpOptions& options) {
  const bool by_file = !options.simulated_topology.empty();
  if (!options.simulated_nodes && !by_file) return {};
  if (options.simulated_nodes && by_file) {
    return fail("simulated-nodes: a topology file says how many there are: leave out one of both");
  }
  if (!has_kubernetes()) {
    return fail("simulated nodes take Kubernetes: add --kubernetes {}", kubernetes_minors().back());
  }
  Simulation simulation{};
  std::string name = "simulated-nodes";
  if (by_file) {
    name = options.simulated_topology.native();
    auto text = read_file(options.simulated_topology, topology::kMaxFileSize);
    if (!text) return std::unexpected(text.error());
    simulation.topology = std::move(*text);
  } else {
    simulation.topology = simulated_topology(*options.simulated_nodes);
  }
  auto topology = topology::parse(simulation.topology);
  if (!topology) return fail("{}", topology::describe(topology.error(), name));
  simulation.nodes = std::move(topology->nodes);
  for (const topology::Node& node : nodes_) {
    if (std::ranges::find(simulation.nodes, node.name, &topology::Node::name) !=
        simulation.nodes.end()) {
      return fail("{}: {} is the name of a machine of the lab's", name, node.name);
    }
  }
  simulation_ = std::move(simulation);
  return {};
}

Result<void> Plan::choose_topology(const UpOptions& options) {
  const bool wants_kubernetes = options.kubernetes || !options.kubernetes_programs.empty();
  const auto usual = std::string(wants_kubernetes ? kDefaultClusterTopology : kDefaultTopology);
  auto file = lab::topology_file(installation_, options.topology.value_or(usual));
  if (!file) return std::unexpected(file.error());
  topology_file_ = std::move(*file);
  auto loaded = topology::load(topology_file_);
  if (!loaded) return std::unexpected(loaded.error());
  nodes_ = std::move(loaded->nodes);
  nodes_in_topology_ = nodes_.size();
  const std::size_t wanted = options.nodes.value_or(nodes_.size());
  if (wanted > kMaxNodes && wants_kubernetes) {
    return fail("nodes: {}: more than the {} that a cluster can have", wanted, kMaxNodes);
  }
  if (wanted > nodes_.size()) {
    return fail("nodes: {}: {} has {}; choose 1 to {}, or another topology", wanted,
                topology_file_.native(), nodes_.size(), nodes_.size());
  }
  nodes_.resize(wanted);
  return folder_.check_socket_paths(nodes_);
}

Result<void> Plan::choose_sizes(const UpOptions& options) {
  const auto usual_memory = has_kubernetes() ? std::optional(kNodeMemory) : std::nullopt;
  for (const topology::Node& node : nodes_) {
    if (auto fits = check_buses(node); !fits) return fits;
    const auto cpus = cpus_of(node, options.cpus);
    if (!cpus) return std::unexpected(cpus.error());
    const auto memory = memory_of(node, options.memory ? options.memory : usual_memory);
    if (!memory) return std::unexpected(memory.error());
    cpus_.push_back(*cpus);
    memory_.push_back(*memory);
  }
  return {};
}

Result<void> Plan::choose_accelerator(Accelerator wanted) {
  accelerator_ = Accelerator::tcg;
  if (wanted == Accelerator::tcg || facts_of(architecture_).foreign) return {};
  const auto kvm = try_kvm();
  if (kvm) {
    accelerator_ = Accelerator::kvm;
    return {};
  }
  if (wanted == Accelerator::kvm) return std::unexpected(kvm.error());
  why_not_kvm_ = kvm.error().message;
  return {};
}

Result<void> Plan::find_programs() const {
  const GuestPrograms programs = guest_programs(installation_, architecture_);
  for (const fs::path& program : {programs.program, programs.workload}) {
    if (find_program(program.native()).empty()) {
      return fail("{}: not there; in mock-device's sources: make {}", program.native(),
                  facts_of(architecture_).name);
    }
  }
  return {};
}

Result<void> Plan::choose_recipes(const UpOptions& options) {
  if (auto there = require_tools({"mke2fs", "ssh", "ssh-keygen"}); !there) return there;
  if (find_program(installation_.server.native()).empty()) {
    return fail("{}: not there; install mock-device as a whole", installation_.server.native());
  }
  if (facts_of(architecture_).foreign) {
    if (auto there = find_programs(); !there) return there;
  }
  host_qemu_ = host_qemu(architecture_);
  if (host_qemu_.empty()) {
    auto recipe = lab::qemu_recipe(installation_, builder_, architecture_);
    if (!recipe) return std::unexpected(recipe.error());
    qemu_recipe_ = std::move(*recipe);
  }
  auto guest = lab::guest_recipe(installation_, builder_,
                                 {.kind = has_kubernetes() ? GuestKind::node : GuestKind::plain,
                                  .architecture = architecture_,
                                  .kernel = options.kernel});
  if (!guest) return std::unexpected(guest.error());
  guest_recipe_ = std::move(*guest);
  if (options.kernel == GuestKernel::debug) {
    auto kernel = lab::debug_kernel_recipe(installation_, builder_);
    if (!kernel) return std::unexpected(kernel.error());
    debug_kernel_recipe_ = std::move(*kernel);
  }
  auto modules = lab::modules_recipe(installation_, image(), builder_, architecture_);
  if (!modules) return std::unexpected(modules.error());
  modules_recipe_ = std::move(*modules);
  return {};
}

GuestImage Plan::image() const {
  GuestImage image{cache_.folder(guest_recipe_)};
  if (debug_kernel_recipe_) image.kernel_folder = cache_.folder(*debug_kernel_recipe_);
  return image;
}

QemuProgram Plan::qemu() const {
  return qemu_recipe_ ? qemu_of(cache_.folder(*qemu_recipe_), architecture_) : host_qemu_;
}

ControlPlane Plan::control_plane() const {
  return {
      .version = *kubernetes_version_,
      .programs = kubernetes_recipe_ ? cache_.folder(*kubernetes_recipe_) : kubernetes_programs_,
      .etcd = tree_program(cache_.folder(etcd_recipe_), "usr/bin/etcd"),
      .folder = folder_,
      .ports = ports_,
      .program = installation_.program,
      .nodes = addresses(),
      .simulation = simulation_};
}

std::vector<NodeAddress> Plan::addresses() const {
  std::vector<NodeAddress> all;
  for (const topology::Node& node : nodes_) all.push_back(node_address(all.size(), node.name));
  return all;
}

std::vector<Preparation> Plan::preparations() const {
  std::vector<Preparation> all;
  if (has_kubernetes()) {
    const fs::path script = installation_.lab() / "kubernetes/make-certificates";
    for (Preparation& one : control_plane_preparations(script, control_plane())) {
      all.push_back(std::move(one));
    }
  }
  if (has_machines()) add_machine_preparations(all);
  return all;
}

void Plan::add_machine_preparations(std::vector<Preparation>& all) const {
  std::vector<std::string> folders = {"mkdir", "-p",           "-m",
                                      "700",   folder_.path(), folder_.devices()};
  for (const topology::Node& node : nodes_) {
    folders.push_back(folder_.machine(node.name).path);
  }
  all.emplace_back(Command{.argv = std::move(folders)});
  all.emplace_back(Command{.argv = {"cp", topology_file_, folder_.topology()}});
  all.emplace_back(Command{.argv = {installation_.lab() / "make-keys", folder_.path()}});
  all.emplace_back(
      FileText{.path = folder_.ssh_config(), .text = ssh_config(installation_.program, folder_)});
  PayloadAdditions additions = cluster_payload();
  if (std::string rules = vf_rules(nodes_); !rules.empty()) {
    additions.preparations.emplace_back(
        FileText{.path = folder_.payload() / "vfs.rules", .text = std::move(rules)});
  }
  const fs::path modules = loads_modules() ? module_cache().folder(modules_recipe_) : fs::path();
  for (Preparation& one :
       payload_preparations(installation_, builder_, architecture_, modules, additions, folder_)) {
    all.push_back(std::move(one));
  }
}

PayloadAdditions Plan::cluster_payload() const {
  if (!has_kubernetes()) return {};
  PayloadAdditions all{.preparations = node_preparations(installation_, image(), control_plane()),
                       .size = node_payload_size(control_plane())};
  if (kmm_recipe_) {
    const KmmImages images{.programs = cache_.folder(*kmm_recipe_),
                           .modules = module_cache().folder(modules_recipe_)};
    for (Preparation& one : kmm_image_preparations(images, installation_, image(), folder_)) {
      all.preparations.push_back(std::move(one));
    }
    all.size = ByteCount{all.size.value() + kmm_payload_size(images.programs).value()};
  }
  return all;
}

Command Plan::install_operator() const {
  return install_kmm(cache_.folder(*kmm_recipe_), installation_, control_plane());
}

Command Plan::server() const {
  return server_command(installation_, folder_);
}

Command Plan::machine(std::size_t node) const {
  return machine_command({.node = nodes_.at(node),
                          .qemu = qemu(),
                          .image = image(),
                          .folder = folder_,
                          .architecture = architecture_,
                          .accelerator = accelerator_,
                          .cpus = cpus_.at(node),
                          .memory = memory_.at(node),
                          .cluster = cluster_card(node)});
}

std::optional<ClusterCard> Plan::cluster_card(std::size_t node) const {
  if (!has_kubernetes()) return std::nullopt;
  return ClusterCard{.socket = folder_.switch_socket(), .mac = addresses().at(node).mac};
}

}  // namespace mockdev::lab
