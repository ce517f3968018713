// SPDX-License-Identifier: Apache-2.0
#include "driver/partitioner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dra/testing.h"

namespace mockdev::driver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class Partition : public testing::Test {
 protected:
  Partition() { machine_.add("mock0").vfs.total = 8; }

  /// What the log gets of one pass with `vfs` for each PF.
  std::string divide(Partitioner& partitioner) {
    testing::internal::CaptureStdout();
    partitioner.divide(machine_.inventory.devices);
    return testing::internal::GetCapturedStdout();
  }

  dra::FakeAccelerators machine_;
};

TEST_F(Partition, GivesEachPfItsVfs) {
  machine_.add("mock1").vfs.total = 2;
  machine_.add("mock2").vfs.total = 0;
  Partitioner partitioner(machine_, 4);
  EXPECT_THAT(divide(partitioner), HasSubstr("device=mock1 has 2 VFs now"));
  EXPECT_THAT(machine_.enabled, ElementsAre(Pair("mock0", 4), Pair("mock1", 2)));
}

TEST_F(Partition, LeavesAloneWhatIsDividedOrHeld) {
  machine_.device("mock0").vfs.enabled = 3;
  discovery::Device& held = machine_.add("mock1");
  held.vfs.total = 8;
  held.readings->status = discovery::Status::allocated;
  discovery::Device& dead = machine_.add("mock2");
  dead.vfs.total = 8;
  dead.readings.reset();
  Partitioner partitioner(machine_, 4);
  divide(partitioner);
  EXPECT_THAT(machine_.enabled, IsEmpty());
}

TEST_F(Partition, TakesAnotherNumberForWhatIsWhole) {
  Partitioner partitioner(machine_, 0);
  partitioner.set_vfs(2);
  divide(partitioner);
  EXPECT_THAT(machine_.enabled, ElementsAre(Pair("mock0", 2)));
}

TEST_F(Partition, DividesNothingUnlessItIsTold) {
  Partitioner partitioner(machine_, 0);
  divide(partitioner);
  EXPECT_THAT(machine_.enabled, IsEmpty());
}

TEST_F(Partition, SaysOnceWhatFailsAndTriesAgain) {
  machine_.refuse_vfs = true;
  Partitioner partitioner(machine_, 4);
  EXPECT_THAT(divide(partitioner), HasSubstr("device=mock0 gets no VFs: "));
  EXPECT_EQ(divide(partitioner), "");
  machine_.refuse_vfs = false;
  divide(partitioner);
  EXPECT_THAT(machine_.enabled, ElementsAre(Pair("mock0", 4)));
}

}  // namespace
}  // namespace mockdev::driver
