// SPDX-License-Identifier: Apache-2.0
#include "server/notify.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/testing.h"
#include "base/unique_fd.h"

namespace mockdev::server {
namespace {

/// A service manager that listens at `name` ('@': abstract).
class Manager {
 public:
  explicit Manager(std::string name) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.front() == '@') name.front() = '\0';
    std::memcpy(&address.sun_path, name.data(), name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  }
  ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  Manager(Manager&&) = delete;
  Manager& operator=(Manager&&) = delete;

  [[nodiscard]] std::string heard() const {
    std::string text(256, '\0');
    const ssize_t got = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST(Notify, TellsTheManagerAtAPath) {
  const TemporaryFolder folder;
  const Manager manager(folder.path() / "notify");
  notify("READY=1");
  EXPECT_EQ(manager.heard(), "READY=1");
}

TEST(Notify, TellsTheManagerAtAnAbstractAddress) {
  const Manager manager("@mockdev-notify-test-" + std::to_string(::getpid()));
  notify("STOPPING=1");
  EXPECT_EQ(manager.heard(), "STOPPING=1");
}

TEST(Notify, DoesNothingWithoutAManager) {
  ::unsetenv("NOTIFY_SOCKET");
  notify("READY=1");
  for (const std::string& name :
       {std::string(), std::string("/nonexistent/notify"), std::string(300, 'x')}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    notify("READY=1");
  }
  ::unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace mockdev::server
