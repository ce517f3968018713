// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include <algorithm>

#include <uuid/uuid.h>

namespace mockdev {
namespace {

// Made once at random for this project; changing it would give every default device a new identity.
constexpr uuid_t kNamespace = {0x6d, 0x1c, 0x9f, 0x52, 0x0b, 0x7e, 0x4b, 0x0e,
                               0x9a, 0x35, 0x81, 0xd4, 0xc2, 0x60, 0xfe, 0x17};

Uuid from_library(const uuid_t& raw) {
  Uuid::Bytes bytes;
  std::ranges::transform(raw, bytes.begin(), [](unsigned char c) { return std::byte{c}; });
  return Uuid(bytes);
}

}  // namespace

Result<Uuid> parse_uuid(std::string_view text) {
  uuid_t raw;
  if (uuid_parse_range(text.data(), text.data() + text.size(), raw) != 0) {
    return fail("{} is not a UUID, such as 123e4567-e89b-12d3-a456-426614174000", text);
  }
  return from_library(raw);
}

std::string to_string(const Uuid& uuid) {
  uuid_t raw;
  std::ranges::transform(uuid.bytes(), std::begin(raw),
                         [](std::byte b) { return std::to_integer<unsigned char>(b); });
  std::string text(UUID_STR_LEN, '\0');
  uuid_unparse_lower(raw, text.data());
  text.pop_back();  // the library's NUL
  return text;
}

Uuid uuid_of_name(std::string_view name) {
  uuid_t raw;
  uuid_generate_sha1(raw, kNamespace, name.data(), name.size());
  return from_library(raw);
}

}  // namespace mockdev
