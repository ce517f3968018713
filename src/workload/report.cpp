// SPDX-License-Identifier: Apache-2.0
#include "workload/report.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace mockdev::workload {
namespace {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) words.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return words;
}

}  // namespace

Result<std::vector<Given>> given_devices(const Variable& variable) {
  const char* const names = variable("MOCK_ACCEL_DEVICES");
  std::vector<Given> given;
  if (names == nullptr) return given;
  for (const std::string& name : split(names)) {
    const std::string of_uuid = fmt::format("MOCK_ACCEL_{}_UUID", given.size());
    Given device{.name = name, .uuid = std::nullopt};
    if (const char* const text = variable(of_uuid.c_str())) {
      const auto uuid = parse_uuid(text);
      if (!uuid) return with_context(of_uuid, uuid.error());
      device.uuid = *uuid;
    }
    given.push_back(std::move(device));
  }
  return given;
}

std::vector<std::string> strangers(const std::vector<std::string>& present,
                                   const std::vector<Given>& given) {
  std::vector<std::string> left;
  std::ranges::copy_if(present, std::back_inserter(left), [&](const std::string& name) {
    return std::ranges::find(given, name, &Given::name) == given.end();
  });
  return left;
}

}  // namespace mockdev::workload
