// SPDX-License-Identifier: Apache-2.0
#include "cli/accelerator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace mockdev::cli {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

json element() {
  return {
      {"node", "node0"},
      {"name", "mock1"},
      {"numa", 1},
      {"slot", 2},
      {"uuid", "123e4567-e89b-12d3-a456-426614174000"},
      {"memory", 17179869184},
      {"vfs", 16},
      {"capabilities", {"compute", "p2p"}},
      {"health", "degraded"},
      {"temperature", 95500},
      {"error_count", 3},
      {"status", "allocated"},
      {"owner", "11111111-2222-3333-4444-555555555555"},
      {"faults", {"thermal"}},
      {"connected", true},
      {"plugged", true},
      {"enabled_vfs", {json::object(), json::object()}},
  };
}

TEST(AcceleratorOfServer, HasAllThatTheServerSays) {
  const auto device = from_server(element());
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(qualified_name(*device), "node0/mock1");
  EXPECT_EQ(device->numa_node, 1U);
  EXPECT_EQ(device->slot, 2U);
  EXPECT_EQ(device->memory, 16_GiB);
  EXPECT_EQ(device->vfs.total, 16U);
  EXPECT_EQ(device->vfs.enabled, 2U);
  EXPECT_EQ(device->plugged, true);
  EXPECT_THAT(capability_names(device->capabilities), ElementsAre("compute", "p2p"));
  EXPECT_EQ(device->health, discovery::Health::degraded);
  EXPECT_EQ(device->readings->temperature, 95500);
  EXPECT_EQ(device->readings->status, discovery::Status::allocated);
  EXPECT_EQ(to_string(*device->readings->owner), "11111111-2222-3333-4444-555555555555");
  EXPECT_THAT(device->faults, ElementsAre("thermal"));
  EXPECT_EQ(device->pci, std::nullopt);
}

TEST(AcceleratorOfServer, MayHaveNoOwner) {
  json free = element();
  free["owner"] = nullptr;
  EXPECT_EQ(from_server(free)->readings->owner, std::nullopt);
}

TEST(AcceleratorOfServer, IgnoresWhatANewerServerAdds) {
  json newer = element();
  newer["weather"] = "fine";
  EXPECT_TRUE(from_server(newer));
}

TEST(AcceleratorOfServer, NamesWhatIsWrong) {
  struct Case {
    const char* member;
    json value;
    const char* complaint;
  };
  const std::vector<Case> cases = {
      {"name", 7, "name: 7 is not a text"},
      {"numa", -1, "numa: -1 is not a whole number from 0"},
      {"memory", 1.5, "memory: 1.5 is not a whole number"},
      {"slot", 4294967296, "slot: 4294967296 is not a whole number from 0 to 4294967295"},
      {"temperature", 2147483648, "temperature: 2147483648 is not a whole number"},
      {"uuid", "me", "uuid: me is not a UUID"},
      {"capabilities", "compute", "capabilities: \"compute\" is not a list"},
      {"capabilities", {"flying"}, "capabilities: \"flying\" is not a capability"},
      {"health", "well", "health: \"well\" is none of healthy, degraded, failed"},
      {"owner", "", "owner:  is not a UUID"},
      {"connected", 1, "connected: 1 is neither true nor false"},
      {"faults", {1}, "faults: 1 is not a text"},
      {"enabled_vfs", 2, "enabled_vfs: 2 is not a list"},
  };
  for (const auto& [member, value, complaint] : cases) {
    json bad = element();
    bad[member] = value;
    const auto device = from_server(bad);
    ASSERT_FALSE(device) << complaint;
    EXPECT_THAT(device.error().message, HasSubstr(complaint));
  }
}

TEST(AcceleratorOfServer, LacksNothing) {
  const json whole = element();
  for (const auto& [member, value] : whole.items()) {
    json lacking = whole;
    lacking.erase(member);
    EXPECT_EQ(from_server(lacking).error().message, member + " is missing");
  }
  EXPECT_FALSE(from_server(json("a text")));
  EXPECT_FALSE(from_server(json(nullptr)));
}

TEST(AcceleratorOfServer, HasItsVfsBesideIt) {
  json with_vf = element();
  with_vf["enabled_vfs"] = {{{"name", "mock1_vf0"},
                             {"uuid", "223e4567-e89b-12d3-a456-426614174000"},
                             {"memory", 1073741824},
                             {"health", "failed"},
                             {"temperature", 45000},
                             {"error_count", 0},
                             {"status", "free"},
                             {"owner", nullptr},
                             {"faults", {"failed"}}}};
  const auto vfs = vfs_from_server(with_vf, *from_server(with_vf));
  ASSERT_TRUE(vfs) << vfs.error().message;
  ASSERT_EQ(vfs->size(), 1);
  const Accelerator& vf = vfs->front();
  EXPECT_EQ(qualified_name(vf), "node0/mock1_vf0");
  EXPECT_EQ(vf.kind, discovery::Kind::vf);
  EXPECT_EQ(vf.physfn, "mock1");
  EXPECT_EQ(vf.slot, 2U);
  EXPECT_EQ(vf.memory, 1_GiB);
  EXPECT_EQ(vf.health, discovery::Health::failed);
  EXPECT_EQ(vf.readings->status, discovery::Status::free);
  EXPECT_EQ(vf.readings->owner, std::nullopt);
  EXPECT_THAT(vf.faults, ElementsAre("failed"));
  EXPECT_EQ(vf.vfs.total, 0U);
  with_vf["enabled_vfs"][0].erase("health");
  EXPECT_EQ(vfs_from_server(with_vf, *from_server(with_vf)).error().message,
            "enabled_vfs[0]: health is missing");
}

TEST(Accelerator, CapabilitiesThatHaveNoNameAreShownByTheirBit) {
  EXPECT_THAT(capability_names(0x80000003), ElementsAre("compute", "encryption", "bit31"));
  EXPECT_TRUE(capability_names(0).empty());
}

TEST(Accelerator, TemperaturesHaveOneDecimal) {
  EXPECT_EQ(temperature_text(45000), "45.0 C");
  EXPECT_EQ(temperature_text(-5250), "-5.2 C");
}

TEST(Accelerator, DocumentHasNullForWhatIsNotKnown) {
  Accelerator device;
  device.name = "mock0";
  const Document document = to_document(device);
  for (const char* member :
       {"node", "numa", "pci", "port", "slot", "physfn", "status", "owner", "temperature",
        "error_count", "fw_version", "abi_version", "connected", "plugged"}) {
    ASSERT_TRUE(document.contains(member)) << member;
    EXPECT_TRUE(document[member].is_null()) << member;
  }
  EXPECT_EQ(document["name"], "mock0");
  EXPECT_EQ(document["faults"], Document::array());
}

}  // namespace
}  // namespace mockdev::cli
