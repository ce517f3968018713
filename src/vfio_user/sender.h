// SPDX-License-Identifier: Apache-2.0
// The outgoing half of a transport, shared by the threads that send on it.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <mutex>
#include <span>

#include "base/error.h"
#include "vfio_user/transport.h"

namespace mockdev::vfio_user {

/// Any thread may send: a message leaves whole, never mixed with another.
class Sender {
 public:
  explicit Sender(Transport& transport) : transport_(transport) {}

  [[nodiscard]] Result<void> send(std::initializer_list<std::span<const std::byte>> parts) {
    const std::lock_guard lock(mutex_);
    return transport_.send({parts.begin(), parts.size()});
  }

 private:
  std::mutex mutex_;
  Transport& transport_;
};

}  // namespace mockdev::vfio_user
