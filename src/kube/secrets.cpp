// SPDX-License-Identifier: Apache-2.0
#include "kube/secrets.h"

#include <array>
#include <chrono>
#include <utility>

#include "kube/api.h"

namespace mockdev::kube {
namespace {

/// So long before its end the next credential is fetched.
constexpr std::chrono::seconds kMargin{10};

/// So long after a failure the program is left alone: who asks in a loop does not start it in one.
constexpr std::chrono::seconds kRest{5};

bool is_over(const FetchedCredential& credential, std::chrono::seconds margin = {}) {
  return credential.expires && *credential.expires <= std::chrono::system_clock::now() + margin;
}

std::unexpected<HttpFailure> bad_credential(const Error& error) {
  return std::unexpected(HttpFailure{reason::kBadCredential, error.message});
}

}  // namespace

std::expected<Secrets, HttpFailure> SecretSource::read(Clock::time_point until,
                                                       const std::stop_token& stop) {
  Secrets secrets;
  const std::array<std::pair<const Credential*, std::string*>, 4> parts = {{
      {&config_.certificate_authority, &secrets.authority},
      {&config_.client_certificate, &secrets.certificate},
      {&config_.client_key, &secrets.key},
      {&config_.token, &secrets.token},
  }};
  for (const auto& [credential, text] : parts) {
    auto read = read_credential(*credential);
    if (!read) return bad_credential(read.error());
    *text = *std::move(read);
  }
  if (!config_.plugin || !secrets.token.empty() || !secrets.certificate.empty()) return secrets;
  auto credential = fetched(until, stop);
  if (!credential) return std::unexpected(std::move(credential.error()));
  secrets.certificate = std::move(credential->certificate);
  secrets.key = std::move(credential->key);
  secrets.token = std::move(credential->token);
  return secrets;
}

std::expected<FetchedCredential, HttpFailure> SecretSource::fetched(Clock::time_point until,
                                                                    const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (is_due()) start_program();
  if (is_usable()) return *credential_;  // and the next is fetched meanwhile
  if (program_runs_) {
    // Not until none runs: by then another may have been started.
    const bool ended = program_ended_.wait_until(
        lock, stop, until, [this, seen = ended_runs_] { return ended_runs_ != seen; });
    if (!ended && stop.stop_requested()) {
      return std::unexpected(HttpFailure{reason::kCancelled, "stopped"});
    }
    if (!ended) {
      return std::unexpected(
          HttpFailure{reason::kUnreachable,
                      fmt::format("{} has not given credentials yet", config_.plugin->argv[0])});
    }
  }
  if (failure_ && !is_usable()) return bad_credential(*failure_);
  return *credential_;
}

bool SecretSource::is_usable() const {
  return credential_ && !refused_ && !is_over(*credential_);
}

/// Whether the program is to be started.
bool SecretSource::is_due() const {
  if (program_runs_ || (is_usable() && !is_over(*credential_, kMargin))) return false;
  return !failure_ || Clock::now() >= failure_time_ + kRest;
}

void SecretSource::start_program() {
  program_ = std::jthread([this](const std::stop_token& stop) { run_program(stop); });
  program_runs_ = true;
}

void SecretSource::run_program(const std::stop_token& stop) {
  auto fetched = fetch_credential(config_, stop);
  {
    const std::scoped_lock lock(mutex_);
    program_runs_ = false;
    ++ended_runs_;
    if (fetched) {
      credential_ = *std::move(fetched);
      refused_ = false;
      failure_.reset();
    } else {
      failure_ = std::move(fetched.error());
      failure_time_ = Clock::now();
    }
  }
  program_ended_.notify_all();
}

void SecretSource::refuse(const Secrets& secrets) {
  const std::scoped_lock lock(mutex_);
  if (credential_ && credential_->token == secrets.token &&
      credential_->certificate == secrets.certificate) {
    refused_ = true;
  }
}

}  // namespace mockdev::kube
