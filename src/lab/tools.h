// SPDX-License-Identifier: Apache-2.0
// Programs that the lab needs from this computer, and how it becomes root in a tree.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/process.h"

namespace mockdev::lab {

/// Fails with the names of the programs that are missing and of the Debian packages they are in.
[[nodiscard]] Result<void> require_tools(std::initializer_list<std::string_view> programs);

/// Runs commands so that files may belong to root and other users, and so that all that they start
/// dies with them. root has it all; an ordinary user gets a user namespace with his own id as root
/// and his subordinate ids (/etc/subuid) as the others.
class Builder {
 public:
  /// Finds out what this computer allows. For an ordinary user who may not have a user namespace,
  /// the error says what is missing.
  [[nodiscard]] static Result<Builder> find();

  /// Without namespaces: everything stays as whoever runs it.
  [[nodiscard]] static Builder plain() { return Builder({}); }

  /// The command that runs `argv` as root of its namespace.
  [[nodiscard]] Command command(std::vector<std::string> argv) const;

 private:
  explicit Builder(std::vector<std::string> prefix) : prefix_(std::move(prefix)) {}

  std::vector<std::string> prefix_;
};

}  // namespace mockdev::lab
