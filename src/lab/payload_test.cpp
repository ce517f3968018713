// SPDX-License-Identifier: Apache-2.0
#include "lab/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::lab {
namespace {

std::vector<topology::Node> nodes_with(const std::string& devices) {
  auto topology =
      topology::parse("nodes: [{name: a, count: 2, numa: [{devices: " + devices + "}]}]");
  EXPECT_TRUE(topology);
  return topology ? topology->nodes : std::vector<topology::Node>{};
}

TEST(VfRules, AreForThoseDevicesThatAreToHaveVfs) {
  const auto nodes = nodes_with("[{numvfs: 4}, {}]");
  EXPECT_EQ(vf_rules(nodes),
            fmt::format("ACTION==\"add\", SUBSYSTEM==\"mock-accel\", ATTR{{uuid}}==\"{}\", "
                        "ATTR{{sriov_numvfs}}=\"4\"\n"
                        "ACTION==\"add\", SUBSYSTEM==\"mock-accel\", ATTR{{uuid}}==\"{}\", "
                        "ATTR{{sriov_numvfs}}=\"4\"\n",
                        nodes[0].numa[0].devices[0].uuid, nodes[1].numa[0].devices[0].uuid));
}

TEST(VfRules, AreNoneWithoutSuch) {
  EXPECT_EQ(vf_rules(nodes_with("2")), "");
}

}  // namespace
}  // namespace mockdev::lab
