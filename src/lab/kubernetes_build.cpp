// SPDX-License-Identifier: Apache-2.0
#include "lab/kubernetes_build.h"

#include <chrono>

#include <fmt/ranges.h>

#include "base/process.h"
#include "lab/go_build.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kAnswerTime{30};

/// "Kubernetes v1.36.3" and a newline.
std::string_view version_in(std::string_view answer) {
  constexpr std::string_view kBefore = "Kubernetes ";
  if (!answer.starts_with(kBefore)) return {};
  answer.remove_prefix(kBefore.size());
  return answer.substr(0, answer.find_first_of("-+\n"));
}

}  // namespace

Result<Recipe> kubernetes_recipe(const Installation& installation, const Builder& builder,
                                 KubernetesVersion version) {
  const std::string text = to_string(version);
  return go_recipe({.name = "kubernetes-" + text,
                    .script = installation.lab() / "kubernetes/build",
                    .arguments = {text},
                    .inputs = {text}},
                   installation, builder);
}

Result<KubernetesVersion> version_of_programs(const fs::path& folder, bool for_nodes) {
  std::vector<std::string> programs = {"kube-apiserver", "kube-controller-manager",
                                       "kube-scheduler", "kubectl"};
  if (for_nodes) programs.insert(programs.end(), {"kubelet", "kube-proxy"});
  std::erase_if(programs, [&](const std::string& program) {
    return !find_program((folder / program).native()).empty();
  });
  if (!programs.empty()) {
    return fail("{}: has no {}, which a folder of Kubernetes' programs takes", folder.native(),
                fmt::join(programs, ", "));
  }
  const fs::path program = folder / "kube-apiserver";
  const auto answer = run_checked({.argv = {program, "--version"}}, {.timeout = kAnswerTime});
  if (!answer) return with_context(program.native(), answer.error());
  auto version = parse_kubernetes_version(version_in(*answer));
  if (!version) return with_context(program.native(), version.error());
  return version;
}

}  // namespace mockdev::lab
