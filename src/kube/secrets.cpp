// SPDX-License-Identifier: Apache-2.0
#include "kube/secrets.h"

#include <array>
#include <chrono>
#include <utility>

#include "kube/api.h"

namespace mockdev::kube {
namespace {

/// So long before its end a credential is fetched anew: it has to live for the request, too.
constexpr std::chrono::seconds kMargin{10};

/// So long after a failure the program is left alone: an operation's attempts share it.
constexpr std::chrono::seconds kRest{5};

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
  if (!is_fresh()) {
    if (!program_runs_) {
      program_runs_ = true;
      program_ = std::jthread([this](const std::stop_token& end) { run_program(end); });
    }
    program_ended_.wait_until(lock, stop, until, [this] { return !program_runs_; });
    if (stop.stop_requested()) return std::unexpected(HttpFailure{reason::kCancelled, "stopped"});
    if (program_runs_) {
      return std::unexpected(
          HttpFailure{reason::kUnreachable,
                      fmt::format("{} has not given credentials yet", config_.plugin->argv[0])});
    }
  }
  if (!*last_) return bad_credential(last_->error());
  return **last_;
}

/// Whether what the program did last still holds.
bool SecretSource::is_fresh() const {
  if (program_runs_ || !last_ || refused_) return false;
  if (!*last_) return Clock::now() < last_end_ + kRest;
  const auto& expires = (*last_)->expires;
  return !expires || *expires > std::chrono::system_clock::now() + kMargin;
}

void SecretSource::run_program(const std::stop_token& stop) {
  auto credential = fetch_credential(config_, stop);
  {
    const std::scoped_lock lock(mutex_);
    last_ = std::move(credential);
    last_end_ = Clock::now();
    refused_ = false;
    program_runs_ = false;
  }
  program_ended_.notify_all();
}

void SecretSource::refuse(const Secrets& secrets) {
  const std::scoped_lock lock(mutex_);
  if (last_ && *last_ && (*last_)->token == secrets.token &&
      (*last_)->certificate == secrets.certificate) {
    refused_ = true;
  }
}

}  // namespace mockdev::kube
