// SPDX-License-Identifier: Apache-2.0
#include "server/sandbox.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/guarded_copy.h"
#include "base/mapping.h"
#include "base/testing.h"
#include "base/unique_fd.h"

namespace mockdev::server {
namespace {

constexpr int kNoSandbox = 200;

/// Runs `action` in a sandboxed process. Gives what it returned, or minus the signal that ended it.
int sandboxed(const std::filesystem::path& folder, const std::function<int()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_sandbox({folder})) ::_exit(kNoSandbox);
    ::_exit(action());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int sandboxed(const std::function<int()>& action) {
  const TemporaryFolder folder;
  return sandboxed(folder.path(), action);
}

int errno_of(long result) {
  return result < 0 ? errno : 0;
}

TEST(Sandbox, KeepsFilesClosed) {
  EXPECT_EQ(sandboxed([] { return errno_of(::open("/etc/passwd", O_RDONLY)); }), EPERM);
  EXPECT_EQ(sandboxed([] { return errno_of(::open("/tmp", O_RDONLY | O_DIRECTORY)); }), EPERM);
}

TEST(Sandbox, RunsNoOtherProgram) {
  EXPECT_EQ(sandboxed([] { return errno_of(::execl("/bin/true", "true", nullptr)); }), -SIGSYS);
}

TEST(Sandbox, StartsNoProcess) {
  EXPECT_EQ(sandboxed([] { return errno_of(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }), EPERM);
}

TEST(Sandbox, ReachesNoOtherProcess) {
  EXPECT_EQ(sandboxed([] { return errno_of(::ptrace(PTRACE_TRACEME, 0, 0, 0)); }), -SIGSYS);
  EXPECT_EQ(sandboxed([] { return errno_of(::kill(::getppid(), 0)); }), EPERM);
}

TEST(Sandbox, HasNoNetwork) {
  EXPECT_EQ(sandboxed([] { return errno_of(::socket(AF_INET, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(sandboxed([] { return errno_of(::socket(AF_NETLINK, SOCK_RAW, 0)); }), EPERM);
}

TEST(Sandbox, TurnsNoMemoryIntoCode) {
  EXPECT_EQ(sandboxed([] {
              void* const code = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return code == MAP_FAILED ? errno : 0;
            }),
            EPERM);
}

TEST(Sandbox, MakesNoFiles) {
  EXPECT_EQ(sandboxed([] { return errno_of(::memfd_create("memory", MFD_CLOEXEC)); }), EPERM);
}

TEST(Sandbox, SurvivesMemoryThatIsNotThere) {
  const UniqueFd memory(::memfd_create("memory", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(memory.get(), 4096), 0);
  const auto client = Mapping::of_file(memory.get(), 0, 4096, PROT_READ);
  ASSERT_EQ(::ftruncate(memory.get(), 0), 0);
  EXPECT_EQ(sandboxed([&] {
              std::array<std::byte, 8> into{};
              return guarded_copy(client->bytes().first(into.size()), into) ? 1 : 0;
            }),
            0);
}

TEST(Sandbox, GivesUpPrivilegesForGood) {
  EXPECT_EQ(sandboxed([] { return errno_of(::syscall(SYS_setuid, 0)); }), EPERM);
  EXPECT_EQ(sandboxed([] { return errno_of(::chroot("/")); }), EPERM);
}

TEST(Sandbox, RemovesFilesInItsFolderOnly) {
  const TemporaryFolder own;
  const TemporaryFolder other;
  std::ofstream(own.path() / "a");
  std::ofstream(other.path() / "a");
  EXPECT_EQ(sandboxed(own.path(), [&] { return errno_of(::unlink((own.path() / "a").c_str())); }),
            0);
  if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) < 1) {
    GTEST_SKIP() << "this kernel has no Landlock";
  }
  EXPECT_EQ(sandboxed(own.path(), [&] { return errno_of(::unlink((other.path() / "a").c_str())); }),
            EACCES);
}

TEST(Sandbox, LeavesWhatServingTakes) {
  const UniqueFd memory(::memfd_create("memory", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(memory.get(), 1 << 20), 0);
  EXPECT_EQ(sandboxed([&] {
              const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
              char byte = 1;
              const bool works = ::pwrite(memory.get(), &byte, 1, 4096) == 1 &&
                                 ::pread(memory.get(), &byte, 1, 4096) == 1 &&
                                 ::eventfd_write(event.get(), 1) == 0;
              return works ? 0 : errno;
            }),
            0);
  EXPECT_EQ(sandboxed([&] {
              const auto client = Mapping::of_file(memory.get(), 0, 1 << 20, PROT_READ);
              const auto device = Mapping::of_zeros(1 << 20);
              return client && device && guarded_copy(client->bytes(), device->bytes()) ? 0 : 1;
            }),
            0);
  EXPECT_EQ(sandboxed([] {
              int value = 1;
              std::thread([&] { value = 0; }).join();
              return value;
            }),
            0);
}

}  // namespace
}  // namespace mockdev::server
