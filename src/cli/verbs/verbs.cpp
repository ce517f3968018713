// SPDX-License-Identifier: Apache-2.0
#include "cli/verbs/verbs.h"

#include <array>

namespace mockdev::cli {

std::span<const Verb* const> all_verbs() {
  static constexpr std::array kVerbs = {
      &kUp,       &kDown,     &kRepair,    &kStatus,  &kExec,     &kConsole,
      &kLogs,     &kKubectl,  &kLoadImage, &kDevices, &kTopology, &kFault,
      &kHeal,     &kSchedule, &kPlug,      &kUnplug,  &kDoctor,   &kCompletion,
      &kComplete, &kMan,      &kReference, &kRelay,   &kNetwork,  &kCompatibility,
  };
  return kVerbs;
}

}  // namespace mockdev::cli
