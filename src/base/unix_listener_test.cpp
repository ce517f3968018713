// SPDX-License-Identifier: Apache-2.0
#include "base/unix_listener.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/testing.h"
#include "base/unix_socket.h"

namespace mockdev {
namespace {

using ::testing::HasSubstr;

class UnixListenerTest : public ::testing::Test {
 protected:
  std::string error(const std::filesystem::path& path) {
    const auto listener = UnixListener::open(path, 0600);
    return listener ? "" : listener.error().message;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "socket";
};

TEST_F(UnixListenerTest, TheFileHasItsModeAndGoesWithTheListener) {
  const auto mask = ::umask(0);
  {
    const auto listener = UnixListener::open(path_, 0640);
    ASSERT_TRUE(listener);
    struct stat status{};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0640U);
  }
  ::umask(mask);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, AFileThatSomebodyElsePutThereStays) {
  auto listener = UnixListener::open(path_, 0600);
  ASSERT_TRUE(listener);
  std::filesystem::remove(path_);
  std::ofstream(path_) << "mine";
  {
    const UnixListener gone = std::move(*listener);
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, AStaleSocketIsReplaced) {
  const UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = unix_address(path_).value();
  ASSERT_EQ(::bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(error(path_), "");
}

TEST_F(UnixListenerTest, ASocketThatSomebodyServesIsRefused) {
  const auto first = UnixListener::open(path_, 0600);
  ASSERT_TRUE(first);
  EXPECT_THAT(error(path_), HasSubstr("another process serves it"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, OfManyStartsAtOnceExactlyOneSucceeds) {
  std::vector<std::optional<UnixListener>> listeners(16);
  {
    std::vector<std::jthread> threads;
    threads.reserve(listeners.size());
    for (auto& mine : listeners) {
      threads.emplace_back([this, &mine] {
        if (auto listener = UnixListener::open(path_, 0600)) mine.emplace(std::move(*listener));
      });
    }
  }
  EXPECT_EQ(std::ranges::count_if(listeners, [](const auto& l) { return l.has_value(); }), 1);
}

TEST_F(UnixListenerTest, ErrorsNameThePathAndTheReason) {
  const std::string longest =
      folder_.path() / std::string(106 - folder_.path().native().size(), 'x');
  EXPECT_EQ(error(longest), "");
  EXPECT_THAT(error(longest + "x"), HasSubstr("a path of 108 bytes; it can have 1 to 107"));
  EXPECT_THAT(error(""), HasSubstr("a path of 0 bytes"));
  EXPECT_THAT(error(folder_.path() / "missing" / "socket"), HasSubstr("missing"));
  std::ofstream(path_) << "a file";
  EXPECT_THAT(error(path_), HasSubstr("exists and is not a socket"));
  EXPECT_THAT(error("/proc/socket"), HasSubstr("/proc/socket"));
}

}  // namespace
}  // namespace mockdev
