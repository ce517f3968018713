// SPDX-License-Identifier: Apache-2.0
// mock-accel-dra-driver: mock accelerators for Kubernetes.

#include <cstdio>
#include <exception>
#include <string>
#include <variant>

#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/process.h"
#include "driver/agent.h"
#include "driver/controller.h"
#include "driver/doctor.h"
#include "driver/settings.h"

namespace mockdev::driver {
namespace {

Result<void> run_part(const AgentSettings& settings) {
  const Interrupt interrupt;
  return run_agent(settings, interrupt);
}
Result<void> run_part(const ControllerSettings& settings) {
  const Interrupt interrupt;
  return run_controller(settings, interrupt);
}
/// Signals end this one as they end any program.
Result<void> run_part(const DoctorSettings& settings) {
  const auto report = cluster_report(settings);
  if (!report) return std::unexpected(report.error());
  std::fputs(report->c_str(), stdout);
  return {};
}

int run(int argc, const char* const* argv) {
  // Some twenty threads, of which one at a time does something: an arena each is memory for
  // nothing.
  ::mallopt(M_ARENA_MAX, 1);
  const auto settings = read_settings(argc, argv);
  if (!settings) {
    std::fputs(settings.error().text.c_str(), settings.error().exit_code == 0 ? stdout : stderr);
    return settings.error().exit_code;
  }
  const auto& log_level = std::visit(
      [](const auto& any) -> const std::string& { return any.common.log_level; }, *settings);
  if (auto started = start_logging(log_level); !started) {
    fmt::print(stderr, "mock-accel-dra-driver: {}\n", started.error().message);
    return 2;
  }
  // The sockets are the kubelet's, which is root. CDI files get their mode in any case.
  constexpr mode_t kNobodyElse = 0077;
  ::umask(kNobodyElse);
  if (auto done = std::visit([](const auto& any) { return run_part(any); }, *settings); !done) {
    fmt::print(stderr, "mock-accel-dra-driver: {}\n", done.error().message);
    return done.error().bad_input ? 2 : 1;
  }
  return 0;
}

}  // namespace
}  // namespace mockdev::driver

int main(int argc, char** argv) {
  try {
    return mockdev::driver::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, say
    std::fputs("mock-accel-dra-driver: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return 1;
  }
}
