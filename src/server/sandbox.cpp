// SPDX-License-Identifier: Apache-2.0
#include "server/sandbox.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unique_fd.h"

namespace mockdev::server {
namespace {

// Privileges.

Result<void> drop_capabilities() {
  // Fails at once for all but root, whose bounding set alone matters, and behind the last one.
  for (int capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return fail_errno("capget", errno);
  constexpr std::uint32_t kKept = 1U << CAP_DAC_OVERRIDE;
  const std::uint32_t kept = data[0].permitted & kKept;
  data = {};
  data[0].effective = data[0].permitted = kept;
  if (::syscall(SYS_capset, &header, data.data()) != 0) return fail_errno("capset", errno);
  return {};
}

// Files.

/// struct landlock_ruleset_attr as of ABI 4; older kernels get its first member only.
struct LandlockRuleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
};

/// What each version of Landlock's ABI lets a process renounce: bits of rights to files and of
/// rights to the network. Headers may be older than kernels.
struct LandlockVersion {
  long abi;
  unsigned file_rights;
  unsigned network_rights;
};

constexpr std::array<LandlockVersion, 5> kLandlockVersions = {{
    {.abi = 5, .file_rights = 16, .network_rights = 2},  // device ioctls
    {.abi = 4, .file_rights = 15, .network_rights = 2},  // TCP
    {.abi = 3, .file_rights = 15, .network_rights = 0},  // truncation
    {.abi = 2, .file_rights = 14, .network_rights = 0},  // renaming to other folders
    {.abi = 1, .file_rights = 13, .network_rights = 0},
}};

UniqueFd make_ruleset(const LandlockVersion& version) {
  const LandlockRuleset ruleset{
      .handled_access_fs = (std::uint64_t{1} << version.file_rights) - 1,
      .handled_access_net = (std::uint64_t{1} << version.network_rights) - 1};
  const std::size_t size =
      version.network_rights == 0 ? sizeof ruleset.handled_access_fs : sizeof ruleset;
  return UniqueFd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, size, 0)));
}

Result<void> allow_removal_in(int ruleset, const std::filesystem::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(folder, errno);
  const landlock_path_beneath_attr rule{.allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE,
                                        .parent_fd = fd.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return fail_errno("landlock_add_rule", errno);
  }
  return {};
}

Result<void> renounce_files(const std::set<std::filesystem::path>& folders) {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) {
    log::debug("sandbox: this kernel has no Landlock; files are protected by seccomp alone");
    return {};
  }
  const auto* const version =
      std::ranges::find_if(kLandlockVersions, [&](const auto& row) { return row.abi <= abi; });
  const UniqueFd ruleset = make_ruleset(*version);
  if (!ruleset) return fail_errno("landlock_create_ruleset", errno);
  for (const std::filesystem::path& folder : folders) {
    if (auto allowed = allow_removal_in(ruleset.get(), folder); !allowed) return allowed;
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail_errno("landlock_restrict_self", errno);
  }
  return {};
}

// System calls.

/// What serving takes, whatever the arguments.
constexpr auto kAllowed = std::to_array<int>(
    {// The hot path first: where the kernel has to run the filter, it stops at the first match.
     SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(write), SCMP_SYS(futex), SCMP_SYS(read),
     SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
     // Clients.
     SCMP_SYS(accept4), SCMP_SYS(close), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
     SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2), SCMP_SYS(fcntl),
     SCMP_SYS(getsockopt), SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(readv), SCMP_SYS(recvfrom),
     SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(writev),
     // Passphrases.
     SCMP_SYS(getrandom),
     // Own sockets' removal.
     SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(statx),
     SCMP_SYS(unlink), SCMP_SYS(unlinkat),
     // Memory and threads of the process.
     SCMP_SYS(brk), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid), SCMP_SYS(gettid),
     SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(restart_syscall),
     SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
     SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list),
     SCMP_SYS(sigaltstack), SCMP_SYS(tgkill),
     // Time.
     SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday),
     SCMP_SYS(nanosleep)});

/// What takes a process over, or others from there: whoever calls this is not the server any more.
constexpr auto kFatal = std::to_array<int>(
    {SCMP_SYS(bpf), SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(init_module),
     SCMP_SYS(finit_module), SCMP_SYS(kexec_load), SCMP_SYS(mount), SCMP_SYS(pidfd_getfd),
     SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(ptrace), SCMP_SYS(setns),
     SCMP_SYS(unshare)});

/// What serving takes with one argument of a certain kind: (argument & mask) == value.
struct Conditional {
  int call;
  unsigned argument;
  std::uint64_t mask;
  std::uint64_t value;
};

constexpr std::uint64_t kWholeValue = 0xffff'ffff;

constexpr auto kConditional = std::to_array<Conditional>({
    // Threads, not processes.
    {.call = SCMP_SYS(clone), .argument = 0, .mask = CLONE_THREAD, .value = CLONE_THREAD},
    // No memory becomes code.
    {.call = SCMP_SYS(mmap), .argument = 2, .mask = PROT_EXEC, .value = 0},
    {.call = SCMP_SYS(mprotect), .argument = 2, .mask = PROT_EXEC, .value = 0},
    // The service manager's socket, and no network.
    {.call = SCMP_SYS(socket), .argument = 0, .mask = kWholeValue, .value = AF_UNIX},
    // Limits of this process only.
    {.call = SCMP_SYS(prlimit64), .argument = 0, .mask = kWholeValue, .value = 0},
    {.call = SCMP_SYS(prctl), .argument = 0, .mask = kWholeValue, .value = PR_SET_NAME},
});

struct FilterDeleter {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterDeleter>;

/// The rules of a filter, added one by one until one fails.
class Rules {
 public:
  explicit Rules(void* filter) : filter_(filter) {}

  void add(std::uint32_t action, int call, std::span<const scmp_arg_cmp> conditions = {}) {
    const int result = seccomp_rule_add_array(
        filter_, action, call, static_cast<unsigned>(conditions.size()), conditions.data());
    // A call that this architecture lacks (EDOM) needs no rule.
    if (result != 0 && result != -EDOM && error_ == 0) error_ = -result;
  }

  [[nodiscard]] Result<void> result() const {
    if (error_ != 0) return fail_errno("seccomp rule", error_);
    return {};
  }

 private:
  void* filter_;
  int error_ = 0;
};

Result<void> add_rules(void* filter) {
  Rules rules(filter);
  for (const int call : kAllowed) rules.add(SCMP_ACT_ALLOW, call);
  for (const int call : kFatal) rules.add(SCMP_ACT_KILL_PROCESS, call);
  for (const auto& [call, argument, mask, value] : kConditional) {
    const scmp_arg_cmp condition{
        .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
    rules.add(SCMP_ACT_ALLOW, call, {&condition, 1});
  }
  // Its flags lie in memory, where a filter can't look; the C library then falls back to clone.
  rules.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  return rules.result();
}

Result<void> renounce_calls() {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return fail("seccomp: no memory");
  // The process runs no code of others, so it needs none of the mitigations against such code,
  // which would slow down every access.
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_SSB, 1);
  if (auto added = add_rules(filter.get()); !added) return added;
  if (const int result = seccomp_load(filter.get()); result != 0) {
    return fail_errno("seccomp", -result);
  }
  return {};
}

}  // namespace

Result<void> enter_sandbox(const std::set<std::filesystem::path>& folders) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("no_new_privs", errno);
  if (auto dropped = drop_capabilities(); !dropped) return dropped;
  if (auto renounced = renounce_files(folders); !renounced) return renounced;
  return renounce_calls();
}

}  // namespace mockdev::server
