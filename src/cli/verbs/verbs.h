// SPDX-License-Identifier: Apache-2.0
// The table of verbs. Each has a file of its own.
#pragma once

#include <span>

#include "cli/command.h"

namespace mockdev::cli {

// Labs.
extern const Verb kUp;
extern const Verb kDown;
extern const Verb kRepair;
extern const Verb kStatus;
extern const Verb kExec;
extern const Verb kConsole;
extern const Verb kLogs;
extern const Verb kKubectl;
extern const Verb kLoadImage;
// Devices.
extern const Verb kDevices;
extern const Verb kTopology;
extern const Verb kFault;
extern const Verb kHeal;
extern const Verb kSchedule;
extern const Verb kPlug;
extern const Verb kUnplug;
// Health.
extern const Verb kDoctor;
// Shells.
extern const Verb kCompletion;
// For programs.
extern const Verb kComplete;
extern const Verb kMan;
extern const Verb kReference;
extern const Verb kRelay;
extern const Verb kNetwork;
extern const Verb kCompatibility;

/// All of them, in the order in which help shows them.
[[nodiscard]] std::span<const Verb* const> all_verbs();

}  // namespace mockdev::cli
