// SPDX-License-Identifier: Apache-2.0
#include "lab/kmm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "lab/testing.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class KmmRecipe : public testing::Test {
 protected:
  KmmRecipe() {
    installation.data = folder.path();
    for (const char* const part : {"lab/kmm/build", "lab/go/toolchain", "lab/go/packages"}) {
      put(folder.path() / part, "text");
    }
  }

  static void put(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    ASSERT_TRUE(write_file(file, text));
  }

  [[nodiscard]] fs::path checkout(const std::string& name) const {
    const fs::path source = folder.path() / name;
    for (const char* const part : {"api", "api-hub", "cmd", "config", "internal"}) {
      put(source / part / "file", "text");
    }
    put(source / "go.mod", "module");
    return source;
  }

  [[nodiscard]] Result<Recipe> recipe(const fs::path& source) const {
    return kmm_recipe(source, installation, Builder::plain());
  }

  TemporaryFolder folder;
  ScopedVariable mirror{"MOCK_DEVICE_MIRROR", "http://mirror.example.com/debian"};
  Installation installation;
};

TEST_F(KmmRecipe, SaysWhereTheSourceIsToBeHad) {
  const auto made = recipe("");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("git clone https://github.com/kubernetes-sigs/"));
}

TEST_F(KmmRecipe, RefusesAFolderOfSomethingElse) {
  const auto made = recipe(folder.path() / "lab");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("no source of Kernel Module Management"));
}

TEST_F(KmmRecipe, DependsOnWhatIsBuiltAndNotOnWhereItIs) {
  const std::string key = recipe(checkout("one")).value().key;
  const fs::path other = checkout("two");
  put(other / "README.md", "not built");
  EXPECT_EQ(recipe(other).value().key, key);
  put(other / "cmd/file", "changed");
  EXPECT_NE(recipe(other).value().key, key);
}

TEST_F(KmmRecipe, TakesAnArchive) {
  put(folder.path() / "source.tar.gz", "archive");
  EXPECT_TRUE(recipe(folder.path() / "source.tar.gz"));
}

}  // namespace
}  // namespace mockdev::lab
