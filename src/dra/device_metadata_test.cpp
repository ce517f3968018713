// SPDX-License-Identifier: Apache-2.0
#include "dra/device_metadata.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/testing.h"
#include "dra/testing.h"

namespace mockdev::dra {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class DeviceMetadata : public testing::Test {
 protected:
  DeviceMetadata() {
    claim_.ns = "default";
    claim_.name = "c";
    claim_.uid = kUid;
    machine_.add("mock0").numa_node = 1;
    machine_.add("mock1_vf0");
  }

  /// The claim has mock0 for a request, too.
  void ask_for(const std::string& request, const std::string& requested_as) {
    claim_.devices.push_back({.request = request,
                              .requested_as = requested_as,
                              .pool = PoolName("n1/numa1"),
                              .device = DeviceName("mock0")});
  }

  Result<std::vector<MetadataFile>> write() {
    claimed_.clear();
    for (const AllocatedDevice& one : claim_.devices) {
      const bool is_vf = one.device == DeviceName("mock1-vf0");
      claimed_.push_back({&one, &machine_.device(is_vf ? "mock1_vf0" : "mock0")});
    }
    return metadata_.write(claim_, claimed_);
  }

  /// The objects in a file.
  static std::vector<json> objects(const fs::path& file) {
    std::istringstream text(read_file(file, 1_MiB).value_or(""));
    std::vector<json> found;
    while (text >> std::ws && !text.eof()) text >> found.emplace_back();
    return found;
  }

  TemporaryFolder folder_;
  FakeAccelerators machine_;
  Claim claim_;
  std::vector<ClaimedDevice> claimed_;
  MetadataFolder metadata_{
      folder_.path() / "metadata",
      {.driver = DriverName("mock-accel.example.com"), .node = NodeName("n1")}};
};

TEST_F(DeviceMetadata, SaysOfARequestWhatItsDevicesAre) {
  ask_for("one", "one/small");
  const auto files = write();
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_THAT(*files, SizeIs(1));
  EXPECT_EQ(files->front().request, "one");
  EXPECT_EQ(files->front().container,
            "/var/run/kubernetes.io/dra-device-attributes/resourceclaims/c/one/"
            "mock-accel.example.com-metadata.json");
  const auto written = objects(files->front().host);
  ASSERT_THAT(written, SizeIs(2));
  EXPECT_EQ(written[0]["apiVersion"], "metadata.resource.k8s.io/v1beta1");
  EXPECT_EQ(written[1]["apiVersion"], "metadata.resource.k8s.io/v1alpha1");
  const json& object = written[0];
  EXPECT_EQ(object["kind"], "DeviceMetadata");
  EXPECT_EQ(
      object["metadata"],
      json({{"name", "c"}, {"namespace", "default"}, {"uid", kUid.text()}, {"generation", 1}}));
  EXPECT_FALSE(object.contains("podClaimName"));
  const json& request = object["requests"][0];
  EXPECT_EQ(request["name"], "one/small");
  const json& device = request["devices"][0];
  EXPECT_EQ(device["driver"], "mock-accel.example.com");
  EXPECT_EQ(device["pool"], "n1/numa1");
  EXPECT_EQ(device["name"], "mock0");
  EXPECT_EQ(device["attributes"]["resource.kubernetes.io/numaNode"], json({{"int", 1}}));
  EXPECT_EQ(device["attributes"]["mock-accel.example.com/uuid"],
            json({{"string", to_string(machine_.device("mock0").uuid)}}));
}

TEST_F(DeviceMetadata, EachRequestHasAFileOfItsOwn) {
  claim_.pod_claim_name = "accelerators";
  for (const char* const request : {"a", "b", "b"}) {
    ask_for(request, request);
  }
  claim_.devices.back().device = DeviceName("mock1-vf0");
  const auto files = write();
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_THAT(*files, SizeIs(2));
  EXPECT_EQ(files->back().container,
            "/var/run/kubernetes.io/dra-device-attributes/resourceclaimtemplates/accelerators/b/"
            "mock-accel.example.com-metadata.json");
  const auto written = objects(files->back().host);
  EXPECT_EQ(written.at(0)["podClaimName"], "accelerators");
  EXPECT_THAT(written.at(0)["requests"][0]["devices"], SizeIs(2));
}

TEST_F(DeviceMetadata, IsWrittenOnceAndRemovedWhole) {
  ask_for("one", "one");
  const auto files = write();
  ASSERT_TRUE(files);
  const auto before = fs::last_write_time(files->front().host);
  ASSERT_TRUE(write());
  EXPECT_EQ(fs::last_write_time(files->front().host), before);
  EXPECT_THAT(*metadata_.claims(), ElementsAre(kUid));
  ASSERT_TRUE(metadata_.remove(kUid));
  ASSERT_TRUE(metadata_.remove(kUid));
  EXPECT_THAT(*metadata_.claims(), IsEmpty());
}

TEST_F(DeviceMetadata, AFolderThatCanNotBeMadeIsAnError) {
  ASSERT_TRUE(write_file(folder_.path() / "metadata", "in the way"));
  ask_for("one", "one");
  const auto files = write();
  ASSERT_FALSE(files);
  EXPECT_THAT(files.error().message, testing::HasSubstr("metadata"));
}

}  // namespace
}  // namespace mockdev::dra
