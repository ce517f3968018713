// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/irqs.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mockdev::vfio_user {

namespace {

using protocol::kIrqActionMask;
using protocol::kIrqActionTrigger;
using protocol::kIrqActionUnmask;
using protocol::kIrqDataBool;
using protocol::kIrqDataEventfd;
using protocol::kIrqDataNone;
using protocol::SetIrqs;

/// Eventfds live on an inode without a type; files, pipes, sockets and devices have one. What else
/// has none can't be written to, or fails at once.
bool may_be_eventfd(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == 0;
}

}  // namespace

const std::array<Irqs::Form, 7> Irqs::kForms{{
    {kIrqDataNone | kIrqActionTrigger, false, &Irqs::fire_or_drop},
    {kIrqDataBool | kIrqActionTrigger, false, &Irqs::fire_chosen},
    {kIrqDataEventfd | kIrqActionTrigger, false, &Irqs::assign},
    {kIrqDataNone | kIrqActionMask, true, &Irqs::mask},
    {kIrqDataBool | kIrqActionMask, true, &Irqs::mask},
    {kIrqDataNone | kIrqActionUnmask, true, &Irqs::unmask},
    {kIrqDataBool | kIrqActionUnmask, true, &Irqs::unmask},
}};

Irqs::Irqs(std::span<const IrqIndex> indexes) {
  indexes_.reserve(indexes.size());
  for (const IrqIndex& index : indexes) indexes_.push_back({index.count, index.maskable, {}});
}

Outcome Irqs::set(std::span<const std::byte> body, std::span<UniqueFd> fds) {
  const auto set = protocol::load<SetIrqs>(body);
  const auto data = body.subspan(sizeof(set));
  const auto* const form = std::ranges::find(kForms, set.flags, &Form::flags);
  if (form == kForms.end()) {
    return refuse(EINVAL, "flags {:#x} are not one kind of data and one action", set.flags);
  }
  if (set.index >= indexes_.size()) {
    return refuse(EINVAL, "index {} of {}", set.index, indexes_.size());
  }
  const bool has_booleans = (set.flags & kIrqDataBool) != 0;
  const Request request{indexes_[set.index], set.start, set.count,
                        has_booleans ? data : std::span<const std::byte>{}, fds};
  if (auto checked = check(set, *form, request, data.size()); !checked) return checked;
  const std::lock_guard lock(mutex_);
  if (request.index.vectors.empty()) request.index.vectors.resize(request.index.count);
  form->act(request);
  return {};
}

Outcome Irqs::check(const SetIrqs& set, const Form& form, const Request& request,
                    std::size_t booleans) {
  const Index& index = request.index;
  const bool drops_all = set.flags == (kIrqDataNone | kIrqActionTrigger) && set.count == 0;
  if (set.argsz < sizeof(set)) return refuse(EINVAL, "argsz {} is below 20", set.argsz);
  if (set.start > index.count || set.count > index.count - set.start ||
      (set.count == 0 && (!drops_all || set.start != 0))) {
    return refuse(EINVAL, "{} vectors from {} of index {}, which has {}", set.count, set.start,
                  set.index, index.count);
  }
  if ((set.flags & kIrqDataBool) != 0 && booleans < set.count) {
    return refuse(EINVAL, "{} booleans for {} vectors", booleans, set.count);
  }
  if (form.needs_maskable && !index.maskable) {
    return refuse(EINVAL, "index {} can't be masked", set.index);
  }
  const bool takes_fds = (set.flags & kIrqDataEventfd) != 0;
  if (!request.fds.empty() && (!takes_fds || request.fds.size() != set.count)) {
    return refuse(EINVAL, "{} descriptors for {} vectors, flags {:#x}", request.fds.size(),
                  set.count, set.flags);
  }
  if (!std::ranges::all_of(request.fds, may_be_eventfd, &UniqueFd::get)) {
    return refuse(EINVAL, "a descriptor is not an eventfd");
  }
  return {};
}

void Irqs::fire_or_drop(const Request& request) {
  if (request.count == 0) {
    request.index.vectors.clear();
  } else {
    fire_chosen(request);
  }
}

void Irqs::fire_chosen(const Request& request) {
  for (std::uint32_t i = 0; i < request.count; ++i) {
    if (request.chooses(i)) fire(request.index.vectors[request.start + i]);
  }
}

void Irqs::assign(const Request& request) {
  for (std::uint32_t i = 0; i < request.count; ++i) {
    Vector& vector = request.index.vectors[request.start + i];
    vector.eventfd = request.fds.empty() ? UniqueFd{} : std::move(request.fds[i]);
    vector.may_block = vector.eventfd && (::fcntl(vector.eventfd.get(), F_GETFL) & O_NONBLOCK) == 0;
  }
}

void Irqs::mask(const Request& request) {
  for (std::uint32_t i = 0; i < request.count; ++i) {
    if (request.chooses(i)) request.index.vectors[request.start + i].masked = true;
  }
}

void Irqs::unmask(const Request& request) {
  for (std::uint32_t i = 0; i < request.count; ++i) {
    Vector& vector = request.index.vectors[request.start + i];
    if (!request.chooses(i)) continue;
    vector.masked = false;
    if (std::exchange(vector.pending, false)) fire(vector);
  }
}

void Irqs::fire(Vector& vector) {
  if (vector.masked) {
    vector.pending = true;
    return;
  }
  if (!vector.eventfd) return;
  // A full eventfd is one that the client has still to look at. Whoever signals it must not wait
  // for that, and the descriptor's mode is the client's to set.
  pollfd state{.fd = vector.eventfd.get(), .events = POLLOUT, .revents = 0};
  if (vector.may_block && (::poll(&state, 1, 0) != 1 || (state.revents & POLLOUT) == 0)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(vector.eventfd.get(), &one, sizeof(one));
}

void Irqs::trigger(std::uint32_t index, std::uint32_t vector) {
  const std::lock_guard lock(mutex_);
  if (index >= indexes_.size() || vector >= indexes_[index].vectors.size()) return;
  fire(indexes_[index].vectors[vector]);
}

}  // namespace mockdev::vfio_user
