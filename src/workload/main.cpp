// SPDX-License-Identifier: Apache-2.0
// mock-device-workload: has the devices that a container was given do real work, and proves that it
// holds these and no others. docs/workload.md shows it.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "workload/report.h"
#include "workload/tasks.h"

namespace mockdev::workload {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr std::uint64_t kMaxVerified = MOCK_ACCEL_MAX_BUFFER / 2;

struct Flags {
  std::filesystem::path dev = "/dev";
  std::uint64_t size = 1U << 20U;
  int pause = 3;         ///< seconds
  int seconds = 3;       ///< of a measurement
  unsigned at_once = 1;  ///< copies, in a measurement
  bool forever = false;
  std::vector<std::string> devices;
};

std::vector<std::string> nodes_in(const std::filesystem::path& dev) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(dev, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("mock") && entry.is_character_file(ignored)) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

/// The devices to work with: those of the command line, else those that the container was given,
/// else all that there are.
Result<std::vector<Given>> chosen_devices(const Flags& flags) {
  std::vector<std::string> names = flags.devices;
  if (names.empty()) {
    auto given = given_devices(static_cast<char* (*)(const char*)>(std::getenv));
    if (!given || !given->empty()) return given;
    names = nodes_in(flags.dev);
  }
  std::vector<Given> chosen;
  for (const std::string& name : names) chosen.push_back({.name = name, .uuid = std::nullopt});
  if (chosen.empty()) return fail("{}: no device there", flags.dev.native());
  return chosen;
}

/// A device that is the one that was given.
Result<Device> open_given(const Flags& flags, const Given& given) {
  auto device = Device::open(flags.dev / given.name);
  if (!device) return device;
  if (given.uuid && device->uuid() != *given.uuid) {
    return fail("{}: is {}, not {} as this container was told", given.name, device->uuid(),
                *given.uuid);
  }
  return device;
}

Result<Verifier> make_verifier(const Flags& flags, const Given& given) {
  auto device = open_given(flags, given);
  if (!device) return std::unexpected(device.error());
  const std::uint64_t half = device->info().memory_size / 2;
  const ByteCount size{std::min({flags.size, half, kMaxVerified})};
  return Verifier::make(std::move(*device), size);
}

Result<void> verify_one(Verifier& verifier) {
  const auto crc = verifier.verify();
  if (!crc) return std::unexpected(crc.error());
  const Device& device = verifier.device();
  fmt::print("{} {} NUMA node {}: {} written, moved and read back, CRC32C {:08x}\n", device.name(),
             device.uuid(), device.info().numa_node, verifier.size(), *crc);
  return {};
}

/// That nothing is in sight but what was given.
Result<void> check_alone(const Flags& flags, const std::vector<Given>& given) {
  if (std::getenv("MOCK_ACCEL_DEVICES") == nullptr) return {};
  const auto others = strangers(nodes_in(flags.dev), given);
  if (others.empty()) return {};
  return fail("{} {} here, and nobody gave {}", fmt::join(others, ", "),
              others.size() == 1 ? "is" : "are", others.size() == 1 ? "it" : "them");
}

/// The devices are open from the first round to the last, as those of a program that computes are.
Result<void> run_verify(const Flags& flags) {
  const auto given = chosen_devices(flags);
  if (!given) return std::unexpected(given.error());
  std::vector<Verifier> verifiers;
  for (const Given& one : *given) {
    auto verifier = make_verifier(flags, one);
    if (!verifier) return std::unexpected(verifier.error());
    verifiers.push_back(std::move(*verifier));
  }
  do {
    for (Verifier& verifier : verifiers) {
      if (auto verified = verify_one(verifier); !verified) return verified;
    }
    if (auto alone = check_alone(flags, *given); !alone) return alone;
    fmt::print("{} device{} as given, no other in sight\n", given->size(),
               given->size() == 1 ? "" : "s");
    std::fflush(stdout);
    if (flags.forever) std::this_thread::sleep_for(std::chrono::seconds(flags.pause));
  } while (flags.forever);
  return {};
}

Result<void> run_bench(const Flags& flags) {
  const auto given = chosen_devices(flags);
  if (!given) return std::unexpected(given.error());
  constexpr double kMegabyte = 1e6;
  for (const Given& one : *given) {
    auto device = open_given(flags, one);
    if (!device) return std::unexpected(device.error());
    const ByteCount size{
        std::min<std::uint64_t>({flags.size, device->info().memory_size, MOCK_ACCEL_MAX_BUFFER})};
    const auto speed = measure(*device, size, flags.at_once, std::chrono::seconds(flags.seconds));
    if (!speed) return std::unexpected(speed.error());
    fmt::print(
        "{}: {} copies of {}, {:.0f} us each: {:.0f} MB/s, memcpy {:.0f} MB/s, ratio {:.2f}\n",
        one.name, speed->copies, size, speed->microseconds_each, speed->engine / kMegabyte,
        speed->memcpy / kMegabyte, speed->engine / speed->memcpy);
  }
  return {};
}

void add_flags(CLI::App& verb, Flags& flags) {
  verb.add_option("DEVICE", flags.devices,
                  "Names of devices (default: those that the container was given, else all)");
  verb.add_option("--dev", flags.dev, "Folder of the device nodes")->capture_default_str();
  verb.add_option("--size", flags.size, "Bytes of each piece of work")
      ->capture_default_str()
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{MOCK_ACCEL_MAX_BUFFER}));
}

int run(int argc, const char* const* argv) {
  Flags flags;
  CLI::App app("Has mock accelerators do work, and shows that they did it", "mock-device-workload");
  app.set_version_flag("--version", std::string(MOCK_DEVICE_VERSION));
  app.require_subcommand(1);
  auto* const verify = app.add_subcommand(
      "verify", "Write, move and read back data, with checksums; fail on other devices in sight");
  add_flags(*verify, flags);
  verify->add_flag("--forever", flags.forever, "Again and again");
  verify->add_option("--pause", flags.pause, "Seconds between two rounds")
      ->check(CLI::Range(0, 3600));
  auto* const bench = app.add_subcommand("bench", "Speed of copies to the device beside memcpy()");
  add_flags(*bench, flags);
  bench->add_option("--seconds", flags.seconds, "How long")->check(CLI::Range(1, 3600));
  bench->add_option("--at-once", flags.at_once, "Copies that the engine has at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1, MOCK_ACCEL_MAX_WORKS));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  const auto done = verify->parsed() ? run_verify(flags) : run_bench(flags);
  if (done) return 0;
  fmt::print(stderr, "mock-device-workload: {}\n", done.error().message);
  return kFailed;
}

}  // namespace
}  // namespace mockdev::workload

int main(int argc, char** argv) {
  try {
    return mockdev::workload::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, say
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return 1;
  }
}
