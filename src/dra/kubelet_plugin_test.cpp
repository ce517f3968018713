// SPDX-License-Identifier: Apache-2.0
#include "dra/kubelet_plugin.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "dra_v1.grpc.pb.h"
#include "dra_v1alpha3.grpc.pb.h"
#include "health_v1.grpc.pb.h"
#include "health_v1alpha1.grpc.pb.h"
#include "plugin_registration.grpc.pb.h"

namespace mockdev::dra {
namespace {

namespace fs = std::filesystem;
namespace dra_v1 = ::k8s::io::kubelet::pkg::apis::dra::v1;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// Prepares every claim but "bad".
class FakeHandler final : public ClaimHandler {
 public:
  std::vector<Prepared> prepare(const std::vector<ClaimReference>& claims,
                                const GivenUp& /*given_up*/) override {
    std::vector<Prepared> results;
    for (const ClaimReference& claim : claims) {
      if (claim.name == "bad") {
        results.emplace_back(fail("it is bad"));
        continue;
      }
      results.emplace_back(std::vector<PreparedDevice>{{.request = "r",
                                                        .pool = PoolName("p"),
                                                        .device = DeviceName("mock0"),
                                                        .cdi_ids = {"v/c=x"},
                                                        .share_id = "s"}});
    }
    return results;
  }
  std::vector<Result<void>> unprepare(const std::vector<ClaimReference>& claims) override {
    std::vector<Result<void>> results;
    for (const ClaimReference& claim : claims) {
      results.push_back(claim.name == "bad" ? fail("it is bad") : Result<void>());
    }
    return results;
  }
};

class Plugin : public testing::Test {
 protected:
  Plugin() {
    settings_.driver = DriverName("d.example.com");
    settings_.registry_folder = folder_.path() / "reg";
    settings_.plugins_folder = folder_.path() / "plugins";
    settings_.kubelet_minor = 36;
  }
  void start() {
    auto started = KubeletPlugin::start(settings_, handler_, board_);
    ASSERT_TRUE(started) << started.error().message;
    plugin_ = std::move(*started);
  }
  [[nodiscard]] std::shared_ptr<grpc::Channel> channel(const fs::path& socket) const {
    return grpc::CreateChannel("unix:" + socket.native(), grpc::InsecureChannelCredentials());
  }
  [[nodiscard]] fs::path plugin_socket() const { return plugin_paths(settings_)->plugin_socket; }
  [[nodiscard]] fs::path registration_socket() const {
    return plugin_paths(settings_)->registration_socket;
  }

  TemporaryFolder folder_;
  KubeletPluginSettings settings_;
  FakeHandler handler_;
  HealthBoard board_;
  std::unique_ptr<KubeletPlugin> plugin_;
};

TEST_F(Plugin, IntroducesItselfAndHearsTheVerdict) {
  start();
  const auto stub = pluginregistration::Registration::NewStub(channel(registration_socket()));
  pluginregistration::PluginInfo info;
  grpc::ClientContext asking;
  ASSERT_TRUE(stub->GetInfo(&asking, {}, &info).ok());
  EXPECT_EQ(info.type(), "DRAPlugin");
  EXPECT_EQ(info.name(), "d.example.com");
  EXPECT_EQ(info.endpoint(), plugin_socket().native());
  EXPECT_EQ(info.supported_versions(0), "v1.DRAPlugin");
  EXPECT_FALSE(plugin_->registered());

  pluginregistration::RegistrationStatus verdict;
  pluginregistration::RegistrationStatusResponse nothing;
  verdict.set_error("no");
  grpc::ClientContext refusing;
  EXPECT_FALSE(stub->NotifyRegistrationStatus(&refusing, verdict, &nothing).ok());
  verdict.set_plugin_registered(true);
  grpc::ClientContext accepting;
  EXPECT_TRUE(stub->NotifyRegistrationStatus(&accepting, verdict, &nothing).ok());
  EXPECT_TRUE(plugin_->registered());
}

TEST_F(Plugin, AnswersForEachClaim) {
  start();
  const auto stub = dra_v1::DRAPlugin::NewStub(channel(plugin_socket()));
  dra_v1::NodePrepareResourcesRequest request;
  for (const char* const name : {"good", "bad"}) {
    auto* const claim = request.add_claims();
    claim->set_name(name);
    claim->set_uid(std::string("uid-") + name);
  }
  dra_v1::NodePrepareResourcesResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->NodePrepareResources(&context, request, &response).ok());
  ASSERT_EQ(response.claims_size(), 2);
  EXPECT_EQ(response.claims().at("uid-bad").error(), "it is bad");
  const auto& device = response.claims().at("uid-good").devices(0);
  EXPECT_EQ(device.request_names(0), "r");
  EXPECT_EQ(device.pool_name(), "p");
  EXPECT_EQ(device.device_name(), "mock0");
  EXPECT_EQ(device.cdi_device_ids(0), "v/c=x");
  EXPECT_EQ(device.share_id(), "s");

  dra_v1::NodeUnprepareResourcesRequest undo;
  *undo.mutable_claims() = request.claims();
  dra_v1::NodeUnprepareResourcesResponse undone;
  grpc::ClientContext undo_context;
  ASSERT_TRUE(stub->NodeUnprepareResources(&undo_context, undo, &undone).ok());
  EXPECT_EQ(undone.claims().at("uid-good").error(), "");
  EXPECT_EQ(undone.claims().at("uid-bad").error(), "it is bad");
}

TEST_F(Plugin, SpeaksTheOldestVersionToo) {
  start();
  const auto stub = ::v1alpha3::Node::NewStub(channel(plugin_socket()));
  ::v1alpha3::NodePrepareResourcesRequest request;
  request.add_claims()->set_uid("u");
  ::v1alpha3::NodePrepareResourcesResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->NodePrepareResources(&context, request, &response).ok());
  EXPECT_EQ(response.claims().at("u").devices_size(), 1);
}

TEST_F(Plugin, StreamsHealthAsItChanges) {
  start();
  const auto post = [&](bool healthy) {
    board_.post({{.pool = PoolName("p"),
                  .device = DeviceName("mock0"),
                  .healthy = healthy,
                  .message = healthy ? "" : "ill"}});
  };
  post(true);
  const auto stub = ::v1alpha1::DRAResourceHealth::NewStub(channel(plugin_socket()));
  grpc::ClientContext context;
  const auto stream = stub->NodeWatchResources(&context, {});
  ::v1alpha1::NodeWatchResourcesResponse message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.devices(0).health(), ::v1alpha1::HEALTHY);
  EXPECT_EQ(message.devices(0).device().pool_name(), "p");
  EXPECT_GT(message.devices(0).last_updated_time(), 0);
  post(false);
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.devices(0).health(), ::v1alpha1::UNHEALTHY);
  EXPECT_EQ(message.devices(0).message(), "ill");
  plugin_->stop();
  EXPECT_FALSE(stream->Read(&message));
}

TEST_F(Plugin, StreamsHealthAgainAfterItWasStopped) {
  board_.post({{.pool = PoolName("p"), .device = DeviceName("mock0"), .message = ""}});
  start();
  plugin_.reset();
  start();
  const auto stub = ::v1::DRAResourceHealth::NewStub(channel(plugin_socket()));
  grpc::ClientContext context;
  const auto stream = stub->NodeWatchResources(&context, {});
  ::v1::NodeWatchResourcesResponse message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.devices(0).device().device_name(), "mock0");
  plugin_->stop();
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(Plugin, ChecksItselfAndCleansUp) {
  start();
  const auto checked = plugin_->check();
  EXPECT_TRUE(checked) << checked.error().message;
  plugin_->stop();
  EXPECT_FALSE(fs::exists(plugin_socket()));
  EXPECT_FALSE(fs::exists(registration_socket()));
}

TEST_F(Plugin, ReplacesWhatAKilledProcessLeft) {
  fs::create_directories(registration_socket().parent_path());
  ASSERT_TRUE(write_file(registration_socket(), "stale"));
  start();
  EXPECT_TRUE(plugin_->check());
}

TEST_F(Plugin, RollingUpdatesHaveNamesOfTheirOwn) {
  settings_.pod_uid = "pod-1";
  const auto paths = plugin_paths(settings_);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->registration_socket.filename(), "d.example.com-pod-1-reg.sock");
  EXPECT_EQ(paths->plugin_socket.filename(), "dra-pod-1.sock");
  EXPECT_EQ(paths->lock_file, paths->data_folder / "serialize.lock");
}

TEST_F(Plugin, RefusesPathsThatAreTooLongForSockets) {
  settings_.registry_folder = "/" + std::string(100, 'x');
  const auto paths = plugin_paths(settings_);
  ASSERT_FALSE(paths);
  EXPECT_THAT(paths.error().message, HasSubstr("it can have 1 to 107"));
}

TEST(SupportedVersions, AreWhatTheKubeletUnderstands) {
  EXPECT_THAT(supported_versions(31), ElementsAre("1.0.0"));
  EXPECT_THAT(supported_versions(32), ElementsAre("v1beta1.DRAPlugin"));
  EXPECT_THAT(supported_versions(33), ElementsAre("v1beta1.DRAPlugin"));
  EXPECT_THAT(supported_versions(37),
              ElementsAre("v1.DRAPlugin", "v1beta1.DRAPlugin", "v1.DRAResourceHealth",
                          "v1alpha1.DRAResourceHealth"));
}

}  // namespace
}  // namespace mockdev::dra
