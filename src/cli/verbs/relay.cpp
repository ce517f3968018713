// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

void declare(Command& command) {
  const auto socket = std::make_shared<std::filesystem::path>();
  command.value("SOCKET", parse_text, *socket, "SOCKET", "The socket.").required();
  command.runs([socket](Console&, const Program&) -> Result<Exit> {
    if (auto done = lab::relay(*socket); !done) return std::unexpected(done.error());
    return Exit::success;
  });
}

}  // namespace

constexpr Verb kRelay = {
    .name = "relay",
    .group = "",
    .summary = "Connects standard input and output to a UNIX socket",
    .description = "",
    .examples = {},
    .declare = declare,
};

}  // namespace mockdev::cli
