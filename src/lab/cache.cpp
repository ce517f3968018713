// SPDX-License-Identifier: Apache-2.0
#include "lab/cache.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include <unistd.h>

#include "base/file.h"
#include "base/uuid.h"
#include "lab/file_lock.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLockRetry{200};

Result<FileLock> wait_for_lock(const fs::path& path, const Work& work) {
  bool told = false;
  while (true) {
    auto lock = FileLock::try_take(path);
    if (!lock) return std::unexpected(lock.error());
    if (*lock) return std::move(**lock);
    if (!told) work.progress.note("waiting for another run that is making the same");
    told = true;
    if (work.interrupt.wait(kLockRetry)) return interrupted();
  }
}

/// A tree may have files of other users and, after a kill, of a program that mounted things:
/// neither may anything outside be touched.
Command removal(const Builder& builder, const fs::path& folder) {
  return builder.command({"rm", "-rf", "--one-file-system", folder});
}

/// mmdebstrap says what it begins in lines like "I: extracting archives...".
void note_line(const RecipeStep& step, std::string_view line, Progress& progress) {
  constexpr std::string_view kBefore = "I: ";
  constexpr std::string_view kAfter = "...";
  if (!line.starts_with(kBefore) || !line.ends_with(kAfter)) return;
  line.remove_prefix(kBefore.size());
  line.remove_suffix(kAfter.size());
  progress.note(fmt::format("{}: {}", step.note, line));
}

Result<void> run_step(const RecipeStep& step, const fs::path& log, const Work& work) {
  work.progress.note(step.note);
  const auto outcome =
      run(step.command, {.interrupt = &work.interrupt, .log = log, .on_line = [&](auto line) {
                           note_line(step, line, work.progress);
                         }});
  if (!outcome) return std::unexpected(outcome.error());
  if (outcome->exit_code == 0) return {};
  return fail("{}: {} (all of it: {})", step.note, reason_of(outcome->output), log.native());
}

}  // namespace

std::string content_key(const std::vector<std::string>& contents) {
  std::string all;
  // With its length before each, no two lists of texts look the same.
  for (const std::string& content : contents) all += fmt::format("{}\n{}", content.size(), content);
  return to_string(uuid_of_name(all));
}

Result<std::string> content_of(const fs::path& path) {
  std::vector<fs::path> files;
  std::error_code error;
  if (fs::is_regular_file(path, error)) files.push_back(path);
  for (auto entry = fs::recursive_directory_iterator(path, error);
       !error && entry != fs::recursive_directory_iterator{}; entry.increment(error)) {
    if (entry->is_regular_file(error)) files.push_back(entry->path());
  }
  if (error && files.empty()) return fail_errno(path, error.value());
  std::ranges::sort(files);
  std::string all;
  for (const fs::path& file : files) {
    const auto content = read_file(file, 16_MiB);
    if (!content) return std::unexpected(content.error());
    const bool is_program = ::access(file.c_str(), X_OK) == 0;
    all += fmt::format("{} {} {}\n{}", file.lexically_relative(path).native(), is_program,
                       content->size(), *content);
  }
  return all;
}

fs::path Cache::beside(const Recipe& recipe, std::string_view suffix) const {
  return root_ / fmt::format("{}-{}{}", recipe.name, recipe.key, suffix);
}

fs::path Cache::folder(const Recipe& recipe) const {
  return beside(recipe, "");
}

bool Cache::has(const Recipe& recipe) const {
  std::error_code ignored;
  return fs::is_directory(folder(recipe), ignored);
}

Result<fs::path> Cache::ensure(const Recipe& recipe, const Work& work) const {
  if (has(recipe)) return folder(recipe);
  std::error_code error;
  fs::create_directories(root_, error);
  if (error) return fail_errno(root_, error.value());
  const auto lock = wait_for_lock(beside(recipe, ".lock"), work);
  if (!lock) return std::unexpected(lock.error());
  if (has(recipe)) return folder(recipe);

  auto made = make(recipe, work);
  if (!made) {
    [[maybe_unused]] const auto cleaned = run(removal(work.builder, beside(recipe, ".tmp")));
    return std::unexpected(made.error());
  }
  return folder(recipe);
}

Result<void> Cache::make(const Recipe& recipe, const Work& work) const {
  const fs::path unfinished = beside(recipe, ".tmp");
  const fs::path log = beside(recipe, ".log");
  std::error_code error;
  fs::remove(log, error);
  // Left by a run that was killed.
  if (fs::exists(unfinished, error)) {
    const auto removed = run_checked(removal(work.builder, unfinished));
    if (!removed) return std::unexpected(removed.error());
  }
  if (!fs::create_directory(unfinished, error)) return fail_errno(unfinished, error.value());
  for (const RecipeStep& step : recipe.steps(unfinished)) {
    if (auto done = run_step(step, log, work); !done) return done;
  }
  fs::rename(unfinished, folder(recipe), error);
  if (error) return fail_errno(folder(recipe), error.value());
  return {};
}

std::vector<std::string> Cache::preview(const Recipe& recipe, const Builder& builder) const {
  if (has(recipe)) return {};
  const fs::path unfinished = beside(recipe, ".tmp");
  std::vector<std::string> lines;
  lines.push_back(to_string(removal(builder, unfinished)));
  lines.push_back(to_string(Command{.argv = {"mkdir", "-p", unfinished}}));
  for (const RecipeStep& step : recipe.steps(unfinished)) lines.push_back(to_string(step.command));
  lines.push_back(to_string(Command{.argv = {"mv", "-T", unfinished, folder(recipe)}}));
  return lines;
}

std::string reason_of(std::string_view output) {
  constexpr std::string_view kFull = "No space left on device";
  std::istringstream lines{std::string(output)};
  std::optional<std::string> first_error;
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(kFull) != std::string::npos) return line;
    if (!first_error && line.starts_with("E: ")) first_error = line.substr(3);
    if (!first_error && line.find(": error: ") != std::string::npos) first_error = line;
    if (!line.empty()) last = line;
  }
  return first_error.value_or(last);
}

}  // namespace mockdev::lab
