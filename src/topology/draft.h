// SPDX-License-Identifier: Apache-2.0
// What a topology file says, key by key: without defaults, and before anything is looked at that
// holds between keys.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "accel/faults.h"
#include "topology/document.h"
#include "topology/topology.h"

namespace mockdev::topology {

/// Collects what is wrong with a file.
class Problems {
 public:
  void report(int line, std::string message);
  /// How many have been reported, to see later whether any came to it.
  [[nodiscard]] std::size_t count() const { return problems_.size() + unreported_; }
  /// All of them, or the first of very many and how many they are, in the order of lines.
  [[nodiscard]] std::vector<Problem> take();

 private:
  std::vector<Problem> problems_;
  std::size_t unreported_ = 0;
};

/// What the file says of one thing.
template <typename T>
struct Given {
  std::optional<T> value;  ///< empty: nothing, or nothing right
  int line = 0;            ///< where; 0: nowhere

  /// Given, but wrong, which has been reported: what depends on it is not worth a report.
  [[nodiscard]] bool wrong() const { return line != 0 && !value; }
};

struct FaultDraft {
  int line = 0;
  Given<const accel::FaultKind*> kind;
  Given<double> value;
  Given<unsigned> vf;
  Given<std::chrono::milliseconds> at;
  Given<std::chrono::milliseconds> lasts;
  Given<std::chrono::milliseconds> every;
};

struct DeviceDraft {
  int line = 0;
  Given<Uuid> uuid;
  Given<ByteCount> memory;
  Given<unsigned> vfs;
  Given<unsigned> numvfs;
  Given<ByteCount> vf_memory;
  Given<std::uint32_t> capabilities;
  Given<unsigned> slot;
  std::vector<FaultDraft> faults;
};

struct NumaDraft {
  int line = 0;
  Given<unsigned> id;
  std::vector<DeviceDraft> devices;
  bool counted = false;  ///< by a bare number
};

struct NodeDraft {
  int line = 0;
  Given<std::string> name;
  Given<unsigned> count;
  std::optional<std::vector<NumaDraft>> numa;
};

struct FileDraft {
  PciIds ids = kDefaultIds;
  Attach attach = kDefaultAttach;
  std::optional<std::vector<NodeDraft>> nodes;
  std::size_t devices = 0;  ///< in all of `nodes`, without their counts
};

/// Counts `more` devices on top of `devices`; whether they still fit into a topology. Reports the
/// first that do not.
[[nodiscard]] bool has_room(std::size_t& devices, std::size_t more, int line,
                            const std::string& path, Problems& problems);

[[nodiscard]] FileDraft read_draft(const Value& root, Problems& problems);

}  // namespace mockdev::topology
