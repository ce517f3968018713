// SPDX-License-Identifier: Apache-2.0
// Folders that take long to make and are kept: trees, images, modules.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "lab/progress.h"
#include "lab/tools.h"

namespace mockdev::lab {

/// What everybody who makes something has at hand. All of it outlives the work.
struct Work {
  const Builder& builder;
  const Interrupt& interrupt;
  Progress& progress;
};

/// One command of a recipe.
struct RecipeStep {
  std::string note;  ///< what it makes, for the person who waits
  Command command;
};

/// How a cached folder is made.
struct Recipe {
  std::string name;  ///< what it is, as part of its folder's name: "guest"
  std::string key;   ///< changes with all that goes into it
  /// What fills an empty folder, in order. The folder is renamed afterwards: nothing in it may have
  /// its path inside.
  std::function<std::vector<RecipeStep>(const std::filesystem::path& folder)> steps;
};

/// The key that stands for these texts in this order.
[[nodiscard]] std::string content_key(const std::vector<std::string>& contents);

/// A file, or the names and contents of all files below a folder, and which of them are programs:
/// for content_key.
[[nodiscard]] Result<std::string> content_of(const std::filesystem::path& path);

/// Recipes' folders below one root. Safe for any number of processes at a time.
class Cache {
 public:
  explicit Cache(std::filesystem::path root) : root_(std::move(root)) {}

  /// Where the folder is once it is made.
  [[nodiscard]] std::filesystem::path folder(const Recipe& recipe) const;
  [[nodiscard]] bool has(const Recipe& recipe) const;

  /// The recipe's folder, made now if it is not there: beside its place, and moved there when it is
  /// complete, so that no reader ever sees a part of it and nothing stays of an attempt that
  /// failed or was killed. Waits for another process that is making the same.
  [[nodiscard]] Result<std::filesystem::path> ensure(const Recipe& recipe, const Work& work) const;

  /// The lines of shell that `ensure` would run now.
  [[nodiscard]] std::vector<std::string> preview(const Recipe& recipe,
                                                 const Builder& builder) const;

 private:
  [[nodiscard]] std::filesystem::path beside(const Recipe& recipe, std::string_view suffix) const;
  [[nodiscard]] Result<void> make(const Recipe& recipe, const Work& work) const;

  std::filesystem::path root_;
};

/// The line of a failed program's output that tells the cause: a full disk, else the first error
/// as apt, mmdebstrap and compilers mark them, else the last line.
[[nodiscard]] std::string reason_of(std::string_view output);

}  // namespace mockdev::lab
