// SPDX-License-Identifier: Apache-2.0
#include "lab/machine.h"

#include <algorithm>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/uuid.h"
#include "lab/words.h"

namespace mockdev::lab {
namespace {

using Json = nlohmann::json;

constexpr unsigned kDefaultCpus = 2;
constexpr unsigned kMaxCpus = 255;  // more take an interrupt remapper
constexpr ByteCount kDefaultMemory = 1_GiB;

// Bus numbers below belong to the machine's own host bridge.
constexpr unsigned kLastBus = 255;

// Fixed places for what is not a mock device, so that these do not depend on the topology.
constexpr unsigned kRootDiskSlot = 1;
constexpr unsigned kPayloadDiskSlot = 2;
constexpr unsigned kNetworkSlot = 3;
constexpr unsigned kClusterNetworkSlot = 4;
constexpr unsigned kFirstHostBridgeSlot = 8;

/// Of the root port of a NUMA node's fabric, the only one there.
constexpr unsigned kFabricPort = 1;

/// A value inside an option: a comma ends it unless it is doubled.
std::string escaped(const std::filesystem::path& path) {
  std::string text;
  for (const char character : path.native()) {
    text += character;
    if (character == ',') text += ',';
  }
  return text;
}

void add(Words& words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

Words accelerator_options(Accelerator accelerator) {
  if (accelerator == Accelerator::kvm) return {"-accel", "kvm", "-cpu", "host"};
  return {"-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"};
}

Words boot_options(const MachineSpec& spec) {
  const std::string machine_id = [&] {
    std::string id = to_string(uuid_of_name(spec.folder.lab() + "/" + spec.node.name));
    std::erase(id, '-');
    return id;
  }();
  return {"-kernel", spec.image.kernel(), "-initrd", spec.image.initrd(), "-append",
          // quiet, mitigations, AppArmor: each takes a second or more under TCG. Nodes have
          // AppArmor, since those of most clusters have.
          fmt::format("console={} net.ifnames=0 pci=hpiosize=0 quiet loglevel=3 mitigations=off "
                      "{}audit=0 systemd.hostname={} systemd.machine_id={}",
                      facts_of(spec.architecture).console, spec.cluster ? "" : "apparmor=0 ",
                      spec.node.name, machine_id),
          "-smbios",
          fmt::format("type=11,path={},path={}",
                      escaped(spec.folder.path() / "credential-ssh.authorized_keys.root"),
                      escaped(spec.folder.path() / "credential-tmpfiles.extra"))};
}

Words memory_and_cpu_options(const MachineSpec& spec) {
  const auto count = static_cast<unsigned>(spec.node.numa.size());
  const unsigned cpus = spec.cpus / count;
  const std::uint64_t memory = spec.memory.value() / count;
  Words words = {"-smp", fmt::format("{},sockets={},cores={},threads=1", spec.cpus, count, cpus),
                 "-m", fmt::format("{}B", spec.memory.value())};
  for (const topology::NumaNode& numa : spec.node.numa) {
    const unsigned first = numa.id * cpus;
    // share=on: the device server reaches the guest's memory for DMA.
    add(words, {"-object",
                fmt::format("memory-backend-memfd,id=memory{},size={}B,share=on", numa.id, memory),
                "-numa",
                fmt::format("node,nodeid={0},memdev=memory{0},cpus={1}-{2}", numa.id, first,
                            first + cpus - 1)});
  }
  return words;
}

Words disk_options(const MachineSpec& spec) {
  return {
      // The image is shared by all guests: what this one writes goes to a file without a name in
      // TMPDIR (/var/tmp), and with this QEMU it is gone.
      "-drive",
      fmt::format("file={},if=none,id=root,format=raw,snapshot=on,cache=unsafe,discard=unmap",
                  escaped(spec.image.disk())),
      "-device",
      fmt::format("virtio-blk-pci,drive=root,addr={:#x}", kRootDiskSlot),
      "-drive",
      fmt::format("file={},if=none,id=payload,format=raw,readonly=on",
                  escaped(spec.folder.payload_disk())),
      "-device",
      fmt::format("virtio-blk-pci,drive=payload,addr={:#x}", kPayloadDiskSlot)};
}

Words connection_options() {
  return {
      // Through the working folder: QEMU wants an absolute path, and up to 10.2 takes the first '-'
      // of it for the end. The socket is the guest's port 22, for this user only.
      "-netdev",  "user,id=net,ipv6=off,hostfwd=unix:/proc/self/cwd/ssh-:22",
      "-device",  fmt::format("virtio-net-pci,netdev=net,romfile=,addr={:#x}", kNetworkSlot),
      "-chardev", "socket,id=serial,path=console,server=on,wait=off,logfile=serial.log",
      "-serial",  "chardev:serial",
      "-chardev", "file,id=report,path=report",
      "-serial",  "chardev:report",
      "-qmp",     "unix:qmp,server=on,wait=off"};
}

Words cluster_options(const ClusterCard& card) {
  return {
      "-netdev",
      fmt::format("stream,id=cluster,server=off,addr.type=unix,addr.path={}", escaped(card.socket)),
      "-device",
      fmt::format("virtio-net-pci,netdev=cluster,mac={},romfile=,addr={:#x}", card.mac,
                  kClusterNetworkSlot)};
}

std::string device_option(const Json& device) {
  return device.dump();
}

/// A device of the server and where it is plugged in.
struct Plugged {
  std::string bridge;  ///< of the NUMA node
  unsigned numa;
  unsigned port;  ///< of its host bridge, from 1
  unsigned slot;  ///< number that the guest shows
  std::string id;
  std::string socket;  ///< its file name
};

/// A root port with its device.
Words plugged_device(const MachineSpec& spec, const Plugged& device) {
  const std::string port = fmt::format("{}-slot{}", device.bridge, device.port);
  Json root_port = {{"driver", "pcie-root-port"},
                    {"id", port},
                    {"bus", device.bridge},
                    {"addr", fmt::format("{:#x}", device.port - 1)},
                    {"chassis", device.numa + 1},
                    {"slot", device.slot},
                    // A window of I/O ports for each would be more of them than a PC has.
                    {"io-reserve", 0}};
  const ByteCount memory = facts_of(spec.architecture).port_memory;
  if (memory != 0_B) root_port["pref64-reserve"] = memory.value();
  return {"-device", device_option(root_port), "-device",
          device_option(
              {{"driver", "vfio-user-pci"},
               {"id", device.id},
               {"bus", port},
               {"socket", {{"type", "unix"}, {"path", spec.folder.devices() / device.socket}}}})};
}

/// A NUMA node's host bridge with its root ports and devices.
Words numa_devices(const MachineSpec& spec, const topology::NumaNode& numa, unsigned bus) {
  const std::string bridge = fmt::format("numa{}", numa.id);
  Words words = {"-device",
                 device_option({{"driver", "pxb-pcie"},
                                {"id", bridge},
                                {"bus", "pcie.0"},
                                {"addr", fmt::format("{:#x}", kFirstHostBridgeSlot + numa.id)},
                                {"bus_nr", bus},
                                {"numa_node", numa.id}})};
  if (spec.node.attach == topology::Attach::fabric) {
    if (numa.devices.empty()) return words;
    const auto& any = numa.devices.front();
    add(words, plugged_device(spec, {.bridge = bridge,
                                     .numa = numa.id,
                                     .port = kFabricPort,
                                     .slot = numa.id + 1,
                                     .id = bridge + "-fabric",
                                     .socket = socket_name(spec.node, numa, any)}));
    return words;
  }
  for (const topology::Device& device : numa.devices) {
    add(words, plugged_device(spec, {.bridge = bridge,
                                     .numa = numa.id,
                                     .port = device.slot,
                                     .slot = device.slot,
                                     .id = device.name,
                                     .socket = socket_name(spec.node, numa, device)}));
  }
  return words;
}

}  // namespace

Result<unsigned> cpus_of(const topology::Node& node, std::optional<unsigned> wanted) {
  const auto count = static_cast<unsigned>(node.numa.size());
  const unsigned least = wanted.value_or(kDefaultCpus);
  if (least == 0 || least > kMaxCpus) return fail("cpus: {}: must be 1 to {}", least, kMaxCpus);
  const unsigned each = (least + count - 1) / count;
  if (each * count > kMaxCpus) {
    return fail("cpus: {}: {} for each of {} NUMA nodes is more than {}", least, each, count,
                kMaxCpus);
  }
  return each * count;
}

Result<ByteCount> memory_of(const topology::Node& node, std::optional<ByteCount> wanted) {
  const ByteCount memory = wanted.value_or(kDefaultMemory);
  const std::uint64_t step = kMemoryStep.value() * node.numa.size();
  const ByteCount usable{memory.value() / step * step};
  if (usable < kMinMemory) {
    return fail("memory: {}: a guest takes at least {}", memory, kMinMemory);
  }
  return usable;
}

Result<void> check_buses(const topology::Node& node) {
  const unsigned next = topology::root_buses(node).back();
  if (next <= kLastBus + 1) return {};
  return fail("node {}: its devices take {} PCI buses, where {} are left; give it fewer devices",
              node.name, next - topology::kFirstBus, kLastBus + 1 - topology::kFirstBus);
}

Command machine_command(const MachineSpec& spec) {
  Words words = spec.qemu;
  add(words, {"-name", fmt::format("{}/{}", spec.folder.lab(), spec.node.name), "-machine",
              std::string(facts_of(spec.architecture).machine), "-nodefaults", "-no-user-config",
              "-display", "none"});
  add(words, accelerator_options(spec.accelerator));
  add(words, memory_and_cpu_options(spec));
  add(words, boot_options(spec));
  add(words, disk_options(spec));
  add(words, connection_options());
  if (spec.cluster) add(words, cluster_options(*spec.cluster));
  const std::vector<unsigned> buses = topology::root_buses(spec.node);
  // QEMU tells the guest of the last one first. In the order of their addresses they also come up,
  // and are numbered, when a driver is loaded anew.
  for (std::size_t i = spec.node.numa.size(); i-- > 0;) {
    add(words, numa_devices(spec, spec.node.numa[i], buses[i]));
  }
  return {.argv = std::move(words), .folder = spec.folder.machine(spec.node.name).path};
}

}  // namespace mockdev::lab
