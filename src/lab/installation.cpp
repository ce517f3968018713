// SPDX-License-Identifier: Apache-2.0
#include "lab/installation.h"

#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

/// The path that a variable names. Empty unless it is absolute, as the XDG rules have it.
fs::path path_from(const char* variable) {
  const char* const value = std::getenv(variable);
  const fs::path path = value != nullptr ? value : "";
  return path.is_absolute() ? path.lexically_normal() : fs::path{};
}

}  // namespace

Result<Installation> installation() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail_errno("/proc/self/exe", error.value());
  const fs::path folder = program.parent_path();
  const fs::path data = (folder / "../share/mock-device").lexically_normal();
  if (!fs::is_directory(data / "lab", error)) {
    return fail("{}: not there, but {} needs it; install mock-device as a whole",
                (data / "lab").native(), program.filename().native());
  }
  return Installation{.program = program,
                      .server = folder / "mock-accel-server",
                      .driver = folder / "mock-accel-dra-driver",
                      .workload = folder / "mock-device-workload",
                      .pause = (folder / "../libexec/mock-device/pause").lexically_normal(),
                      .data = data};
}

GuestPrograms guest_programs(const Installation& installation, Architecture architecture) {
  const ArchitectureFacts& facts = facts_of(architecture);
  if (!facts.foreign) return {.program = installation.program, .workload = installation.workload};
  const fs::path build = installation.program.parent_path().parent_path().parent_path();
  const fs::path folder = build / facts.name / "bin";
  return {.program = folder / "mock-device", .workload = folder / "mock-device-workload"};
}

Result<fs::path> cache_folder() {
  if (const fs::path cache = path_from("XDG_CACHE_HOME"); !cache.empty()) {
    return cache / "mock-device";
  }
  if (const fs::path home = path_from("HOME"); !home.empty()) return home / ".cache/mock-device";
  return fail("HOME: not set; set it, or XDG_CACHE_HOME to a folder for the guest's image");
}

fs::path labs_folder() {
  if (fs::path own = path_from("MOCK_DEVICE_RUN_DIR"); !own.empty()) return own;
  if (const fs::path runtime = path_from("XDG_RUNTIME_DIR"); !runtime.empty()) {
    return runtime / "mock-device";
  }
  return fmt::format("/tmp/mock-device-{}/mock-device", ::geteuid());
}

}  // namespace mockdev::lab
