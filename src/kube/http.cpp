// SPDX-License-Identifier: Apache-2.0
#include "kube/http.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kube/api.h"
#include "kube/credential_plugin.h"
#include "kube/pause.h"
#include "kube/secrets.h"
#include "kube/url.h"

namespace mockdev::kube {
namespace {

/// Connections that wait for the next request, at most; more are closed.
constexpr std::size_t kMaxIdle = 8;

constexpr int kUnauthorized = 401;

constexpr std::chrono::nanoseconds kNoLimit = std::chrono::hours(1);

/// What a new client waits for its credentials, at most: a program that fetches them gets to say
/// that its time is over.
constexpr std::chrono::seconds kFirstLogin = kLongestLogin + std::chrono::seconds(10);

/// A peer that is gone without a word: probed after 30 s of silence, given up after three probes
/// 10 s apart, or when what was sent has not been acknowledged for 30 s.
constexpr std::array<std::pair<int, int>, 4> kDeadPeerOptions = {{
    {TCP_KEEPIDLE, 30},
    {TCP_KEEPINTVL, 10},
    {TCP_KEEPCNT, 3},
    {TCP_USER_TIMEOUT, 30000},
}};

/// Holds SIGPIPE back from this thread: the TLS library writes to sockets whose peer is gone.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  ~NoSigpipe() {
    if (sigismember(&old_, SIGPIPE) == 1) return;
    const timespec at_once{};
    while (::sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
    }
    ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  NoSigpipe(NoSigpipe&&) = delete;
  NoSigpipe& operator=(NoSigpipe&&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t old_{};
};

/// A text that curl copies.
curl_blob blob_of(std::string& text) {
  return {.data = text.data(), .len = text.size(), .flags = CURL_BLOB_COPY};
}

class HeaderList {
 public:
  ~HeaderList() { curl_slist_free_all(list_); }
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  HeaderList(HeaderList&&) = delete;
  HeaderList& operator=(HeaderList&&) = delete;

  void add(const std::string& line) {
    if (curl_slist* longer = curl_slist_append(list_, line.c_str())) list_ = longer;
  }
  [[nodiscard]] curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

struct Deleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

/// What has come of a reply.
struct Arrival {
  std::string bytes;
  bool too_long = false;
};

std::size_t collect(char* data, std::size_t /*one*/, std::size_t size, void* arrival_pointer) {
  auto& arrival = *static_cast<Arrival*>(arrival_pointer);
  if (arrival.bytes.size() + size > kMaxBody.value()) {
    arrival.too_long = true;
    return 0;
  }
  arrival.bytes.append(data, size);
  return size;
}

int detect_dead_peer(void* /*context*/, curl_socket_t socket, curlsocktype /*purpose*/) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  for (const auto& [option, value] : kDeadPeerOptions) {
    ::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);
  }
  return CURL_SOCKOPT_OK;
}

/// curl's code as a reason. Codes that are not here mean that the connection is lost.
struct CodeMeaning {
  CURLcode code;
  std::string_view reason;
};
constexpr auto kCodes = std::to_array<CodeMeaning>({
    {CURLE_URL_MALFORMAT, reason::kUnreachable},
    {CURLE_UNSUPPORTED_PROTOCOL, reason::kUnreachable},
    {CURLE_COULDNT_RESOLVE_PROXY, reason::kUnreachable},
    {CURLE_COULDNT_RESOLVE_HOST, reason::kUnreachable},
    {CURLE_COULDNT_CONNECT, reason::kUnreachable},
    {CURLE_SSL_CONNECT_ERROR, reason::kUnreachable},
    {CURLE_PEER_FAILED_VERIFICATION, reason::kUntrusted},
    {CURLE_SSL_ISSUER_ERROR, reason::kUntrusted},
    {CURLE_SSL_CACERT_BADFILE, reason::kBadCredential},
    {CURLE_SSL_CERTPROBLEM, reason::kBadCredential},
    {CURLE_WEIRD_SERVER_REPLY, reason::kBadReply},
});

std::string source_of_authority(const Config& config) {
  if (config.certificate_authority.empty()) return "the system";
  const std::string file = config.certificate_authority.file.native();
  return file.empty() ? config.source : file;
}

/// A request on its way.
struct Call {
  const HttpRequest& request;
  const std::stop_token& stop;
  Clock::time_point begun = Clock::now();

  /// When the answer has to begin, at the latest.
  [[nodiscard]] Clock::time_point until() const {
    auto limit = kNoLimit;
    for (const auto time : {request.timeout, request.head_timeout}) {
      if (time.count() > 0) limit = std::min(limit, time);
    }
    return begun + limit;
  }
};

/// A connection with all that it needs to do a request.
class Connection {
 public:
  Connection() : multi_(curl_multi_init()), easy_(curl_easy_init()) {}
  ~Connection() {
    // A TLS connection says good-bye to a peer that may be gone.
    const NoSigpipe no_sigpipe;
    easy_.reset();
    multi_.reset();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection(Connection&&) = delete;
  Connection& operator=(Connection&&) = delete;

  [[nodiscard]] bool usable() const { return multi_ != nullptr && easy_ != nullptr; }

  /// The secrets stay as they are: curl takes pointers to what it copies.
  std::expected<HttpReply, HttpFailure> send(const Config& config, Secrets& secrets,
                                             const Call& call, const std::string& user_agent,
                                             std::chrono::milliseconds connect_timeout) {
    const NoSigpipe no_sigpipe;
    const HttpRequest& request = call.request;
    HeaderList headers;
    Arrival arrival;
    curl_easy_reset(easy_.get());
    error_text_[0] = '\0';
    set_server(config, request, connect_timeout);
    set_secrets(config, secrets);
    set_message(request, secrets, user_agent, headers, arrival);

    curl_multi_add_handle(multi_.get(), easy_.get());
    auto outcome = transfer(config, call, arrival);
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return outcome;
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  void set_server(const Config& config, const HttpRequest& request,
                  std::chrono::milliseconds connect_timeout) {
    const std::string host = host_of(config.server);
    std::string url = config.server + request.target;
    if (!config.tls_server_name.empty()) {
      // curl checks the certificate against the host in the URL: the URL gets the name, and the
      // connection goes where the server is.
      const std::size_t at = config.server.find(host);
      const bool bracketed = at > 0 && config.server[at - 1] == '[';
      const std::size_t from = bracketed ? at - 1 : at;
      const std::size_t length = bracketed ? host.size() + 2 : host.size();
      const std::string written = config.server.substr(from, length);
      url.replace(from, length, config.tls_server_name);
      if (connect_to_.get() == nullptr) connect_to_.add("::" + written + ":");
      set(CURLOPT_CONNECT_TO, connect_to_.get());
    }
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https,http");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_timeout.count()));
    set(CURLOPT_NOSIGNAL, 1L);
    // A resolver that hangs must not hold up the end of an operation.
    set(CURLOPT_QUICK_EXIT, 1L);
    set(CURLOPT_SOCKOPTFUNCTION, &detect_dead_peer);
    if (!config.proxy_url.empty()) set(CURLOPT_PROXY, config.proxy_url.c_str());
    if (is_loopback(host)) set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_ERRORBUFFER, error_text_.data());
  }

  void set_secrets(const Config& config, Secrets& secrets) {
    if (config.insecure_skip_tls_verify) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!secrets.authority.empty()) {
      // Only this authority: not also those of the system, which curl would add.
      set(CURLOPT_CAINFO, static_cast<const char*>(nullptr));
      set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
      const curl_blob authority = blob_of(secrets.authority);
      set(CURLOPT_CAINFO_BLOB, &authority);
    }
    if (!secrets.certificate.empty()) {
      const curl_blob certificate = blob_of(secrets.certificate);
      const curl_blob key = blob_of(secrets.key);
      set(CURLOPT_SSLCERT_BLOB, &certificate);
      set(CURLOPT_SSLKEY_BLOB, &key);
    }
  }

  void set_message(const HttpRequest& request, const Secrets& secrets,
                   const std::string& user_agent, HeaderList& headers, Arrival& arrival) {
    headers.add("Accept: application/json");
    if (!secrets.token.empty()) headers.add("Authorization: Bearer " + secrets.token);
    if (!request.body.empty()) {
      headers.add("Content-Type: " + request.content_type);
      // curl would wait for a "100 Continue" before it sends a large body.
      headers.add("Expect:");
      set(CURLOPT_POSTFIELDS, request.body.data());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (request.new_connection) set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_USERAGENT, user_agent.c_str());
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_WRITEFUNCTION, &collect);
    set(CURLOPT_WRITEDATA, &arrival);
  }

  std::expected<HttpReply, HttpFailure> transfer(const Config& config, const Call& call,
                                                 Arrival& arrival) {
    CURLM* const multi = multi_.get();
    const HttpRequest& request = call.request;
    const std::stop_callback wake(call.stop, [multi] { curl_multi_wakeup(multi); });
    auto last_byte = Clock::now();
    while (true) {
      int running = 0;
      curl_multi_perform(multi, &running);
      if (call.stop.stop_requested()) {
        return std::unexpected(HttpFailure{reason::kCancelled, "stopped"});
      }
      if (!arrival.bytes.empty()) last_byte = Clock::now();
      if (request.on_body && status() == 200 && !arrival.bytes.empty()) {
        const std::string piece = std::exchange(arrival.bytes, {});
        if (!request.on_body(piece)) return reply({});
      }
      if (running == 0) return result(config, arrival);
      const auto now = Clock::now();
      const auto left = time_left(call, now);
      if (left <= std::chrono::nanoseconds(0)) {
        return std::unexpected(too_slow(config, now - call.begun));
      }
      const auto quiet = time_of_silence_left(request, last_byte, now);
      if (quiet <= std::chrono::nanoseconds(0)) return reply({});
      // Bytes, the stop token and the library's own timeouts end it sooner.
      const auto poll = std::min(left, quiet);
      curl_multi_poll(multi, nullptr, 0,
                      static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(poll).count()),
                      nullptr);
    }
  }

  [[nodiscard]] std::chrono::nanoseconds time_left(const Call& call, Clock::time_point now) const {
    std::chrono::nanoseconds left = kNoLimit;
    if (call.request.timeout.count() > 0) left = call.begun + call.request.timeout - now;
    if (call.request.head_timeout.count() > 0 && status() == 0) {
      left = std::min(left, call.begun + call.request.head_timeout - now);
    }
    return left;
  }

  [[nodiscard]] std::chrono::nanoseconds time_of_silence_left(const HttpRequest& request,
                                                              Clock::time_point last_byte,
                                                              Clock::time_point now) const {
    const bool counts = request.silence.count() > 0 && request.on_body && status() == 200;
    return counts ? last_byte + request.silence - now : kNoLimit;
  }

  [[nodiscard]] HttpFailure too_slow(const Config& config, std::chrono::nanoseconds waited) const {
    return {.reason = sent() ? reason::kTimeout : reason::kUnreachable,
            .message = fmt::format("{}: {} within {:.2g} s", config.server,
                                   status() == 0 ? "no answer" : "no complete answer",
                                   std::chrono::duration<double>(waited).count())};
  }

  /// Whether the connection was there, and the request may have reached the server.
  [[nodiscard]] bool sent() const {
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &microseconds);
    return microseconds > 0;
  }

  [[nodiscard]] int status() const {
    long code = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
    return static_cast<int>(code);
  }

  [[nodiscard]] HttpReply reply(std::string body) const {
    curl_off_t seconds = 0;
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &seconds);
    curl_easy_getinfo(easy_.get(), CURLINFO_STARTTRANSFER_TIME_T, &microseconds);
    HttpReply made{.status = status(),
                   .body = std::move(body),
                   .first_byte = std::chrono::microseconds(microseconds)};
    if (seconds > 0) made.retry_after = std::chrono::seconds(seconds);
    return made;
  }

  std::expected<HttpReply, HttpFailure> result(const Config& config, Arrival& arrival) const {
    int left = 0;
    const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
    const CURLcode code = message == nullptr ? CURLE_FAILED_INIT : message->data.result;
    if (code == CURLE_OK) return reply(std::move(arrival.bytes));
    if (arrival.too_long) {
      return std::unexpected(HttpFailure{
          reason::kBadReply, fmt::format("reply is longer than the {} that are read", kMaxBody)});
    }
    return std::unexpected(failure_of(code, config));
  }

  /// What went wrong, in the system's words where it knows better than curl.
  [[nodiscard]] std::string text_of(CURLcode code) const {
    long system_error = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &system_error);
    if (code == CURLE_COULDNT_CONNECT && system_error != 0) {
      return std::generic_category().message(static_cast<int>(system_error));
    }
    return error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code);
  }

  [[nodiscard]] HttpFailure failure_of(CURLcode code, const Config& config) const {
    const std::string text = text_of(code);
    const auto* const found = std::ranges::find(kCodes, code, &CodeMeaning::code);
    if (found == kCodes.end() || found->reason == reason::kUnreachable) {
      return {sent() && found == kCodes.end() ? reason::kConnectionLost : reason::kUnreachable,
              fmt::format("{}: {}", config.server, text)};
    }
    if (found->reason == reason::kUntrusted) {
      return {found->reason,
              fmt::format("{}: its certificate is not accepted: {} (authority from {})",
                          config.server, text, source_of_authority(config))};
    }
    return {found->reason, fmt::format("{}: {} ({})", config.server, text, config.source)};
  }

  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::unique_ptr<CURL, Deleter> easy_;  // after multi_: it goes first
  HeaderList connect_to_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
};

}  // namespace

class Http::Implementation {
 public:
  Implementation(Config config, std::string user_agent, std::chrono::milliseconds connect_timeout)
      : config_(std::move(config)),
        user_agent_(std::move(user_agent)),
        connect_timeout_(connect_timeout) {}

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] SecretSource& secrets() { return secrets_; }

  std::expected<HttpReply, HttpFailure> send(const HttpRequest& request,
                                             const std::stop_token& stop) {
    const Call call{.request = request, .stop = stop};
    auto secrets = secrets_.read(call.until(), stop);
    if (!secrets) return std::unexpected(std::move(secrets.error()));
    auto connection = take();
    if (!connection->usable()) {
      return std::unexpected(HttpFailure{reason::kUnreachable, "out of memory"});
    }
    auto outcome = connection->send(config_, *secrets, call, user_agent_, connect_timeout_);
    if (outcome) {
      if (outcome->status == kUnauthorized) secrets_.refuse(*secrets);
      give_back(std::move(connection));
    } else if (outcome.error().reason != reason::kCancelled) {
      // What broke this connection has probably broken those that wait, too, and each would cost
      // an attempt to find out.
      forget_idle();
    }
    return outcome;
  }

 private:
  std::unique_ptr<Connection> take() {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) return std::make_unique<Connection>();
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }

  void give_back(std::unique_ptr<Connection> connection) {
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
  }

  void forget_idle() {
    std::vector<std::unique_ptr<Connection>> gone;
    const std::scoped_lock lock(mutex_);
    gone.swap(idle_);
  }

  const Config config_;
  const std::string user_agent_;
  const std::chrono::milliseconds connect_timeout_;
  SecretSource secrets_{config_};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

Http::Http(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

Http::~Http() = default;

Result<std::unique_ptr<Http>> Http::make(Config config, std::string user_agent,
                                         std::chrono::milliseconds connect_timeout) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) return fail("libcurl: {}", curl_easy_strerror(ready));
  if (!config.server.starts_with("https://") && !config.server.starts_with("http://")) {
    return fail("{}: server: '{}' is not an https:// address", config.source, config.server);
  }
  auto implementation =
      std::make_unique<Implementation>(std::move(config), std::move(user_agent), connect_timeout);
  if (auto secrets = implementation->secrets().read(Clock::now() + kFirstLogin, {}); !secrets) {
    return fail("{}: {}", implementation->config().source, secrets.error().message);
  }
  return std::unique_ptr<Http>(new Http(std::move(implementation)));
}

const Config& Http::config() const {
  return implementation_->config();
}

std::expected<HttpReply, HttpFailure> Http::send(const HttpRequest& request,
                                                 const std::stop_token& stop) {
  return implementation_->send(request, stop);
}

}  // namespace mockdev::kube
