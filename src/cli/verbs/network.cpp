// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

void declare(Command& command) {
  const auto lab = std::make_shared<std::string>();
  command.value("LAB", parse_text, *lab, "LAB", "The lab.").required();
  command.runs([lab](Console&, const Program&) -> Result<Exit> {
    if (auto done = lab::run_network(*lab); !done) return std::unexpected(done.error());
    return Exit::success;
  });
}

}  // namespace

constexpr Verb kNetwork = {
    .name = "network",
    .group = "",
    .summary = "Is the network of a cluster's machines",
    .description = "",
    .examples = {},
    .declare = declare,
};

}  // namespace mockdev::cli
