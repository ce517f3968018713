// SPDX-License-Identifier: Apache-2.0
// What a request proves itself with.
#pragma once

#include <condition_variable>
#include <expected>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/error.h"
#include "kube/config.h"
#include "kube/credential_plugin.h"
#include "kube/http.h"
#include "kube/pause.h"

namespace mockdev::kube {

/// What the credentials say at the moment of one request. Empty: there is none.
struct Secrets {
  std::string authority;    ///< PEM
  std::string certificate;  ///< PEM
  std::string key;          ///< PEM
  std::string token;
};

/// Files are read anew for each request. What a program fetches is used until it expires or the
/// server refuses it; the next is fetched shortly before. After a failure the program has some
/// seconds of rest. Any number of threads: one program runs for all that wait, and goes on when
/// they have no more time. The end of this is its end, too.
class SecretSource {
 public:
  /// The config lives as long as this.
  explicit SecretSource(const Config& config) : config_(config) {}

  /// Waits for a program that fetches until then, or a stop. The failure is BadCredential,
  /// Unreachable where the time was too short, or Cancelled.
  [[nodiscard]] std::expected<Secrets, HttpFailure> read(Clock::time_point until,
                                                         const std::stop_token& stop);

  /// The server did not accept these: the next read() fetches others.
  void refuse(const Secrets& secrets);

 private:
  [[nodiscard]] std::expected<FetchedCredential, HttpFailure> fetched(Clock::time_point until,
                                                                      const std::stop_token& stop);
  [[nodiscard]] bool is_usable() const;
  [[nodiscard]] bool is_due() const;
  void start_program();
  void run_program(const std::stop_token& stop);

  const Config& config_;
  std::mutex mutex_;
  std::condition_variable_any program_ended_;
  bool program_runs_ = false;
  unsigned ended_runs_ = 0;
  std::optional<FetchedCredential> credential_;  ///< the last that came
  bool refused_ = false;                         ///< that one
  std::optional<Error> failure_;                 ///< of the last run
  Clock::time_point failure_time_;
  std::jthread program_;  // last: ends before what it uses
};

}  // namespace mockdev::kube
