// SPDX-License-Identifier: Apache-2.0
#include "kube/time.h"

#include <algorithm>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace mockdev::kube {

std::string second_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string micro_time(std::chrono::system_clock::time_point time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::floor<std::chrono::microseconds>(time - second);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(second)), rest.count());
}

std::optional<std::chrono::system_clock::time_point> parse_time(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') {
    rest = std::find_if_not(rest + 1, text.c_str() + text.size(),
                            [](char c) { return c >= '0' && c <= '9'; });
  }
  // Without this reset %z would keep what the call before found of the time zone.
  std::tm zone{};
  rest = *rest == '\0' ? nullptr : ::strptime(rest, "%z", &zone);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  using std::chrono::seconds;
  using Time = std::chrono::system_clock::time_point;
  const std::chrono::sys_seconds time(seconds(::timegm(&parts) - zone.tm_gmtoff));
  return std::clamp(time, std::chrono::ceil<seconds>(Time::min()),
                    std::chrono::floor<seconds>(Time::max()));
}

}  // namespace mockdev::kube
