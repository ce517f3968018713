// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

void declare(Command& command) {
  declare_request(command, "plug");
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device plug mock0", .meaning = "Puts a card that was pulled out back."},
}};

}  // namespace

constexpr Verb kPlug = {
    .name = "plug",
    .group = "Devices",
    .summary = "Puts a device back into its slot",
    .description =
        "The card starts as after power-on, without an owner and without VFs; faults that it had "
        "are still there. The machine hears of it from the slot.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
