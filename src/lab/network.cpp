// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>

#include <poll.h>

#include "base/unix_listener.h"
#include "lab/cluster_network.h"
#include "lab/ethernet_switch.h"
#include "lab/lab.h"
#include "lab/node_proxy.h"
#include "lab/part_choice.h"
#include "lab/run_folder.h"
#include "lab/state.h"

namespace mockdev::lab {
namespace {

constexpr mode_t kOwnerOnly = 0600;

std::vector<NodeAddress> addresses_of(const LabState& state) {
  std::vector<NodeAddress> nodes;
  nodes.reserve(state.nodes.size());
  for (const NodeState& node : state.nodes) nodes.push_back(node_address(nodes.size(), node.name));
  return nodes;
}

}  // namespace

Result<void> run_network(std::string_view name) {
  const auto folder = RunFolder::of(name);
  if (!folder) return std::unexpected(folder.error());
  const auto state = read_state(*folder);
  if (!state) return std::unexpected(state.error());
  if (!*state || (*state)->nodes.empty()) return fail("lab {}: has no machines", name);
  const std::vector<NodeAddress> nodes = addresses_of(**state);

  const auto guests = UnixListener::open(folder->switch_socket(), kOwnerOnly);
  if (!guests) return std::unexpected(guests.error());
  const auto api_server = UnixListener::open(folder->kubernetes().egress_socket(), kOwnerOnly);
  if (!api_server) return std::unexpected(api_server.error());
  ::signal(SIGCHLD, SIG_IGN);  // nobody waits for the children of the proxy

  EthernetSwitch ethernet;
  while (true) {
    std::vector<pollfd> waits = ethernet.waits();
    waits.push_back({.fd = guests->fd(), .events = POLLIN, .revents = 0});
    waits.push_back({.fd = api_server->fd(), .events = POLLIN, .revents = 0});
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      return fail_errno("poll", errno);
    }
    waits.resize(waits.size() - 2);
    ethernet.serve(waits);
    if (UniqueFd guest = guests->accept()) ethernet.add(std::move(guest));
    if (UniqueFd client = api_server->accept()) serve_in_child(std::move(client), *folder, nodes);
  }
}

}  // namespace mockdev::lab
