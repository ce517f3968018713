// SPDX-License-Identifier: Apache-2.0
// The client's interrupts: which eventfd is signalled for which vector.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "vfio_user/device.h"
#include "vfio_user/protocol.h"
#include "vfio_user/refusal.h"

namespace mockdev::vfio_user {

/// All members may be called from any thread.
class Irqs {
 public:
  explicit Irqs(std::span<const IrqIndex> indexes);

  /// SET_IRQS: `body` starts with a protocol::SetIrqs. The whole request is checked before anything
  /// is changed. Takes the descriptors that it needs out of `fds`.
  ///
  /// - trigger with descriptors: assigns them to vectors, with none: takes them away;
  /// - trigger with no data: fires vectors; with count 0: takes all of the index away;
  /// - trigger with booleans: fires those that are true;
  /// - mask and unmask, with no data or booleans, where the index is maskable: a masked vector
  ///   that fires does so when it is unmasked.
  [[nodiscard]] Outcome set(std::span<const std::byte> body, std::span<UniqueFd> fds);

  /// Signals a vector. Nothing happens if it has no descriptor.
  void trigger(std::uint32_t index, std::uint32_t vector);

 private:
  struct Vector {
    UniqueFd eventfd;
    bool may_block = false;  ///< the client left the eventfd in blocking mode
    bool masked = false;
    bool pending = false;  ///< fired while masked
  };
  struct Index {
    std::uint32_t count = 0;
    bool maskable = false;
    std::vector<Vector> vectors;  ///< none until one is assigned or masked
  };

  /// A request that was checked.
  struct Request {
    Index& index;
    std::uint32_t start = 0;
    std::uint32_t count = 0;
    std::span<const std::byte> chosen;  ///< booleans; empty: all
    std::span<UniqueFd> fds;

    [[nodiscard]] bool chooses(std::uint32_t i) const {
      return chosen.empty() || chosen[i] != std::byte{0};
    }
  };

  /// What SET_IRQS can say: one kind of data, one action.
  struct Form {
    std::uint32_t flags;
    bool needs_maskable;
    void (*act)(const Request&);
  };
  static const std::array<Form, 7> kForms;

  [[nodiscard]] static Outcome check(const protocol::SetIrqs& set, const Form& form,
                                     const Request& request, std::size_t booleans);
  static void fire_or_drop(const Request& request);
  static void fire_chosen(const Request& request);
  static void assign(const Request& request);
  static void mask(const Request& request);
  static void unmask(const Request& request);
  static void fire(Vector& vector);

  std::mutex mutex_;
  std::vector<Index> indexes_;
};

}  // namespace mockdev::vfio_user
