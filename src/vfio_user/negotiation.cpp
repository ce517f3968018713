// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/negotiation.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string_view>

#include <nlohmann/json.hpp>

namespace mockdev::vfio_user {

namespace {

using nlohmann::json;
using protocol::Version;

constexpr std::size_t kMaxText = 4096;

/// Sets `limit` from a whole number between 0 and `most`, if the client sent one.
template <typename T>
Outcome read_limit(const json& capabilities, const char* name, T& limit) {
  const auto found = capabilities.find(name);
  if (found == capabilities.end()) return {};
  if (!found->is_number_unsigned()) {
    return refuse(EINVAL, "{} is not a number from 0: {:.40}", name, found->dump());
  }
  limit = static_cast<T>(
      std::min<std::uint64_t>(found->get<std::uint64_t>(), std::numeric_limits<T>::max()));
  return {};
}

std::expected<json, Refusal> parse_text(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxText) {
    return refuse(EINVAL, "version data of {} bytes is longer than {}", bytes.size(), kMaxText);
  }
  if (bytes.back() != std::byte{0}) return refuse(EINVAL, "version data has no final NUL");
  const auto* first = reinterpret_cast<const char*>(bytes.data());
  auto parsed = json::parse(first, first + bytes.size() - 1, nullptr, false);
  if (!parsed.is_object()) return refuse(EINVAL, "version data is not a JSON object");
  return parsed;
}

std::expected<ClientLimits, Refusal> parse_capabilities(const json& text, ClientLimits limits) {
  const auto capabilities = text.find("capabilities");
  if (capabilities == text.end()) return limits;
  if (!capabilities->is_object()) return refuse(EINVAL, "capabilities are not a JSON object");
  for (const Outcome& read :
       {read_limit(*capabilities, "max_data_xfer_size", limits.max_data_transfer),
        read_limit(*capabilities, "max_msg_fds", limits.max_descriptors)}) {
    if (!read) return std::unexpected(read.error());
  }
  if (limits.max_data_transfer == 0) return refuse(EINVAL, "max_data_xfer_size is 0");
  return limits;
}

}  // namespace

std::expected<ClientLimits, Refusal> parse_version(std::span<const std::byte> body) {
  if (body.size() < sizeof(Version)) return refuse(EINVAL, "{} bytes of version", body.size());
  const auto version = protocol::load<Version>(body);
  if (version.major != protocol::kMajor) {
    return refuse(EINVAL, "version {}.{} is not {}.x", version.major, version.minor,
                  protocol::kMajor);
  }
  ClientLimits limits{.minor = version.minor};
  const auto data = body.subspan(sizeof(Version));
  if (data.empty()) return limits;
  const auto text = parse_text(data);
  if (!text) return std::unexpected(text.error());
  return parse_capabilities(*text, limits);
}

Version agreed_version(const ClientLimits& client) {
  return {protocol::kMajor, std::min(client.minor, protocol::kMinor)};
}

std::span<const std::byte> server_capabilities() {
  static const std::string text = json{
      {"capabilities",
       {{"max_msg_fds", protocol::kMaxDescriptors},
        {"max_data_xfer_size", protocol::kMaxDataTransfer},
        {"pgsizes", 4096},
        {"max_dma_maps", protocol::kMaxDmaMaps},
        {"write_multiple", true}}}}.dump();
  return std::as_bytes(std::span(text.c_str(), text.size() + 1));
}

}  // namespace mockdev::vfio_user
