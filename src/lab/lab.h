// SPDX-License-Identifier: Apache-2.0
// A lab: virtual machines with mock accelerators on this computer. docs/lab.md has the user's view.
//
// A lab has a name and is made from a topology: each node of the topology is one QEMU guest, and
// one mock-accel-server serves the devices of all of them. `up` returns when the guests are ready;
// they go on running without it. All that is known about a running lab is in its run folder, so
// every function here may be called by another process than the one that called `up`, and after a
// crash or a reboot.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/error.h"
#include "base/units.h"
#include "lab/architecture.h"
#include "lab/guest_kernel.h"
#include "lab/kubernetes_version.h"
#include "lab/progress.h"

namespace mockdev::lab {

/// What runs the guest's instructions.
enum class Accelerator : std::uint8_t {
  automatic,  ///< KVM where it really works, else TCG
  kvm,        ///< KVM, or an error
  tcg,        ///< QEMU's own translator: works everywhere, several times slower
};

/// "automatic", "kvm" or "tcg", as the command line and the state file spell them.
[[nodiscard]] std::string_view to_string(Accelerator accelerator);

inline constexpr std::string_view kDefaultName = "default";
inline constexpr std::string_view kDefaultTopology = "two-numa";
inline constexpr std::string_view kDefaultClusterTopology = "two-nodes";

struct UpOptions {
  /// A DNS label. Labs of different names live beside each other.
  std::string name{kDefaultName};
  /// A ready-made topology by name ("two-numa"), or the path of a file: everything that has a '/'
  /// or ends in .yaml or .yml is a path.
  /// Empty: kDefaultTopology, or kDefaultClusterTopology with Kubernetes.
  std::optional<std::string> topology;
  /// Start only the first N nodes of the topology. Empty: all. 0 takes Kubernetes.
  std::optional<unsigned> nodes;
  /// Runs a control plane of this version, whose nodes the machines are. Empty: none, or the
  /// version of `kubernetes_programs`.
  std::optional<KubernetesVersion> kubernetes;
  /// A folder of Kubernetes' programs, ready to run. Empty: they are built, unless they are cached.
  std::filesystem::path kubernetes_programs;
  /// So many nodes that no machine is behind, with eight devices each. Takes Kubernetes.
  std::optional<unsigned> simulated_nodes;
  /// A topology file whose machines are such nodes, instead of a number of them.
  std::filesystem::path simulated_topology;
  /// The cluster has Kernel Module Management, and nobody else loads modules on its nodes. Takes
  /// Kubernetes and machines.
  bool kmm = false;
  /// Its source: a checkout or an archive.
  std::filesystem::path kmm_source;
  /// Virtual CPUs of each machine, rounded up so that every NUMA node has the same number of them.
  /// Empty: 2, or one a NUMA node where that is more.
  std::optional<unsigned> cpus;
  /// Memory of each machine, spread evenly over its NUMA nodes. Empty: 1 GiB, or 2 with Kubernetes.
  std::optional<ByteCount> memory;
  /// Of the machines. arm64 is without KVM, so far without Kubernetes, and has Linux 6.12 only.
  Architecture architecture = Architecture::amd64;
  Accelerator accelerator = Accelerator::automatic;
  /// `debug`: not with Kubernetes.
  GuestKernel kernel = GuestKernel::linux_6_12;
  /// How long a guest may take from power-on until it is ready, in seconds.
  std::chrono::seconds boot_timeout{600};
};

/// Brings a lab up and returns when each guest answers over ssh and shows all of its devices.
/// SIGINT, SIGTERM and SIGHUP are held back meanwhile: on the first of them, as on any failure,
/// everything that this call started is stopped and removed, and the error says so. The caller
/// must have only this thread, or have these signals blocked in all of its threads.
[[nodiscard]] Result<void> up(const UpOptions& options, Progress& progress);

/// The commands that `up` would run with the same options now, one a line, quoted for a shell, in
/// order; those that stay running end in " &". Does and changes nothing.
[[nodiscard]] Result<std::string> dry_run(const UpOptions& options);

/// Stops a lab and removes its run folder: the guests are asked to power off and killed where they
/// do not within `grace`; then the server is stopped. Works on whatever is left of a lab. Fails if
/// there is none of this name, or if an `up` of this name is at work at this moment.
[[nodiscard]] Result<void> down(std::string_view name, Progress& progress,
                                std::chrono::seconds grace = std::chrono::seconds{20});

/// Starts the device server and the machines of a lab that have died. With the server, all machines
/// are switched off and on, since QEMU does not connect to a server a second time; what they had on
/// their disks is gone, as after `up`. Nothing is done to a lab that lacks nothing. Fails where a
/// part of the control plane has died. SIGINT and the like end it; a second call goes on.
[[nodiscard]] Result<void> repair(std::string_view name, std::chrono::seconds boot_timeout,
                                  Progress& progress);

enum class State : std::uint8_t {
  starting,  ///< an `up` is at work
  running,   ///< the server, all guests and all of the control plane run
  broken,    ///< something of it died, or its `up` did: `down` cleans up
};

[[nodiscard]] std::string_view to_string(State state);

struct NodeStatus {
  std::string name;
  bool running;
  pid_t pid;  ///< of QEMU; 0: never started
  unsigned devices;
  std::filesystem::path ssh_socket;      ///< leads to the guest's port 22
  std::filesystem::path console_socket;  ///< the guest's serial port
  std::filesystem::path serial_log;      ///< all that the guest has written there
};

struct ComponentStatus {
  /// "etcd", "apiserver", "controller-manager", "scheduler", "network", "kwok", "simulation"
  std::string name;
  bool running;
  pid_t pid;  ///< 0: never started
  std::filesystem::path log;
};

struct KubernetesStatus {
  std::string version;                      ///< "1.36.3"
  std::string server;                       ///< URL of the API server
  std::filesystem::path kubeconfig;         ///< an administrator's
  std::filesystem::path programs;           ///< the folder that has kubectl and the others
  bool kmm;                                 ///< Kernel Module Management is installed
  std::vector<ComponentStatus> components;  ///< in the order of their start
};

struct LabStatus {
  std::string name;
  State state;
  std::filesystem::path folder;  ///< the run folder
  std::string topology;          ///< the topology's file
  Accelerator accelerator;       ///< kvm or tcg, once known
  std::chrono::system_clock::time_point started;
  bool server_running;
  pid_t server_pid;  ///< 0: never started; a lab without machines has no server
  std::filesystem::path control_socket;
  std::vector<NodeStatus> nodes;
  std::optional<KubernetesStatus> kubernetes;
};

/// All labs of this user, by name. Never waits for one that is being started.
[[nodiscard]] Result<std::vector<LabStatus>> status();

/// One lab. Fails with the names that there are if there is none of this name.
[[nodiscard]] Result<LabStatus> status(std::string_view name);

/// The control socket of the lab's server. Fails if the lab does not run.
[[nodiscard]] Result<std::filesystem::path> control_socket(std::string_view name);

struct ExecOptions {
  std::string name{kDefaultName};
  /// Which machine. Empty: the only one, or the first.
  std::string node;
  /// Program and arguments; they reach the guest as they are, no shell splits or expands them.
  /// Empty: a login shell.
  std::vector<std::string> command;
  /// A terminal in the guest. Empty: where this process's stdin and stdout are one.
  std::optional<bool> tty;
};

/// Runs a command as root in a guest, in place of this process: stdin, stdout, stderr, signals and
/// the exit status are the command's own (255: the connection failed). Returns only on failure.
[[nodiscard]] Error exec(const ExecOptions& options);

/// Runs the lab's kubectl as an administrator of its cluster, in place of this process. Returns
/// only on failure.
[[nodiscard]] Error kubectl(std::string_view name, const std::vector<std::string>& arguments);

/// Gives a container image to all nodes of a cluster, where pods find it by the name that it has in
/// the archive (as `docker save` or `skopeo copy` to docker-archive: or oci-archive: write one).
/// Fails at the first node that does not take it.
[[nodiscard]] Result<void> load_image(std::string_view name, const std::filesystem::path& archive,
                                      Progress& progress);

struct ConsoleOptions {
  std::string name{kDefaultName};
  std::string node;  ///< as in ExecOptions
};

/// The key that leaves `console`, as it is typed.
inline constexpr std::string_view kDetachKey = "Ctrl-]";

/// Connects this process's stdin and stdout to a guest's serial port until the detach key is typed,
/// stdin ends or the guest powers off. A terminal is put into raw mode meanwhile.
[[nodiscard]] Result<void> console(const ConsoleOptions& options);

/// What there is to read of a lab.
enum class LogSource : std::uint8_t {
  serial,  ///< what the guest wrote to its serial port
  qemu,    ///< what QEMU itself had to say
  server,  ///< the device server's log
  etcd,    ///< from here on: what a component of the control plane wrote
  apiserver,
  controller_manager,
  scheduler,
  network,
  kwok,
  simulation,
};

struct LogOptions {
  std::string name{kDefaultName};
  std::string node;  ///< as in ExecOptions; for what each machine has
  LogSource source = LogSource::serial;
  std::optional<unsigned> tail;  ///< only the last N lines
  /// Go on with what is written from now on, until the lab is gone or SIGINT or SIGTERM comes.
  bool follow = false;
};

/// Hands a log to `sink`, piece by piece.
[[nodiscard]] Result<void> logs(const LogOptions& options,
                                const std::function<void(std::string_view)>& sink);

/// Is the network of a cluster's machines, in the lab of this name, until the process is ended:
/// their switch, and the API server's way to them. The command line offers it as the hidden verb
/// `network LAB`.
[[nodiscard]] Result<void> run_network(std::string_view name);

/// Copies between stdin/stdout and a UNIX socket until either side ends: what ssh uses to reach a
/// guest. The command line offers it as the hidden verb `relay PATH`.
[[nodiscard]] Result<void> relay(const std::filesystem::path& socket);

}  // namespace mockdev::lab
