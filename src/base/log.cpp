// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <cstdlib>
#include <memory>
#include <string>

#include <spdlog/sinks/stdout_sinks.h>

namespace mockdev {

Result<void> start_logging(std::string_view level) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  // from_str answers "off" to what it does not know.
  if (parsed == spdlog::level::off && level != "off") {
    return fail("log level {} is none of {}", level, kLogLevels);
  }
  auto logger =
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(parsed);
  const bool in_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  logger->set_pattern(in_journal ? "%l: %v" : "%Y-%m-%dT%H:%M:%S.%eZ %l: %v",
                      spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

}  // namespace mockdev
