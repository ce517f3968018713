// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>

#include "cli/progress_line.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

struct Options {
  std::optional<std::string> lab;
  std::filesystem::path archive;
};

Result<Exit> run(const Options& options, Console& console) {
  const auto name = find_lab(options.lab);
  if (!name) return std::unexpected(name.error());
  const auto progress = make_progress(console);
  if (auto done = lab::load_image(*name, options.archive, *progress); !done) {
    return std::unexpected(done.error());
  }
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_lab(command, options->lab);
  command
      .value("ARCHIVE", parse_path, options->archive, "ARCHIVE",
             "The image, as `docker save` or skopeo write it.", {.kind = Values::Kind::files})
      .required();
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device load-image build/images/mock-accel-dra-driver.tar",
     .meaning = "Gives the DRA driver to the nodes."},
}};

}  // namespace

constexpr Verb kLoadImage = {
    .name = "load-image",
    .group = "Labs",
    .summary = "Gives a container image to the nodes of a lab",
    .description =
        "Pods find the image by the name that it has in the archive, if their imagePullPolicy is "
        "IfNotPresent or Never. No registry takes part.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
