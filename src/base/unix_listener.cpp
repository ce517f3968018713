// SPDX-License-Identifier: Apache-2.0
#include "base/unix_listener.h"

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/unix_socket.h"

namespace mockdev {

namespace {

/// Clients that may wait to be accepted. One is served at a time.
constexpr int kBacklog = 16;

/// How long another start may hold the folder's lock; it needs a millisecond.
constexpr std::chrono::milliseconds kLockPatience{2000};
constexpr std::chrono::milliseconds kLockPause{5};

Result<UniqueFd> new_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("making a socket", errno);
  return fd;
}

/// The folder of `path`, locked against other starts for as long as the descriptor is open.
Result<UniqueFd> lock_folder(const std::filesystem::path& path) {
  const std::string folder = path.has_parent_path() ? path.parent_path().native() : ".";
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno("folder " + folder, errno);
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("locking folder " + folder, errno);
    if (std::chrono::steady_clock::now() > deadline) {
      return fail("folder {}: another process keeps it locked", folder);
    }
    std::this_thread::sleep_for(kLockPause);
  }
  return fd;
}

/// Removes a socket file that nobody listens on. Fails if the path is anything else that exists.
Result<void> clear(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno("socket " + path.native(), errno);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail("socket {}: the path exists and is not a socket", path.native());
  }
  auto probe = new_socket();
  if (!probe) return std::unexpected(probe.error());
  const bool answered =
      ::connect(probe->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  if (!answered && errno == ECONNREFUSED) {
    if (::unlink(path.c_str()) == 0) return {};
    return fail_errno("removing the old socket " + path.native(), errno);
  }
  // EAGAIN: so many clients wait that not even one more can, which takes somebody to wait for.
  if (answered || errno == EAGAIN) {
    return fail("socket {}: another process serves it", path.native());
  }
  return fail_errno("socket " + path.native(), errno);
}

}  // namespace

Result<UnixListener> UnixListener::open(const std::filesystem::path& path, mode_t mode) {
  const auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  auto socket = new_socket();
  if (!socket) return std::unexpected(socket.error());
  const auto lock = lock_folder(path);
  if (!lock) return with_context("socket " + path.native(), lock.error());
  if (auto cleared = clear(path, *address); !cleared) return std::unexpected(cleared.error());
  // Linux gives the file the socket's own mode, so that there is no moment with another one.
  if (::fchmod(socket->get(), mode) != 0 ||
      ::bind(socket->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return fail_errno("socket " + path.native(), errno);
  }
  UnixListener listener(std::move(*socket), path);
  if (::listen(listener.fd(), kBacklog) != 0) return fail_errno("socket " + path.native(), errno);
  return listener;
}

UnixListener::UnixListener(UniqueFd socket, std::filesystem::path path)
    : socket_(std::move(socket)), path_(std::move(path)) {
  struct stat status{};
  if (::lstat(path_.c_str(), &status) != 0) return;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : socket_(std::move(other.socket_)),
      path_(std::move(other.path_)),
      device_(other.device_),
      inode_(other.inode_) {}

UnixListener::~UnixListener() {
  if (!socket_) return;
  struct stat status{};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

UniqueFd UnixListener::accept() const {
  for (;;) {
    UniqueFd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client || (errno != EINTR && errno != ECONNABORTED)) return client;
  }
}

}  // namespace mockdev
