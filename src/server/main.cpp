// SPDX-License-Identifier: Apache-2.0
// mock-accel-server: devices of a topology behind vfio-user sockets.

#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <set>
#include <string_view>

#include "base/log.h"
#include "base/process.h"
#include "control/listener.h"
#include "server/hosted_device.h"
#include "server/notify.h"
#include "server/plan.h"
#include "server/sandbox.h"
#include "server/schedule.h"
#include "server/verbs.h"
#include "vfio_user/server.h"

namespace mockdev::server {
namespace {

Result<std::optional<control::Listener>> bind_control(const Plan& plan) {
  if (!plan.control) return std::nullopt;
  auto listener = control::Listener::bind(*plan.control);
  if (!listener) return std::unexpected(listener.error());
  return *std::move(listener);
}

Result<void> bind_devices(const Host& host, vfio_user::Server& server) {
  for (const Endpoint& endpoint : host.endpoints) {
    if (auto added = server.add(endpoint.socket, *endpoint.device); !added) return added;
  }
  return {};
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

std::set<std::filesystem::path> socket_folders(const Plan& plan) {
  std::set<std::filesystem::path> folders;
  for (const Placement& placement : plan.devices) folders.insert(folder_of(placement.socket));
  if (plan.control) folders.insert(folder_of(*plan.control));
  return folders;
}

/// Serves until a signal asks to stop; a second signal ends the process at once.
Result<void> serve(const Plan& plan) {
  std::optional<Interrupt> interrupt(std::in_place);
  const auto host = make_host(plan);
  if (!host) return std::unexpected(host.error());
  // First: of two servers that start in one folder, one fails here and touches nothing.
  auto control = bind_control(plan);
  if (!control) return std::unexpected(control.error());
  vfio_user::Server server;
  if (auto bound = bind_devices(*host, server); !bound) return bound;
  if (plan.sandbox) {
    if (auto entered = enter_sandbox(socket_folders(plan)); !entered) {
      return fail("sandbox: {}; --no-sandbox does without", entered.error().message);
    }
  }
  if (auto started = server.start(); !started) return started;

  const std::size_t count = host->devices.size();
  const std::string_view plural = count == 1 ? "" : "s";
  log::info("serving {} device{}", count, plural);
  notify(fmt::format("READY=1\nSTATUS=Serving {} device{}", count, plural));
  if (*control) {
    Schedule schedule(host->devices, Schedule::Clock::now());
    (*control)->serve(control_verbs(host->devices, server, schedule), interrupt->fd(), [&] {
      schedule.advance(Schedule::Clock::now());
      return schedule.next();
    });
  } else {
    while (!interrupt->wait(std::chrono::hours(1))) {
    }
  }
  notify("STOPPING=1");
  interrupt.reset();
  server.stop();
  log::info("stopped");
  return {};
}

int run(int argc, const char* const* argv) {
  const auto plan = make_plan(argc, argv);
  if (!plan) {
    std::fputs(plan.error().text.c_str(), plan.error().exit_code == 0 ? stdout : stderr);
    return plan.error().exit_code;
  }
  if (auto started = start_logging(plan->log_level); !started) {
    fmt::print(stderr, "mock-accel-server: {}\n", started.error().message);
    return 2;
  }
  if (plan->dry_run) {
    fmt::print("{}", describe(*plan));
    return 0;
  }
  if (auto served = serve(*plan); !served) {
    fmt::print(stderr, "mock-accel-server: {}\n", served.error().message);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace mockdev::server

int main(int argc, char** argv) {
  try {
    return mockdev::server::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, say
    std::fputs("mock-accel-server: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return 1;
  }
}
