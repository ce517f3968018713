// SPDX-License-Identifier: Apache-2.0
// Small files, read and written whole.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace mockdev {

/// The whole content of a regular file of at most `limit` bytes. Fails on anything else that the
/// path may name (a folder, a FIFO, a device), and on a longer file without reading it.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, ByteCount limit);

/// Puts `content` at `path` so that a reader sees the old file or the new one, never a part: it
/// is written beside, flushed and renamed. `mode` is the new file's permissions.
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path, std::string_view content,
                                      unsigned mode = 0644);

/// For files that whoever needs them has written again after a crash of the machine: as write_file,
/// but not flushed, in a folder that is made if it is not there. A file of this content is left as
/// it is; one that a crash has cut short is not of this content.
[[nodiscard]] Result<void> keep_file(const std::filesystem::path& path, std::string_view content);

/// The names in a folder, in no order. One that is not there has none.
[[nodiscard]] Result<std::vector<std::string>> names_in(const std::filesystem::path& folder);

}  // namespace mockdev
