// SPDX-License-Identifier: Apache-2.0
#include "lab/payload.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLabel = "mock-device";  // at most 16 characters

/// A build tree's program is mostly debugging information, which no guest has a use for.
Command copy_program(const fs::path& program, const fs::path& copy, std::string_view strip) {
  if (find_program(strip).empty()) return {.argv = {"cp", program, copy}};
  return {.argv = {std::string(strip), "-o", copy, program}};
}

/// Room for the modules, the start script and the file system itself.
constexpr ByteCount kBesideProgram = 32_MiB;

std::string disk_size(const fs::path& program, ByteCount additions) {
  std::error_code ignored;
  const std::uintmax_t size = fs::file_size(program, ignored) + additions.value();
  return fmt::format("{}k", (size + size / 8 + kBesideProgram.value()) / 1024);
}

}  // namespace

std::string vf_rules(const std::vector<topology::Node>& nodes) {
  std::string rules;
  for (const topology::Node& node : nodes) {
    for (const topology::NumaNode& numa : node.numa) {
      for (const topology::Device& device : numa.devices) {
        if (device.numvfs == 0) continue;
        rules += fmt::format(
            "ACTION==\"add\", SUBSYSTEM==\"mock-accel\", ATTR{{uuid}}==\"{}\", "
            "ATTR{{sriov_numvfs}}=\"{}\"\n",
            device.uuid, device.numvfs);
      }
    }
  }
  return rules;
}

std::vector<Preparation> payload_preparations(const Installation& installation,
                                              const Builder& builder, Architecture architecture,
                                              const fs::path& modules,
                                              const PayloadAdditions& additions,
                                              const RunFolder& folder) {
  const fs::path payload = folder.payload();
  const GuestPrograms programs = guest_programs(installation, architecture);
  const std::string_view strip = facts_of(architecture).strip;
  std::vector<Preparation> all = {
      Command{.argv = {"mkdir", payload, payload / "bin"}},
      copy_program(programs.program, payload / "bin/mock-device", strip),
      copy_program(programs.workload, payload / "bin/mock-device-workload", strip),
      Command{.argv = {"cp", installation.lab() / "payload/start", payload / "start"}},
  };
  if (!modules.empty()) {
    all.emplace_back(Command{.argv = {"cp", "-R", modules, payload / "modules"}});
  }
  all.insert(all.end(), additions.preparations.begin(), additions.preparations.end());
  // As root of the namespace, so that the files are root's in the guest.
  all.emplace_back(builder.command({"mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0",
                                    "-L", kLabel, "-d", payload, folder.payload_disk(),
                                    disk_size(programs.program, additions.size)}));
  all.emplace_back(Command{.argv = {"rm", "-rf", payload}});
  return all;
}

}  // namespace mockdev::lab
