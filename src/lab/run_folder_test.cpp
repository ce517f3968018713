// SPDX-License-Identifier: Apache-2.0
#include "lab/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing.h"
#include "lab/installation.h"
#include "lab/testing.h"

namespace mockdev::lab {
namespace {

using testing::HasSubstr;

TEST(LabName, IsADnsLabel) {
  for (const char* good : {"a", "default", "lab-1", "0"}) EXPECT_TRUE(RunFolder::of(good)) << good;
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a/b", "..", "a b"}) {
    EXPECT_FALSE(RunFolder::of(bad)) << bad;
  }
  EXPECT_TRUE(RunFolder::of(std::string(63, 'a')));
  EXPECT_FALSE(RunFolder::of(std::string(64, 'a')));
}

TEST(LabsFolder, IsTheOneThatTheUserNamed) {
  const ScopedVariable named("MOCK_DEVICE_RUN_DIR", "/named");
  const ScopedVariable runtime("XDG_RUNTIME_DIR", "/runtime");
  EXPECT_EQ(labs_folder(), "/named");
}

TEST(LabsFolder, IsElseInTheRuntimeFolder) {
  const ScopedVariable named("MOCK_DEVICE_RUN_DIR", "");
  const ScopedVariable runtime("XDG_RUNTIME_DIR", "/runtime");
  EXPECT_EQ(labs_folder(), "/runtime/mock-device");
}

TEST(LabsFolder, IsForThisUserAlone) {
  const TemporaryFolder folder;
  const ScopedVariable named("MOCK_DEVICE_RUN_DIR", folder.path() / "new/labs");
  ASSERT_TRUE(make_labs_folder());
  struct stat status{};
  ASSERT_EQ(::stat(labs_folder().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST(LabsFolder, MustNotBeALinkThatSomebodyLaid) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("/tmp", folder.path() / "labs");
  const ScopedVariable named("MOCK_DEVICE_RUN_DIR", folder.path() / "labs");
  EXPECT_THAT(make_labs_folder().error().message, HasSubstr("not a folder of this user"));
}

TEST(SocketPaths, AreCheckedBeforeTheKernelRefusesThem) {
  const ScopedVariable shallow("MOCK_DEVICE_RUN_DIR", "/run");
  EXPECT_TRUE(RunFolder::of("default")->check_socket_paths({node_with({1})}));
  const ScopedVariable deep("MOCK_DEVICE_RUN_DIR", "/" + std::string(80, 'x'));
  const auto checked = RunFolder::of("default")->check_socket_paths({node_with({1})});
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("where 107 are the most"));
}

}  // namespace
}  // namespace mockdev::lab
