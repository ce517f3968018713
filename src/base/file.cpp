// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace mockdev {
namespace {

Result<void> write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return fail_errno("write", errno);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

enum class Flush : std::uint8_t { no, yes };

Result<void> fill(int fd, std::string_view content, unsigned mode, Flush flush) {
  if (::fchmod(fd, mode) != 0) return fail_errno("set permissions", errno);
  if (auto written = write_all(fd, content); !written) return written;
  if (flush == Flush::yes && ::fsync(fd) != 0) return fail_errno("flush", errno);
  return {};
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view content,
                          unsigned mode, Flush flush) {
  std::string temporary = path.native() + ".XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fail_errno(path, errno);
  if (auto written = fill(fd.get(), content, mode, flush); !written) {
    ::unlink(temporary.c_str());
    return with_context(path, written.error());
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int rename_error = errno;
    ::unlink(temporary.c_str());
    return fail_errno(path, rename_error);
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, ByteCount limit) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_errno(path, errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(path, errno);
  if (!S_ISREG(status.st_mode)) return fail("{}: not a regular file", path.native());

  // Not st_size: files of sysfs and procfs lie about it.
  std::string content;
  constexpr std::size_t kFirstStep = 4096;  // all that an attribute of sysfs can have
  for (std::size_t step = kFirstStep;; step *= 2) {
    const std::size_t had = content.size();
    content.resize(had + step);
    const ssize_t got = ::read(fd.get(), content.data() + had, step);
    content.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(path, errno);
    if (content.size() > limit.value()) {
      return fail("{}: larger than the {} that are read at most", path.native(), limit);
    }
    if (got == 0) return content;
  }
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content,
                        unsigned mode) {
  return replace_file(path, content, mode, Flush::yes);
}

Result<void> keep_file(const std::filesystem::path& path, std::string_view content) {
  if (const auto present = read_file(path, ByteCount{content.size()});
      present && *present == content) {
    return {};
  }
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return fail("folder {}: {}", path.parent_path().native(), error.message());
  constexpr unsigned kForAllToRead = 0644;
  return replace_file(path, content, kForAllToRead, Flush::no);
}

Result<std::vector<std::string>> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error);
       !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
    names.push_back(entry->path().filename().native());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail("folder {}: {}", folder.native(), error.message());
  }
  return names;
}

}  // namespace mockdev
