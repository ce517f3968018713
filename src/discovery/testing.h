// SPDX-License-Identifier: Apache-2.0
// For tests only: a folder that looks like the sysfs of a machine with accelerators.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/file.h"
#include "base/testing.h"

namespace mockdev::discovery {

/// A device to put into a FakeSysfs. Attributes that the test does not name get usual values.
struct FakeDevice {
  std::string name = "mock0";
  std::string pci = "pci0000:00/0000:00:02.0/0000:01:00.0";  ///< below /sys/devices
  std::map<std::string, std::string> attributes = {};
  std::string physfn = {};  ///< of a VF: its PF, which must have been added
};

class FakeSysfs {
 public:
  /// A machine whose kernel has the module loaded, and no device.
  FakeSysfs() { std::filesystem::create_directories(class_folder()); }

  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }

  FakeSysfs& add(const FakeDevice& device) {
    const auto function = path() / "devices" / device.pci;
    const auto folder = function / "mock-accel" / device.name;
    std::filesystem::create_directories(folder);
    std::map<std::string, std::string> attributes = {
        {"uuid", "123e4567-e89b-12d3-a456-426614174000"},
        {"memory_size", "17179869184"},
        {"capabilities", "0x00000003"},
        {"status", "0"},
        {"owner", ""},
        {"numa_node", "0"},
        {"device_type", device.physfn.empty() ? "pf" : "vf"},
        {"fw_version", "1.0.0"},
        {"abi_version", "1"},
        {"health", "healthy"},
        {"temperature", "42000"},
        {"error_count", "0"},
    };
    if (device.physfn.empty()) {
      attributes.insert({{"sriov_totalvfs", "0"}, {"sriov_numvfs", "0"}});
    } else {
      std::filesystem::create_symlink(std::filesystem::canonical(class_folder() / device.physfn),
                                      folder / "physfn");
    }
    std::filesystem::create_symlink("../..", folder / "device");
    std::filesystem::create_symlink(folder, class_folder() / device.name);
    for (const auto& [name, value] : device.attributes) attributes[name] = value;
    for (const auto& [name, value] : attributes) set(device.name, name, value);
    return *this;
  }

  void set(const std::string& device, const std::string& attribute, const std::string& value) {
    const auto written = write_file(class_folder() / device / attribute, value + "\n");
    if (!written) throw std::runtime_error(written.error().message);
  }

  /// A NUMA node with these CPUs ("2-3"), the first of them in this socket.
  FakeSysfs& add_numa_node(unsigned node, const std::string& cpus, const std::string& socket) {
    const auto system = path() / "devices" / "system";
    const auto put = [](const std::filesystem::path& file, const std::string& text) {
      if (const auto kept = keep_file(file, text + "\n"); !kept) {
        throw std::runtime_error(kept.error().message);
      }
    };
    put(system / "node" / ("node" + std::to_string(node)) / "cpulist", cpus);
    const std::string first = cpus.substr(0, cpus.find_first_of("-,"));
    if (!first.empty())
      put(system / "cpu" / ("cpu" + first) / "topology/physical_package_id", socket);
    return *this;
  }

  [[nodiscard]] std::filesystem::path class_folder() const {
    return path() / "class" / "mock-accel";
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace mockdev::discovery
