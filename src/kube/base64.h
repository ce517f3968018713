// SPDX-License-Identifier: Apache-2.0
// Base64, in which kubeconfig files hold certificates.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mockdev::kube {

/// The bytes that a base64 text (RFC 4648 §4) stands for; white space in it is skipped. None: it is
/// not base64.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

/// The text for bytes, in one line.
[[nodiscard]] std::string encode_base64(std::string_view bytes);

}  // namespace mockdev::kube
