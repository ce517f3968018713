// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/negotiation.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "vfio_user/testing.h"

namespace mockdev::vfio_user {
namespace {

using ::testing::HasSubstr;

testing::Bytes body(std::string_view json, std::uint16_t major = 0, std::uint16_t minor = 1) {
  auto bytes = testing::join(protocol::Version{major, minor}, testing::text(json));
  bytes.push_back(std::byte{0});
  return bytes;
}

std::string refusal(std::string_view json) {
  const auto limits = parse_version(body(json));
  return limits ? "accepted" : limits.error().reason;
}

TEST(Negotiation, AClientWithoutJsonGetsTheDefaults) {
  const auto limits = parse_version(testing::join(protocol::Version{0, 1}));
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->max_data_transfer, 1048576U);
  EXPECT_EQ(limits->max_descriptors, 1U);
}

TEST(Negotiation, QemusLimitsAreRead) {
  const auto limits = parse_version(
      body(R"({"capabilities":{"pgsizes":4096,"max_msg_fds":16,"max_dma_maps":65535,)"
           R"("max_data_xfer_size":65536,"migration":{"max_bitmap_size":268435456,"pgsize":4096},)"
           R"("write_multiple":true}})",
           0, 0));
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->max_data_transfer, 65536U);
  EXPECT_EQ(limits->max_descriptors, 16U);
  EXPECT_EQ(limits->minor, 0);
}

TEST(Negotiation, EmptyAndUnknownCapabilitiesAreFine) {
  EXPECT_EQ(refusal("{}"), "accepted");
  EXPECT_EQ(refusal(R"({"capabilities":{}})"), "accepted");
  EXPECT_EQ(refusal(R"({"capabilities":{"twin_socket":{"supported":true}},"x":[1]})"), "accepted");
}

TEST(Negotiation, BadJsonIsRefused) {
  EXPECT_THAT(refusal("{"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(""), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(std::string(4000, '[')), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(std::string(5000, ' ')), HasSubstr("longer than 4096"));
  EXPECT_THAT(refusal(R"({"capabilities":7})"), HasSubstr("capabilities"));
  EXPECT_THAT(refusal(R"({"capabilities":{"max_msg_fds":"many"}})"), HasSubstr("max_msg_fds"));
  EXPECT_THAT(refusal(R"({"capabilities":{"max_msg_fds":-1}})"), HasSubstr("-1"));
  EXPECT_THAT(refusal(R"({"capabilities":{"max_data_xfer_size":0}})"), HasSubstr("is 0"));
  auto no_nul = body("{}");
  no_nul.pop_back();
  EXPECT_THAT(parse_version(no_nul).error().reason, HasSubstr("NUL"));
}

TEST(Negotiation, AnotherMajorVersionIsRefused) {
  EXPECT_EQ(parse_version(body("{}", 1, 0)).error().reason, "version 1.0 is not 0.x");
  EXPECT_FALSE(parse_version(testing::Bytes(3)));
}

TEST(Negotiation, TheLowerMinorVersionWins) {
  EXPECT_EQ(agreed_version({.minor = 0}).minor, 0);
  EXPECT_EQ(agreed_version({.minor = 1}).minor, 1);
  EXPECT_EQ(agreed_version({.minor = 9}).minor, 1);
}

TEST(Negotiation, TheServersCapabilitiesFitQemusBuffer) {
  const auto bytes = server_capabilities();
  EXPECT_LE(bytes.size(), 194U);
  ASSERT_EQ(bytes.back(), std::byte{0});
  const auto json = nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()));
  const auto& capabilities = json.at("capabilities");
  EXPECT_EQ(capabilities.at("max_msg_fds"), 16);
  EXPECT_EQ(capabilities.at("max_data_xfer_size"), 1048576);
  EXPECT_EQ(capabilities.at("pgsizes"), 4096);
  EXPECT_EQ(capabilities.at("max_dma_maps"), 65535);
  EXPECT_EQ(capabilities.at("write_multiple"), true);
  EXPECT_EQ(capabilities.size(), 5U);
}

}  // namespace
}  // namespace mockdev::vfio_user
