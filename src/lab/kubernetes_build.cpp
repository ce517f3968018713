// SPDX-License-Identifier: Apache-2.0
#include "lab/kubernetes_build.h"

#include <chrono>

#include <fmt/ranges.h>

#include "base/process.h"
#include "lab/debian_tree.h"
#include "lab/mirror.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kAnswerTime{30};

/// In a tree of Debian's. It is linked statically and needs nothing of the tree.
constexpr const char* kGo = "usr/lib/go-1.24/bin/go";

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
  const fs::path script = installation.lab() / "kubernetes/build";
  auto content = content_of(script);
  if (!content) return std::unexpected(content.error());
  const auto packages = read_packages(installation.lab() / "go/packages");
  if (!packages) return std::unexpected(packages.error());
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());

  const TreeSpec go{.packages = *packages, .only_unpacked = true};
  const auto build = [=](const fs::path& folder, const std::string& go_command) -> RecipeStep {
    return {.note = "building",
            .command = builder.command({script, to_string(version), folder, go_command})};
  };
  const auto steps = [=, from = *mirror](const fs::path& folder) -> std::vector<RecipeStep> {
    if (!find_program("go").empty()) return {build(folder, "go")};
    const fs::path tree = folder / "go";
    return {
        {.note = "Go's packages", .command = builder.command(mmdebstrap(go, from, tree))},
        build(folder, tree / kGo),
        {.note = "cleaning up", .command = builder.command({"rm", "-rf", tree})},
    };
  };
  // Without the packages: whichever Go there is only fetches the one that builds.
  return Recipe{.name = fmt::format("kubernetes-{}", to_string(version)),
                .key = content_key({*content, to_string(version)}),
                .steps = steps};
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
