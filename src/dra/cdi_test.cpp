// SPDX-License-Identifier: Apache-2.0
#include "dra/cdi.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/testing.h"

namespace mockdev::dra {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const ClaimUid kClaim("11111111-2222-4333-8444-555555555555");

CdiDevice device(const std::string& kernel_name, const std::string& label) {
  return {.device = DeviceName(label),
          .kernel_name = kernel_name,
          .uuid = "u-" + kernel_name,
          .pci = "0000:01:00.0",
          .numa = "1"};
}

class Cdi : public testing::Test {
 protected:
  [[nodiscard]] fs::path file() const {
    return folder_.path() /
           "k8s.mock-accel.example.com-claim_11111111-2222-4333-8444-555555555555.json";
  }
  [[nodiscard]] json content() const { return json::parse(*read_file(file(), 1_MiB)); }

  TemporaryFolder folder_;
  CdiFolder cdi_{folder_.path(), DriverName("mock-accel.example.com"), "/host/dev"};
};

TEST_F(Cdi, DescribesEachDeviceOfAClaim) {
  CdiDevice second = device("mock1_vf2", "mock1-vf2");
  second.env = {{"LOG", "debug"}};
  ASSERT_TRUE(cdi_.write(kClaim, {device("mock0", "mock0"), second}));
  const json expected = json::parse(R"({
    "cdiVersion": "0.5.0",
    "kind": "k8s.mock-accel.example.com/claim",
    "containerEdits": {"env": ["MOCK_ACCEL_DEVICES=mock0,mock1_vf2"]},
    "devices": [
      {"name": "11111111-2222-4333-8444-555555555555-mock0",
       "containerEdits": {
         "env": ["MOCK_ACCEL_0_NAME=mock0", "MOCK_ACCEL_0_UUID=u-mock0", "MOCK_ACCEL_0_PCI=0000:01:00.0",
                 "MOCK_ACCEL_0_NUMA=1", "MOCK_ACCEL_0_NODE=/dev/mock0"],
         "deviceNodes": [{"path": "/dev/mock0", "hostPath": "/host/dev/mock0", "type": "c",
                          "permissions": "rw"}]}},
      {"name": "11111111-2222-4333-8444-555555555555-mock1-vf2",
       "containerEdits": {
         "env": ["MOCK_ACCEL_1_NAME=mock1_vf2", "MOCK_ACCEL_1_UUID=u-mock1_vf2",
                 "MOCK_ACCEL_1_PCI=0000:01:00.0", "MOCK_ACCEL_1_NUMA=1",
                 "MOCK_ACCEL_1_NODE=/dev/mock1_vf2", "LOG=debug"],
         "deviceNodes": [{"path": "/dev/mock1_vf2", "hostPath": "/host/dev/mock1_vf2", "type": "c",
                          "permissions": "rw"}]}}]
  })");
  EXPECT_EQ(content(), expected);
  EXPECT_EQ(cdi_.device_id(kClaim, DeviceName("mock0")),
            "k8s.mock-accel.example.com/claim=11111111-2222-4333-8444-555555555555-mock0");
}

TEST_F(Cdi, OneDeviceHasThePlainVariablesToo) {
  ASSERT_TRUE(cdi_.write(kClaim, {device("mock0", "mock0")}));
  EXPECT_THAT(content()["containerEdits"]["env"],
              ElementsAre("MOCK_ACCEL_DEVICES=mock0", "MOCK_ACCEL_UUID=u-mock0",
                          "MOCK_ACCEL_PCI=0000:01:00.0", "MOCK_ACCEL_DEVICE=/dev/mock0"));
}

TEST_F(Cdi, ARequestsMetadataIsADeviceOfItsOwn) {
  ASSERT_TRUE(cdi_.write(kClaim, {device("mock0", "mock0")},
                         {{.request = "r", .host = "/host/file", .container = "/run/file"}}));
  EXPECT_EQ(cdi_.metadata_id(kClaim, "r"),
            "k8s.mock-accel.example.com/claim=11111111-2222-4333-8444-555555555555-metadata.r");
  EXPECT_EQ(content()["devices"][1], json::parse(R"({
    "name": "11111111-2222-4333-8444-555555555555-metadata.r",
    "containerEdits": {"mounts": [
      {"hostPath": "/host/file", "containerPath": "/run/file", "options": ["ro", "bind"]}]}
  })"));
}

TEST_F(Cdi, AFileThatSaysTheSameIsLeftAlone) {
  ASSERT_TRUE(cdi_.write(kClaim, {device("mock0", "mock0")}));
  const auto longer_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::last_write_time(file(), longer_ago);
  ASSERT_TRUE(cdi_.write(kClaim, {device("mock0", "mock0")}));
  EXPECT_EQ(fs::last_write_time(file()), longer_ago);
}

TEST_F(Cdi, ListsAndRemovesClaims) {
  ASSERT_TRUE(cdi_.write(kClaim, {device("mock0", "mock0")}));
  ASSERT_TRUE(cdi_.write(ClaimUid("another"), {device("mock1", "mock1")}));
  std::ofstream(folder_.path() / "k8s.gpu.example.com-claim_x.json") << "{}";
  EXPECT_THAT(*cdi_.claims(), ElementsAre(kClaim, ClaimUid("another")));
  ASSERT_TRUE(cdi_.remove(kClaim));
  ASSERT_TRUE(cdi_.remove(kClaim));
  EXPECT_THAT(*cdi_.claims(), ElementsAre(ClaimUid("another")));
}

TEST_F(Cdi, MakesItsFolderWhenItIsNeeded) {
  fs::remove(folder_.path());
  EXPECT_THAT(*cdi_.claims(), IsEmpty());
  EXPECT_TRUE(cdi_.remove(kClaim));
  ASSERT_TRUE(cdi_.write(kClaim, {device("mock0", "mock0")}));
  EXPECT_TRUE(fs::exists(file()));
}

TEST_F(Cdi, RemovesWhatAKilledWriterLeft) {
  std::ofstream(file().native() + ".Ab12Cd") << "{";
  std::ofstream(folder_.path() / "other.json.Ab12Cd") << "{";
  cdi_.remove_leftovers();
  EXPECT_FALSE(fs::exists(file().native() + ".Ab12Cd"));
  EXPECT_TRUE(fs::exists(folder_.path() / "other.json.Ab12Cd"));
}

TEST_F(Cdi, AFailedWriteLeavesNothing) {
  fs::create_directory(file());  // nothing can be renamed over it
  fs::create_directory(file() / "x");
  const auto written = cdi_.write(kClaim, {device("mock0", "mock0")});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("CDI file: " + file().native()));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
}

}  // namespace
}  // namespace mockdev::dra
