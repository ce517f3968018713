// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <cerrno>
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

Result<void> write_and_flush(int fd, std::string_view content, unsigned mode) {
  if (::fchmod(fd, mode) != 0) return fail_errno("set permissions", errno);
  if (auto written = write_all(fd, content); !written) return written;
  if (::fsync(fd) != 0) return fail_errno("flush", errno);
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
  constexpr std::size_t kStep = 65536;
  while (true) {
    const std::size_t had = content.size();
    content.resize(had + kStep);
    const ssize_t got = ::read(fd.get(), content.data() + had, kStep);
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
  std::string temporary = path.native() + ".XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fail_errno(path, errno);
  if (auto written = write_and_flush(fd.get(), content, mode); !written) {
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

Result<void> keep_file(const std::filesystem::path& path, std::string_view content) {
  if (const auto present = read_file(path, ByteCount{content.size()});
      present && *present == content) {
    return {};
  }
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return fail("folder {}: {}", path.parent_path().native(), error.message());
  return write_file(path, content);
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
