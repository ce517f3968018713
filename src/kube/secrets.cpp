// SPDX-License-Identifier: Apache-2.0
#include "kube/secrets.h"

#include <array>
#include <chrono>
#include <utility>

namespace mockdev::kube {
namespace {

/// So long before its end a credential is fetched anew: it has to live for the request, too.
constexpr std::chrono::seconds kMargin{10};

bool is_over(const FetchedCredential& fetched) {
  return fetched.expires && *fetched.expires - kMargin <= std::chrono::system_clock::now();
}

}  // namespace

Result<Secrets> SecretSource::read() {
  Secrets secrets;
  const std::array<std::pair<const Credential*, std::string*>, 4> parts = {{
      {&config_.certificate_authority, &secrets.authority},
      {&config_.client_certificate, &secrets.certificate},
      {&config_.client_key, &secrets.key},
      {&config_.token, &secrets.token},
  }};
  for (const auto& [credential, text] : parts) {
    auto read = read_credential(*credential);
    if (!read) return std::unexpected(read.error());
    *text = *std::move(read);
  }
  if (!config_.plugin || !secrets.token.empty() || !secrets.certificate.empty()) return secrets;
  auto credential = fetched();
  if (!credential) return std::unexpected(credential.error());
  secrets.certificate = std::move(credential->certificate);
  secrets.key = std::move(credential->key);
  secrets.token = std::move(credential->token);
  return secrets;
}

Result<FetchedCredential> SecretSource::fetched() {
  const std::scoped_lock lock(mutex_);
  if (!fetched_ || is_over(*fetched_)) {
    auto credential = fetch_credential(config_);
    if (!credential) return credential;
    fetched_ = *std::move(credential);
  }
  return *fetched_;
}

void SecretSource::refuse(const Secrets& secrets) {
  const std::scoped_lock lock(mutex_);
  if (fetched_ && fetched_->token == secrets.token &&
      fetched_->certificate == secrets.certificate) {
    fetched_.reset();
  }
}

}  // namespace mockdev::kube
