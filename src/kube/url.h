// SPDX-License-Identifier: Apache-2.0
// Parts of a URL.
#pragma once

#include <string>
#include <string_view>

namespace mockdev::kube {

/// `text` as it may stand in a path segment or a query (RFC 3986 §2.1).
[[nodiscard]] std::string escaped(std::string_view text);

/// A query's parameters, in order.
class Query {
 public:
  /// Adds a parameter, unless its value is empty.
  Query& add(std::string_view name, std::string_view value);
  /// "?a=1&b=2", or "" if there is none.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// The host of "https://host:port/path", without the brackets of an IPv6 address.
[[nodiscard]] std::string host_of(std::string_view url);

/// Whether a host's name or address means this machine.
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace mockdev::kube
