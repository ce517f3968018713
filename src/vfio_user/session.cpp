// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "base/log.h"
#include "vfio_user/negotiation.h"

namespace mockdev::vfio_user {

namespace {

using protocol::bytes_of;
using protocol::Command;
using protocol::Header;
using protocol::load;
using protocol::RegionAccess;

/// Lines in the log about one client's bad requests.
constexpr unsigned kMaxComplaints = 10;

/// A reply with a region's data, in one piece so that it leaves in one cheap send. Registers fit on
/// the stack, which is left as it is: all that is sent is written first.
class DataReply {
 public:
  DataReply(const Header& request, const RegionAccess& access)
      : size_(sizeof(Start) + access.count) {
    if (size_ > few_.size()) many_ = std::make_unique_for_overwrite<std::byte[]>(size_);
    auto* start = reinterpret_cast<Start*>(bytes().data());
    start->header = protocol::reply_to(request, sizeof(access) + access.count);
    start->access = access;
  }

  [[nodiscard]] std::span<std::byte> bytes() { return {many_ ? many_.get() : few_.data(), size_}; }
  [[nodiscard]] std::span<std::byte> data() { return bytes().subspan(sizeof(Start)); }

 private:
  struct Start {
    Header header;
    RegionAccess access;
  };

  std::size_t size_;
  std::unique_ptr<std::byte[]> many_;  // never zeroed
  alignas(Start) std::array<std::byte, sizeof(Start) + 256> few_;
};

bool wants_reply(const Header& request) {
  return (request.flags & protocol::kNoReply) == 0;
}

}  // namespace

// REGION_READ and REGION_WRITE come first because row_of() looks from the front.
const std::array<Session::Row, 16> Session::kRows{{
    {Command::region_read, "REGION_READ", 16, 0, &Session::region_read},
    {Command::region_write, "REGION_WRITE", 16, 0, &Session::region_write},
    {Command::region_write_multi, "REGION_WRITE_MULTI", 8, 0, &Session::region_write_multi},
    {Command::version, "VERSION", 4, 0, &Session::version},
    {Command::dma_map, "DMA_MAP", 32, 1, &Session::dma_map},
    // SPDK sends the map's descriptor here too.
    {Command::dma_unmap, "DMA_UNMAP", 24, 1, &Session::dma_unmap},
    {Command::get_info, "GET_INFO", 16, 0, &Session::get_info},
    {Command::get_region_info, "GET_REGION_INFO", 32, 0, &Session::get_region_info},
    {Command::get_region_io_fds, "GET_REGION_IO_FDS", 16, 0, &Session::get_region_io_fds},
    {Command::get_irq_info, "GET_IRQ_INFO", 16, 0, &Session::get_irq_info},
    {Command::set_irqs, "SET_IRQS", 20, protocol::kMostDescriptors, &Session::set_irqs},
    {Command::reset, "RESET", 0, 0, &Session::reset},
    // Devices here have no state to migrate, which is what these are about.
    {Command::dirty_pages, "DIRTY_PAGES", 0, 0, &Session::unsupported},
    {Command::device_feature, "DEVICE_FEATURE", 0, 0, &Session::unsupported},
    {Command::migration_read, "MIG_DATA_READ", 0, 0, &Session::unsupported},
    {Command::migration_write, "MIG_DATA_WRITE", 0, 0, &Session::unsupported},
}};

const Session::Row* Session::row_of(std::uint16_t command) {
  const auto* const row =
      std::ranges::find(kRows, command, [](const Row& r) { return std::to_underlying(r.command); });
  return row == kRows.end() ? nullptr : row;
}

std::string Session::name_of(std::uint16_t command) {
  const Row* row = row_of(command);
  return row == nullptr ? fmt::format("command {}", command) : std::string(row->name);
}

Session::Session(Transport& transport, Device& device, std::string_view name,
                 std::chrono::milliseconds dma_patience)
    : transport_(transport),
      device_(device),
      name_(name),
      reader_(transport, protocol::kMaxMessage),
      sender_(transport),
      remote_memory_(sender_, dma_patience),
      irqs_(device.irqs()) {}

Result<void> Session::serve() {
  serving_thread_ = std::this_thread::get_id();
  auto served = serve_messages();
  // First all that the device's threads may wait for ends, then the device is told.
  transport_.shut_down();
  remote_memory_.close();
  if (negotiated_) device_.disconnected();
  return served;
}

Result<void> Session::serve_messages() {
  for (;;) {
    auto next = reader_.next();
    if (!sent_) return sent_;
    if (!next) return std::unexpected(std::move(next.error()));
    Message* const message = *next;
    if (message == nullptr) return {};
    if (auto served = serve_message(*message); !served) return served;
  }
}

Result<void> Session::serve_message(Message& message) {
  switch (const std::uint32_t type = message.header.flags & protocol::kTypeMask; type) {
    case protocol::kTypeCommand:
      return serve_command(message);
    case protocol::kTypeReply:
      if (const auto taken = remote_memory_.deliver(message); !taken) {
        complain("reply", taken.error().message);
      }
      return {};
    default:
      return fail("message type {} is neither command (0) nor reply (1)", type);
  }
}

Result<void> Session::serve_command(Message& message) {
  const Outcome outcome = carry_out(message);
  if (outcome) return {};
  if (wants_reply(message.header)) {
    const Header no = protocol::error_reply_to(message.header, outcome.error().error_number);
    note(sender_.send({bytes_of(no)}));
  }
  const std::string name = name_of(message.header.command);
  if (!negotiated_) return fail("{}: {}", name, outcome.error().reason);
  complain(name, outcome.error().reason);
  return {};
}

Outcome Session::carry_out(Message& message) {
  const Row* row = row_of(message.header.command);
  if (!negotiated_ && (row == nullptr || row->command != Command::version)) {
    return refuse(EINVAL, "the first message is not VERSION");
  }
  if (row == nullptr) return refuse(EINVAL, "not a command that a server takes");
  if (message.body.size() < row->least_body) {
    return refuse(EINVAL, "a body of {} bytes is shorter than {}", message.body.size(),
                  row->least_body);
  }
  if (message.fds_lost) {
    return refuse(EMFILE, "descriptors were lost: the process has no room for more");
  }
  if (message.fds.size() > row->most_fds) {
    return refuse(EINVAL, "{} descriptors came with it, and it takes {}", message.fds.size(),
                  row->most_fds);
  }
  return (this->*row->handle)(message);
}

Outcome Session::version(Message& message) {
  if (negotiated_) return refuse(EINVAL, "the version is agreed on already");
  const auto client = parse_version(message.body);
  if (!client) return std::unexpected(client.error());
  remote_memory_.set_max_transfer(client->max_data_transfer);
  negotiated_ = true;
  device_.connected(*this);
  reply(message.header, bytes_of(agreed_version(*client)), server_capabilities());
  return {};
}

Outcome Session::dma_map(Message& message) {
  UniqueFd fd = message.fds.empty() ? UniqueFd{} : std::move(message.fds.front());
  auto added = maps_.add(load<protocol::DmaMap>(message.body), std::move(fd));
  if (added) reply(message.header);
  return added;
}

Outcome Session::dma_unmap(Message& message) {
  const auto request = load<protocol::DmaUnmap>(message.body);
  auto removed = maps_.remove(request);
  if (removed) reply(message.header, bytes_of(request));
  return removed;
}

Outcome Session::get_info(Message& message) {
  const protocol::DeviceInfo info{
      .argsz = sizeof(info),
      .flags = protocol::kDeviceResets | protocol::kDeviceIsPci,
      .regions = static_cast<std::uint32_t>(device_.regions().size()),
      .irqs = static_cast<std::uint32_t>(device_.irqs().size()),
  };
  if (const auto argsz = load<std::uint32_t>(message.body); argsz < sizeof(info)) {
    return refuse(EINVAL, "argsz {} is below {}", argsz, sizeof(info));
  }
  reply(message.header, bytes_of(info));
  return {};
}

Outcome Session::get_region_info(Message& message) {
  const auto request = load<protocol::RegionInfo>(message.body);
  const auto regions = device_.regions();
  if (request.argsz < sizeof(request)) return refuse(EINVAL, "argsz {} is below 32", request.argsz);
  if (request.index >= regions.size()) {
    return refuse(EINVAL, "region {} of {}", request.index, regions.size());
  }
  const Region& region = regions[request.index];
  const protocol::RegionInfo info{
      .argsz = sizeof(info),
      .flags = (region.readable ? protocol::kRegionReads : 0) |
               (region.writable ? protocol::kRegionWrites : 0),
      .index = request.index,
      .capabilities = 0,
      .size = region.size.value(),
      .offset = 0,
  };
  reply(message.header, bytes_of(info));
  return {};
}

Outcome Session::get_region_io_fds(Message& message) {
  const auto request = load<protocol::RegionIoFds>(message.body);
  if (request.argsz < sizeof(request)) return refuse(EINVAL, "argsz {} is below 16", request.argsz);
  if (request.index >= device_.regions().size()) {
    return refuse(EINVAL, "region {} of {}", request.index, device_.regions().size());
  }
  const protocol::RegionIoFds none{
      .argsz = sizeof(none), .flags = 0, .index = request.index, .count = 0};
  reply(message.header, bytes_of(none));
  return {};
}

Outcome Session::get_irq_info(Message& message) {
  const auto request = load<protocol::IrqInfo>(message.body);
  const auto irqs = device_.irqs();
  if (request.argsz < sizeof(request)) return refuse(EINVAL, "argsz {} is below 16", request.argsz);
  if (request.index >= irqs.size()) {
    return refuse(EINVAL, "index {} of {}", request.index, irqs.size());
  }
  const IrqIndex& irq = irqs[request.index];
  const protocol::IrqInfo info{
      .argsz = sizeof(info),
      .flags =
          irq.count == 0 ? 0 : protocol::kIrqEventfd | (irq.maskable ? protocol::kIrqMaskable : 0),
      .index = request.index,
      .count = irq.count,
  };
  reply(message.header, bytes_of(info));
  return {};
}

Outcome Session::set_irqs(Message& message) {
  auto set = irqs_.set(message.body, message.fds);
  if (set) reply(message.header);
  return set;
}

/// An access lies within a region that there is, and is not larger than a message can be.
Outcome Session::check(std::uint64_t offset, std::uint32_t region, std::uint32_t count,
                       std::uint32_t most) const {
  const auto regions = device_.regions();
  if (region >= regions.size()) return refuse(EINVAL, "region {} of {}", region, regions.size());
  const std::uint64_t size = regions[region].size.value();
  if (offset > size || count > size - offset) {
    return refuse(EINVAL, "{} bytes at {:#x} are not within region {} of {:#x} bytes", count,
                  offset, region, size);
  }
  if (count > most) return refuse(EINVAL, "{} bytes at once are more than {}", count, most);
  return {};
}

Outcome Session::region_read(Message& message) {
  const auto access = load<RegionAccess>(message.body);
  if (auto checked = check(access.offset, access.region, access.count, protocol::kMaxDataTransfer);
      !checked) {
    return checked;
  }
  DataReply reply(message.header, access);
  if (!device_.regions()[access.region].readable) {
    std::ranges::fill(reply.data(), std::byte{0});
  } else if (access.count > 0) {
    device_.read(access.region, access.offset, reply.data());
  }
  if (wants_reply(message.header)) note(sender_.send({reply.bytes()}));
  return {};
}

Outcome Session::region_write(Message& message) {
  const auto access = load<RegionAccess>(message.body);
  const auto data = message.body.subspan(sizeof(access));
  if (auto checked = check(access.offset, access.region, access.count, protocol::kMaxDataTransfer);
      !checked) {
    return checked;
  }
  if (data.size() != access.count) {
    return refuse(EINVAL, "{} bytes of data, declared as {}", data.size(), access.count);
  }
  write(access, data);
  reply(message.header, bytes_of(access));
  return {};
}

Outcome Session::region_write_multi(Message& message) {
  using protocol::MultiWrite;
  const auto count = load<std::uint64_t>(message.body);
  const auto writes = message.body.subspan(sizeof(count));
  if (count > writes.size() / sizeof(MultiWrite)) {
    return refuse(EINVAL, "{} writes in {} bytes", count, writes.size());
  }
  const auto write_at = [&](std::uint64_t i) {
    return load<MultiWrite>(writes.subspan(i * sizeof(MultiWrite)));
  };
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto one = write_at(i);
    auto checked = check(one.offset, one.region, one.count, sizeof(one.data));
    if (!checked) return checked;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto one = write_at(i);
    write({one.offset, one.region, one.count}, std::span(one.data).first(one.count));
  }
  reply(message.header, bytes_of(count));
  return {};
}

/// Carries out a write that was checked.
void Session::write(const RegionAccess& access, std::span<const std::byte> data) {
  if (data.empty() || !device_.regions()[access.region].writable) return;
  device_.write(access.region, access.offset, data);
}

Outcome Session::reset(Message& message) {
  device_.reset();
  reply(message.header);
  return {};
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): a handler like the others
Outcome Session::unsupported(Message& /*message*/) {
  return refuse(ENOTTY, "not supported");
}

void Session::reply(const Header& request, std::span<const std::byte> body,
                    std::span<const std::byte> more) {
  if (!wants_reply(request)) return;
  const Header header = protocol::reply_to(request, body.size() + more.size());
  note(sender_.send({bytes_of(header), body, more}));
}

/// A client that got one reply too few waits for ever, so a failed send ends the connection.
void Session::note(Result<void> sent) {
  if (sent || !sent_) return;
  sent_ = std::move(sent);
  transport_.shut_down();
}

void Session::complain(std::string_view about, std::string_view reason) {
  if (++complaints_ <= kMaxComplaints) log::warn("{}: {}: {}", name_, about, reason);
  if (complaints_ == kMaxComplaints) {
    log::warn("{}: more of this client's bad requests are left out", name_);
  }
}

void Session::trigger(std::uint32_t index, std::uint32_t vector) {
  irqs_.trigger(index, vector);
}

Result<void> Session::dma_read(GuestAddress from, std::span<std::byte> into) {
  while (!into.empty()) {
    const auto step = maps_.read(from, into);
    if (!step) return std::unexpected(step.error());
    if (step->by_message) {
      if (auto can = may_wait(from); !can) return can;
      if (auto read = remote_memory_.read(from, into.first(step->bytes)); !read) return read;
    }
    from = GuestAddress{static_cast<std::uint64_t>(from) + step->bytes};
    into = into.subspan(step->bytes);
  }
  return {};
}

Result<void> Session::dma_write(GuestAddress to, std::span<const std::byte> data) {
  while (!data.empty()) {
    const auto step = maps_.write(to, data);
    if (!step) return std::unexpected(step.error());
    if (step->by_message) {
      if (auto can = may_wait(to); !can) return can;
      if (auto written = remote_memory_.write(to, data.first(step->bytes)); !written) {
        return written;
      }
    }
    to = GuestAddress{static_cast<std::uint64_t>(to) + step->bytes};
    data = data.subspan(step->bytes);
  }
  return {};
}

Result<void> Session::dma_copy(GuestAddress from, GuestAddress to, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    const auto copied = maps_.copy(from, to, buffer.size());
    if (!copied) return std::unexpected(copied.error());
    if (*copied == 0) {
      if (auto read = dma_read(from, buffer); !read) return read;
      return dma_write(to, buffer);
    }
    from = GuestAddress{static_cast<std::uint64_t>(from) + *copied};
    to = GuestAddress{static_cast<std::uint64_t>(to) + *copied};
    buffer = buffer.subspan(*copied);
  }
  return {};
}

/// The thread that serves the client is the one that would receive the reply.
Result<void> Session::may_wait(GuestAddress address) const {
  if (std::this_thread::get_id() != serving_thread_.load()) return {};
  return fail(
      "client memory at {:#x} has no descriptor and can't be used while a request is served",
      static_cast<std::uint64_t>(address));
}

}  // namespace mockdev::vfio_user
