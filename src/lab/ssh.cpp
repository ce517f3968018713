// SPDX-License-Identifier: Apache-2.0
#include "lab/ssh.h"

namespace mockdev::lab {
namespace {

/// A path inside ssh_config, where '%' begins a token.
std::string ssh_escaped(std::string_view text) {
  std::string escaped_text;
  for (const char character : text) {
    escaped_text += character;
    if (character == '%') escaped_text += '%';
  }
  return escaped_text;
}

/// A path as an argument of its own, whatever is in it.
std::string quoted(const std::filesystem::path& path) {
  return "\"" + ssh_escaped(path.native()) + "\"";
}

}  // namespace

std::string ssh_config(const std::filesystem::path& program, const RunFolder& folder) {
  // %n is the node's name as it was given.
  const MachineFolder any = folder.machine("%n");
  const std::filesystem::path nodes = any.path.parent_path();
  return fmt::format(
      R"(# Of lab {}: ssh -F THIS-FILE NODE
Host *
  User root
  IdentityFile {}
  IdentitiesOnly yes
  BatchMode yes
  UserKnownHostsFile {}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  HostKeyAlias mock-device
  HostKeyAlgorithms ssh-ed25519
  KexAlgorithms curve25519-sha256
  ProxyCommand {} relay {}/%n/{}
  ControlPath "{}/%n/{}"
  ServerAliveInterval 60
  LogLevel ERROR
)",
      folder.lab(), quoted(folder.path() / "key"), quoted(folder.path() / "known_hosts"),
      ssh_escaped(shell_quote(program.native())), ssh_escaped(shell_quote(nodes.native())),
      any.ssh_socket().filename().native(), ssh_escaped(nodes.native()),
      any.shared_socket().filename().native());
}

Command ssh_command(const RunFolder& folder, std::string_view node,
                    const std::vector<std::string>& command, bool tty) {
  Command ssh{.argv = {"ssh", "-F", folder.ssh_config(), tty ? "-tt" : "-T", std::string(node)}};
  if (command.empty()) return ssh;
  ssh.argv.emplace_back("--");
  // ssh joins its arguments with spaces and the guest's shell reads the result.
  for (const std::string& word : command) ssh.argv.push_back(shell_quote(word));
  return ssh;
}

Command forwarding(const RunFolder& folder, std::string_view node, const std::string& target) {
  return {.argv = {"ssh", "-F", folder.ssh_config(), "-W", target, std::string(node)}};
}

Command shared_connection(const RunFolder& folder, std::string_view node) {
  return {.argv = {"ssh", "-F", folder.ssh_config(), "-N", "-M", std::string(node)}};
}

}  // namespace mockdev::lab
