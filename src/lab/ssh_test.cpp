// SPDX-License-Identifier: Apache-2.0
#include "lab/ssh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "lab/testing.h"

namespace mockdev::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Ssh : public testing::Test {
 protected:
  TemporaryFolder labs;
  ScopedVariable variable{"MOCK_DEVICE_RUN_DIR", labs.path() / "it's 100%"};
  RunFolder folder{*RunFolder::of("default")};
};

TEST_F(Ssh, BringsArgumentsThroughTheGuestsShellAsTheyAre) {
  const Command ssh = ssh_command(folder, "node0", {"echo", "$HOME", "two words"}, false);
  EXPECT_THAT(ssh.argv, ElementsAre("ssh", "-F", folder.ssh_config(), "-T", "node0", "--", "echo",
                                    "'$HOME'", "'two words'"));
}

TEST_F(Ssh, AsksForATerminalWhereThereIsOne) {
  EXPECT_THAT(ssh_command(folder, "node0", {}, true).argv,
              ElementsAre("ssh", "-F", folder.ssh_config(), "-tt", "node0"));
}

TEST_F(Ssh, UnderstandsItsConfigurationWhateverThePath) {
  const auto config = labs.path() / "config";
  ASSERT_TRUE(write_file(config, ssh_config("/opt/a b/mock-device", folder)));
  const auto understood = run_checked({.argv = {"ssh", "-F", config, "-G", "node0"}});
  ASSERT_TRUE(understood) << understood.error().message;
  EXPECT_THAT(*understood, HasSubstr("user root\n"));
  EXPECT_THAT(*understood, HasSubstr(folder.machine("node0").shared_socket().native() + "\n"));
}

}  // namespace
}  // namespace mockdev::lab
