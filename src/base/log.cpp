// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <cstdlib>
#include <memory>
#include <string>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace mockdev {
namespace {

spdlog::level::level_enum library_level(log::Level level) {
  switch (level) {
    case log::Level::debug:
      return spdlog::level::debug;
    case log::Level::info:
      return spdlog::level::info;
    case log::Level::warning:
      return spdlog::level::warn;
    case log::Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::critical;
}

}  // namespace

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

bool log::enabled(Level level) {
  return spdlog::should_log(library_level(level));
}

void log::write(Level level, std::string_view text) {
  spdlog::log(library_level(level), text);
}

}  // namespace mockdev
