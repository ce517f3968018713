// SPDX-License-Identifier: Apache-2.0
#include "driver/liveness.h"

#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "base/log.h"
#include "grpc_health.grpc.pb.h"

namespace mockdev::driver {
namespace {

class HealthService final : public ::grpc::health::v1::Health::Service {
 public:
  explicit HealthService(std::function<Result<void>()> alive) : alive_(std::move(alive)) {}

  ::grpc::Status Check(::grpc::ServerContext* /*context*/,
                       const ::grpc::health::v1::HealthCheckRequest* request,
                       ::grpc::health::v1::HealthCheckResponse* response) override {
    if (!request->service().empty() && request->service() != "liveness") {
      return {::grpc::StatusCode::NOT_FOUND, "there is only the service liveness"};
    }
    const auto alive = alive_();
    if (!alive) log::error("liveness: {}", alive.error().message);
    response->set_status(alive ? ::grpc::health::v1::HealthCheckResponse::SERVING
                               : ::grpc::health::v1::HealthCheckResponse::NOT_SERVING);
    return ::grpc::Status::OK;
  }

 private:
  std::function<Result<void>()> alive_;
};

}  // namespace

class LivenessServer::Implementation {
 public:
  explicit Implementation(std::function<Result<void>()> alive) : service_(std::move(alive)) {}
  ~Implementation() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  Implementation(Implementation&&) = delete;
  Implementation& operator=(Implementation&&) = delete;

  Result<void> start(const Listen& listen) {
    const std::string address = fmt::format("{}:{}", listen.address, listen.port);
    ::grpc::ServerBuilder builder;
    // Two agents that overlap in a rolling update may not both believe that they have the port.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(address, ::grpc::InsecureServerCredentials());
    // Its threads need not look around while nobody asks.
    builder.SetSyncServerOption(::grpc::ServerBuilder::SyncServerOption::CQ_TIMEOUT_MSEC,
                                std::numeric_limits<int>::max());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (!server_)
      return fail("health check on {}: it can't be served; is the port taken?", address);
    return {};
  }

 private:
  HealthService service_;
  std::unique_ptr<::grpc::Server> server_;
};

LivenessServer::LivenessServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
LivenessServer::~LivenessServer() = default;

Result<std::unique_ptr<LivenessServer>> LivenessServer::start(const Listen& listen,
                                                              std::function<Result<void>()> alive) {
  auto implementation = std::make_unique<Implementation>(std::move(alive));
  if (auto started = implementation->start(listen); !started) {
    return std::unexpected(started.error());
  }
  return std::unique_ptr<LivenessServer>(new LivenessServer(std::move(implementation)));
}

}  // namespace mockdev::driver
