// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

void declare(Command& command) {
  declare_request(command, "unplug");
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device unplug mock0", .meaning = "Pulls a card out of its running machine."},
}};

}  // namespace

constexpr Verb kUnplug = {
    .name = "unplug",
    .group = "Devices",
    .summary = "Pulls a device out of its slot",
    .description =
        "The card is gone at once, as one is that somebody pulls out by surprise: with its owner, "
        "its memory and its VFs. The machine hears of it from the slot. `mock-device plug` puts it "
        "back. Only devices on a fabric (`attach: fabric` in the topology) have slots.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
