// SPDX-License-Identifier: Apache-2.0
#include "lab/plan.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "lab/kernel_modules.h"
#include "lab/kvm.h"
#include "lab/payload.h"
#include "lab/qemu_tree.h"
#include "lab/server_process.h"
#include "lab/ssh.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> ready_made(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator{}; entry.increment(error)) {
    if (entry->path().extension() == ".yaml") names.push_back(entry->path().stem());
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

Result<Plan> Plan::make(const UpOptions& options) {
  auto folder = RunFolder::of(options.name);
  if (!folder) return fail_input(folder.error());
  auto parts = lab::installation();
  if (!parts) return std::unexpected(parts.error());
  auto caches = cache_folder();
  if (!caches) return std::unexpected(caches.error());
  if (auto there = require_tools({"mmdebstrap", "mke2fs", "ssh", "ssh-keygen"}); !there) {
    return std::unexpected(there.error());
  }
  if (find_program(parts->server.native()).empty()) {
    return fail("{}: not there; install mock-device as a whole", parts->server.native());
  }
  auto builder = Builder::find();
  if (!builder) return std::unexpected(builder.error());

  Plan plan(std::move(*parts), std::move(*builder), std::move(*folder), Cache(std::move(*caches)));
  if (auto done = plan.choose_topology(options); !done) return fail_input(done.error());
  if (auto done = plan.choose_sizes(options); !done) return fail_input(done.error());
  if (auto done = plan.choose_accelerator(options.accelerator); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = plan.choose_recipes(); !done) return std::unexpected(done.error());
  return plan;
}

Result<void> Plan::choose_topology(const UpOptions& options) {
  auto file = lab::topology_file(installation_, options.topology);
  if (!file) return std::unexpected(file.error());
  topology_file_ = std::move(*file);
  auto loaded = topology::load(topology_file_);
  if (!loaded) return std::unexpected(loaded.error());
  nodes_ = std::move(loaded->nodes);
  if (!options.nodes) return folder_.check_socket_paths(nodes_);
  if (*options.nodes == 0 || *options.nodes > nodes_.size()) {
    return fail("nodes: {}: {} has {}; choose 1 to {}, or another topology", *options.nodes,
                topology_file_.native(), nodes_.size(), nodes_.size());
  }
  nodes_.resize(*options.nodes);
  return folder_.check_socket_paths(nodes_);
}

Result<void> Plan::choose_sizes(const UpOptions& options) {
  for (const topology::Node& node : nodes_) {
    if (auto fits = check_buses(node); !fits) return fits;
    const auto cpus = cpus_of(node, options.cpus);
    if (!cpus) return std::unexpected(cpus.error());
    const auto memory = memory_of(node, options.memory);
    if (!memory) return std::unexpected(memory.error());
    cpus_.push_back(*cpus);
    memory_.push_back(*memory);
  }
  return {};
}

Result<void> Plan::choose_accelerator(Accelerator wanted) {
  accelerator_ = Accelerator::tcg;
  if (wanted == Accelerator::tcg) return {};
  const auto kvm = try_kvm();
  if (kvm) {
    accelerator_ = Accelerator::kvm;
    return {};
  }
  if (wanted == Accelerator::kvm) return std::unexpected(kvm.error());
  why_not_kvm_ = kvm.error().message;
  return {};
}

Result<void> Plan::choose_recipes() {
  host_qemu_ = host_qemu();
  if (host_qemu_.empty()) {
    auto recipe = lab::qemu_recipe(installation_, builder_);
    if (!recipe) return std::unexpected(recipe.error());
    qemu_recipe_ = std::move(*recipe);
  }
  auto guest = lab::guest_recipe(installation_, builder_);
  if (!guest) return std::unexpected(guest.error());
  guest_recipe_ = std::move(*guest);
  auto modules = lab::modules_recipe(installation_, image(), builder_);
  if (!modules) return std::unexpected(modules.error());
  modules_recipe_ = std::move(*modules);
  return {};
}

QemuProgram Plan::qemu() const {
  return qemu_recipe_ ? qemu_of(cache_.folder(*qemu_recipe_)) : host_qemu_;
}

std::vector<Preparation> Plan::preparations() const {
  std::vector<std::string> folders = {"mkdir", "-p",           "-m",
                                      "700",   folder_.path(), folder_.devices()};
  for (const topology::Node& node : nodes_) {
    folders.push_back(folder_.machine(node.name).path);
  }
  std::vector<Preparation> all = {
      Command{.argv = std::move(folders)},
      Command{.argv = {"cp", topology_file_, folder_.topology()}},
      Command{.argv = {installation_.lab() / "make-keys", folder_.path()}},
      FileText{.path = folder_.ssh_config(), .text = ssh_config(installation_.program, folder_)},
  };
  for (Command& command :
       payload_commands(installation_, builder_, module_cache().folder(modules_recipe_), folder_)) {
    all.emplace_back(std::move(command));
  }
  return all;
}

Command Plan::server() const {
  return server_command(installation_, folder_);
}

Command Plan::machine(std::size_t node) const {
  return machine_command({.node = nodes_.at(node),
                          .qemu = qemu(),
                          .image = image(),
                          .folder = folder_,
                          .accelerator = accelerator_,
                          .cpus = cpus_.at(node),
                          .memory = memory_.at(node)});
}

}  // namespace mockdev::lab
