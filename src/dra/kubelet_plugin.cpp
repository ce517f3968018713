// SPDX-License-Identifier: Apache-2.0
#include "dra/kubelet_plugin.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <limits>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include "base/log.h"
#include "base/unix_socket.h"
#include "dra_v1.grpc.pb.h"
#include "dra_v1alpha3.grpc.pb.h"
#include "dra_v1beta1.grpc.pb.h"
#include "health_v1.grpc.pb.h"
#include "health_v1alpha1.grpc.pb.h"
#include "plugin_registration.grpc.pb.h"

namespace mockdev::dra {
namespace {

namespace fs = std::filesystem;
namespace dra_v1 = ::k8s::io::kubelet::pkg::apis::dra::v1;
namespace dra_v1beta1 = ::k8s::io::kubelet::pkg::apis::dra::v1beta1;

// A stream of health is repeated so often, well before the kubelet's 30 seconds are over.
constexpr std::chrono::seconds kHealthPause{10};
constexpr std::chrono::seconds kHealthTimeout{30};
constexpr std::chrono::seconds kCheckPatience{2};
// For calls that run when the plugin stops. Later they lose their answers, not their effects: the
// kubelet asks the next agent.
constexpr std::chrono::seconds kGrace{2};
// Beyond these, calls are refused, those of the liveness probe among them. The health streams hold
// a thread each, and so does each pod that starts while the API server is slow; a node has 110
// pods.
constexpr int kMaxThreads = 256;

// ---- DRA ----

/// The messages of one version of the API, which differ in nothing but their namespace.
template <typename ServiceType, typename PrepareRequestType, typename PrepareResponseType,
          typename UnprepareRequestType, typename UnprepareResponseType>
struct Version {
  using Service = ServiceType;
  using PrepareRequest = PrepareRequestType;
  using PrepareResponse = PrepareResponseType;
  using UnprepareRequest = UnprepareRequestType;
  using UnprepareResponse = UnprepareResponseType;
};
using V1 = Version<dra_v1::DRAPlugin::Service, dra_v1::NodePrepareResourcesRequest,
                   dra_v1::NodePrepareResourcesResponse, dra_v1::NodeUnprepareResourcesRequest,
                   dra_v1::NodeUnprepareResourcesResponse>;
using V1beta1 =
    Version<dra_v1beta1::DRAPlugin::Service, dra_v1beta1::NodePrepareResourcesRequest,
            dra_v1beta1::NodePrepareResourcesResponse, dra_v1beta1::NodeUnprepareResourcesRequest,
            dra_v1beta1::NodeUnprepareResourcesResponse>;
using V1alpha3 =
    Version<::v1alpha3::Node::Service, ::v1alpha3::NodePrepareResourcesRequest,
            ::v1alpha3::NodePrepareResourcesResponse, ::v1alpha3::NodeUnprepareResourcesRequest,
            ::v1alpha3::NodeUnprepareResourcesResponse>;

template <typename Request>
std::vector<ClaimReference> references(const Request& request) {
  std::vector<ClaimReference> claims;
  for (const auto& claim : request.claims()) {
    claims.push_back(
        {.ns = claim.namespace_(), .name = claim.name(), .uid = ClaimUid(claim.uid())});
  }
  return claims;
}

template <typename Message>
void fill(Message& message, const PreparedDevice& device) {
  if (!device.request.empty()) message.add_request_names(device.request);
  message.set_pool_name(device.pool.text());
  message.set_device_name(device.device.text());
  for (const std::string& id : device.cdi_ids) message.add_cdi_device_ids(id);
  if constexpr (requires { message.set_share_id(std::string()); }) {
    if (device.share_id) message.set_share_id(*device.share_id);
  }
}

/// What a handler throws must not end the process: out of memory, say.
grpc::Status guarded(const std::function<void()>& work) {
  try {
    work();
    return grpc::Status::OK;
  } catch (const std::exception& error) {
    log::error("a call of the kubelet: {}", error.what());
    return {grpc::StatusCode::INTERNAL, error.what()};
  }
}

template <typename ApiVersion>
class DraService final : public ApiVersion::Service {
 public:
  explicit DraService(ClaimHandler& handler) : handler_(handler) {}

  grpc::Status NodePrepareResources(grpc::ServerContext* context,
                                    const typename ApiVersion::PrepareRequest* request,
                                    typename ApiVersion::PrepareResponse* response) override {
    return guarded([&] {
      const auto claims = references(*request);
      const auto results = handler_.prepare(claims, [context] { return context->IsCancelled(); });
      for (std::size_t index = 0; index < claims.size(); ++index) {
        auto& entry = (*response->mutable_claims())[claims[index].uid.text()];
        if (!results[index]) {
          entry.set_error(results[index].error().message);
          continue;
        }
        for (const PreparedDevice& device : *results[index]) fill(*entry.add_devices(), device);
      }
    });
  }

  grpc::Status NodeUnprepareResources(grpc::ServerContext* /*context*/,
                                      const typename ApiVersion::UnprepareRequest* request,
                                      typename ApiVersion::UnprepareResponse* response) override {
    return guarded([&] {
      const auto claims = references(*request);
      const auto results = handler_.unprepare(claims);
      for (std::size_t index = 0; index < claims.size(); ++index) {
        auto& entry = (*response->mutable_claims())[claims[index].uid.text()];
        if (!results[index]) entry.set_error(results[index].error().message);
      }
    });
  }

 private:
  ClaimHandler& handler_;
};

// ---- Health ----

template <typename Service, typename Request, typename Response, auto healthy, auto unhealthy>
class HealthService final : public Service {
 public:
  explicit HealthService(HealthBoard& board) : board_(board) {}

  grpc::Status NodeWatchResources(grpc::ServerContext* context, const Request* /*request*/,
                                  grpc::ServerWriter<Response>* writer) override {
    std::uint64_t seen = 0;
    while (!context->IsCancelled()) {
      const auto snapshot = board_.watch(seen, kHealthPause);
      if (!snapshot) break;
      seen = snapshot->number;
      if (!writer->Write(message(*snapshot))) break;
    }
    return grpc::Status::OK;
  }

 private:
  static Response message(const HealthBoard::Snapshot& snapshot) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    Response response;
    for (const DeviceHealth& device : snapshot.devices) {
      auto& entry = *response.add_devices();
      entry.mutable_device()->set_pool_name(device.pool.text());
      entry.mutable_device()->set_device_name(device.device.text());
      entry.set_health(device.healthy ? healthy : unhealthy);
      entry.set_last_updated_time(std::chrono::duration_cast<std::chrono::seconds>(now).count());
      entry.set_health_check_timeout_seconds(kHealthTimeout.count());
      entry.set_message(device.message);
    }
    return response;
  }

  HealthBoard& board_;
};
using HealthV1 = HealthService<::v1::DRAResourceHealth::Service, ::v1::NodeWatchResourcesRequest,
                               ::v1::NodeWatchResourcesResponse, ::v1::HEALTHY, ::v1::UNHEALTHY>;
using HealthV1alpha1 =
    HealthService<::v1alpha1::DRAResourceHealth::Service, ::v1alpha1::NodeWatchResourcesRequest,
                  ::v1alpha1::NodeWatchResourcesResponse, ::v1alpha1::HEALTHY,
                  ::v1alpha1::UNHEALTHY>;

// ---- Registration ----

class RegistrationService final : public pluginregistration::Registration::Service {
 public:
  RegistrationService(const KubeletPluginSettings& settings, const fs::path& endpoint) {
    info_.set_type("DRAPlugin");
    info_.set_name(settings.driver.text());
    info_.set_endpoint(endpoint.native());
    for (auto& version : supported_versions(settings.kubelet_minor)) {
      info_.add_supported_versions(std::move(version));
    }
  }

  grpc::Status GetInfo(grpc::ServerContext* /*context*/,
                       const pluginregistration::InfoRequest* /*request*/,
                       pluginregistration::PluginInfo* response) override {
    *response = info_;
    return grpc::Status::OK;
  }

  grpc::Status NotifyRegistrationStatus(
      grpc::ServerContext* /*context*/, const pluginregistration::RegistrationStatus* request,
      pluginregistration::RegistrationStatusResponse* /*response*/) override {
    registered_ = request->plugin_registered();
    if (registered_) {
      log::info("registered with the kubelet as {}", fmt::join(info_.supported_versions(), ", "));
      return grpc::Status::OK;
    }
    log::error("the kubelet refuses the registration: {}", request->error());
    return {grpc::StatusCode::FAILED_PRECONDITION, request->error()};
  }

  [[nodiscard]] bool registered() const { return registered_; }

 private:
  pluginregistration::PluginInfo info_;
  std::atomic<bool> registered_ = false;
};

// ---- Sockets ----

/// The library's own reasons to wake a server that nobody calls, as far as it lets go of them: its
/// threads need not look around while they wait, and a socket of the same machine needs neither
/// probes of its bandwidth, of which each call would cause some, nor of its life.
void spare_wakeups(grpc::ServerBuilder& builder) {
  constexpr int kNever = std::numeric_limits<int>::max();  // milliseconds
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::CQ_TIMEOUT_MSEC, kNever);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kNever);
}

Result<std::unique_ptr<grpc::Server>> serve(const fs::path& socket,
                                            const std::vector<grpc::Service*>& services) {
  // A socket of a process that was killed. gRPC would refuse anything else that is there.
  std::error_code error;
  fs::remove(socket, error);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket.native(), grpc::InsecureServerCredentials());
  builder.SetResourceQuota(grpc::ResourceQuota().SetMaxThreads(kMaxThreads));
  spare_wakeups(builder);
  for (grpc::Service* service : services) builder.RegisterService(service);
  auto server = builder.BuildAndStart();
  if (!server) return fail("socket {}: it can't be served", socket.native());
  return server;
}

Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail("folder {}: {}", folder.native(), error.message());
  return {};
}

std::shared_ptr<grpc::Channel> connect(const fs::path& socket) {
  return grpc::CreateChannel("unix:" + socket.native(), grpc::InsecureChannelCredentials());
}

Result<void> outcome(const fs::path& socket, const grpc::Status& status) {
  if (status.ok()) return {};
  return fail("socket {}: {}", socket.native(), status.error_message());
}

void set_deadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kCheckPatience);
}

}  // namespace

Result<PluginPaths> plugin_paths(const KubeletPluginSettings& settings) {
  const bool rolling = !settings.pod_uid.empty();
  const std::string own = rolling ? "-" + settings.pod_uid : "";
  PluginPaths paths;
  paths.data_folder = settings.plugins_folder / settings.driver.text();
  paths.plugin_socket = paths.data_folder / fmt::format("dra{}.sock", own);
  paths.registration_socket =
      settings.registry_folder / fmt::format("{}{}-reg.sock", settings.driver, own);
  if (rolling) paths.lock_file = paths.data_folder / "serialize.lock";
  for (const fs::path& socket : {paths.plugin_socket, paths.registration_socket}) {
    if (const auto address = unix_address(socket); !address) {
      return std::unexpected(address.error());
    }
  }
  return paths;
}

std::vector<std::string> supported_versions(int kubelet_minor) {
  struct Row {
    int since;
    std::vector<std::string> versions;
  };
  // From 1.34 on the plugin's order decides, so the newest comes first. 1.31 reads each entry as a
  // version number and fails on anything else.
  static const std::vector<Row> rows = {
      {.since = 34,
       .versions = {"v1.DRAPlugin", "v1beta1.DRAPlugin", "v1.DRAResourceHealth",
                    "v1alpha1.DRAResourceHealth"}},
      {.since = 32, .versions = {"v1beta1.DRAPlugin"}},
  };
  for (const Row& row : rows) {
    if (kubelet_minor >= row.since) return row.versions;
  }
  return {"1.0.0"};
}

class KubeletPlugin::Servers {
 public:
  Servers(const KubeletPluginSettings& settings, PluginPaths paths, ClaimHandler& handler,
          HealthBoard& board)
      : paths_(std::move(paths)),
        board_(board),
        v1_(handler),
        v1beta1_(handler),
        v1alpha3_(handler),
        health_v1_(board),
        health_v1alpha1_(board),
        registration_(settings, paths_.plugin_socket) {}
  ~Servers() { stop(); }
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;
  Servers(Servers&&) = delete;
  Servers& operator=(Servers&&) = delete;

  Result<void> start() {
    board_.open();
    for (const fs::path& folder : {paths_.data_folder, paths_.registration_socket.parent_path()}) {
      if (auto made = make_folder(folder); !made) return made;
    }
    auto plugin =
        serve(paths_.plugin_socket, {&v1_, &v1beta1_, &v1alpha3_, &health_v1_, &health_v1alpha1_});
    if (!plugin) return std::unexpected(plugin.error());
    plugin_server_ = std::move(*plugin);
    auto registration = serve(paths_.registration_socket, {&registration_});
    if (!registration) return std::unexpected(registration.error());
    registration_server_ = std::move(*registration);
    return {};
  }

  void stop() {
    stop(registration_server_, paths_.registration_socket, std::chrono::seconds(0));
    if (plugin_server_) board_.close();
    stop(plugin_server_, paths_.plugin_socket, kGrace);
  }

  [[nodiscard]] bool registered() const { return registration_.registered(); }

  [[nodiscard]] Result<void> check() const {
    const auto registration =
        pluginregistration::Registration::NewStub(connect(paths_.registration_socket));
    grpc::ClientContext info_context;
    set_deadline(info_context);
    pluginregistration::PluginInfo info;
    auto asked =
        outcome(paths_.registration_socket, registration->GetInfo(&info_context, {}, &info));
    if (!asked) return asked;

    const auto plugin = dra_v1::DRAPlugin::NewStub(connect(paths_.plugin_socket));
    grpc::ClientContext prepare_context;
    set_deadline(prepare_context);
    dra_v1::NodePrepareResourcesResponse nothing;
    return outcome(paths_.plugin_socket,
                   plugin->NodePrepareResources(&prepare_context, {}, &nothing));
  }

 private:
  /// A client that does nothing may take the whole grace before it lets go of its connection.
  static void stop(std::unique_ptr<grpc::Server>& server, const fs::path& socket,
                   std::chrono::seconds grace) {
    if (!server) return;
    server->Shutdown(std::chrono::system_clock::now() + grace);
    server.reset();
    std::error_code error;
    fs::remove(socket, error);
  }

  PluginPaths paths_;
  HealthBoard& board_;
  DraService<V1> v1_;
  DraService<V1beta1> v1beta1_;
  DraService<V1alpha3> v1alpha3_;
  HealthV1 health_v1_;
  HealthV1alpha1 health_v1alpha1_;
  RegistrationService registration_;
  std::unique_ptr<grpc::Server> plugin_server_;
  std::unique_ptr<grpc::Server> registration_server_;
};

KubeletPlugin::KubeletPlugin(std::unique_ptr<Servers> servers) : servers_(std::move(servers)) {}
KubeletPlugin::~KubeletPlugin() = default;

Result<std::unique_ptr<KubeletPlugin>> KubeletPlugin::start(const KubeletPluginSettings& settings,
                                                            ClaimHandler& handler,
                                                            HealthBoard& board) {
  auto paths = plugin_paths(settings);
  if (!paths) return std::unexpected(paths.error());
  auto servers = std::make_unique<Servers>(settings, std::move(*paths), handler, board);
  if (auto started = servers->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<KubeletPlugin>(new KubeletPlugin(std::move(servers)));
}

void KubeletPlugin::stop() {
  servers_->stop();
}

bool KubeletPlugin::registered() const {
  return servers_->registered();
}

Result<void> KubeletPlugin::check() const {
  return servers_->check();
}

}  // namespace mockdev::dra
