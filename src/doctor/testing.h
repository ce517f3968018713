// SPDX-License-Identifier: Apache-2.0
// For tests only.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "doctor/report.h"

namespace mockdev::doctor {

/// The worst finding of a check; of equal ones the first.
inline Finding worst_finding(const Report& report, std::string_view id) {
  const Finding* worst = nullptr;
  for (const Finding& one : report.findings()) {
    if (one.id == id && (worst == nullptr || one.severity > worst->severity)) worst = &one;
  }
  if (worst == nullptr) throw std::runtime_error(std::string(id) + " has found nothing");
  return *worst;
}

}  // namespace mockdev::doctor
