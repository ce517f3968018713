// SPDX-License-Identifier: Apache-2.0
// What a request proves itself with.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "base/error.h"
#include "kube/config.h"
#include "kube/credential_plugin.h"

namespace mockdev::kube {

/// What the credentials say at the moment of one request. Empty: there is none.
struct Secrets {
  std::string authority;    ///< PEM
  std::string certificate;  ///< PEM
  std::string key;          ///< PEM
  std::string token;
};

/// Files are read anew for each request. What a program fetches is kept until it expires, or the
/// server refuses it. Any number of threads.
class SecretSource {
 public:
  /// The config lives as long as this.
  explicit SecretSource(const Config& config) : config_(config) {}

  /// May take as long as the program that fetches; others wait for it, too.
  [[nodiscard]] Result<Secrets> read();

  /// The server did not accept these: the next read() fetches others.
  void refuse(const Secrets& secrets);

 private:
  [[nodiscard]] Result<FetchedCredential> fetched();

  const Config& config_;
  std::mutex mutex_;
  std::optional<FetchedCredential> fetched_;
};

}  // namespace mockdev::kube
