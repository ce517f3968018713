// SPDX-License-Identifier: Apache-2.0
// Helpers for tests only.
#pragma once

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>

#include "base/uuid.h"
#include "topology/topology.h"

namespace mockdev::lab {

/// Sets an environment variable while it lives.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, const std::string& value) : name_(std::move(name)) {
    const char* const old = std::getenv(name_.c_str());
    had_ = old != nullptr;
    if (had_) old_ = old;
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~ScopedVariable() {
    if (had_) {
      ::setenv(name_.c_str(), old_.c_str(), 1);
    } else {
      ::unsetenv(name_.c_str());
    }
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ScopedVariable(ScopedVariable&&) = delete;
  ScopedVariable& operator=(ScopedVariable&&) = delete;

 private:
  std::string name_;
  std::string old_;
  bool had_ = false;
};

/// A node with so many devices on each of its NUMA nodes.
inline topology::Node node_with(std::initializer_list<unsigned> devices) {
  topology::Node node{.name = "node0", .numa = {}};
  unsigned number = 0;
  for (const unsigned count : devices) {
    topology::NumaNode numa{.id = static_cast<unsigned>(node.numa.size()), .devices = {}};
    for (unsigned slot = 1; slot <= count; ++slot) {
      const std::string name = fmt::format("mock{}", number++);
      numa.devices.push_back({.name = name,
                              .uuid = uuid_of_name(name),
                              .memory = 1_GiB,
                              .vfs = 0,
                              .vf_memory = 0_B,
                              .capabilities = 1,
                              .slot = slot});
    }
    node.numa.push_back(std::move(numa));
  }
  return node;
}

}  // namespace mockdev::lab
