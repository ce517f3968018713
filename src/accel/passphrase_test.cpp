// SPDX-License-Identifier: Apache-2.0
#include "accel/passphrase.h"

#include <algorithm>
#include <ranges>
#include <set>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mock_accel.h"

namespace mockdev::accel {
namespace {

using testing::SizeIs;

std::vector<std::string> words_of(std::string_view phrase) {
  std::vector<std::string> words;
  for (const auto part : std::views::split(phrase, '-')) {
    words.emplace_back(part.begin(), part.end());
  }
  return words;
}

TEST(PassphraseTest, TheListHas1024DifferentShortLowerCaseWords) {
  const auto words = passphrase_words();
  EXPECT_THAT(std::set(words.begin(), words.end()), SizeIs(1024));
  for (const std::string& word : words) {
    EXPECT_THAT(word, testing::MatchesRegex("[a-z]{3,8}"));
  }
}

TEST(PassphraseTest, HasTheNumberOfWordsAskedForAllFromTheList) {
  const auto list = passphrase_words();
  for (std::size_t count = MOCK_ACCEL_PASSPHRASE_MIN_WORDS;
       count <= MOCK_ACCEL_PASSPHRASE_MAX_WORDS; ++count) {
    const auto phrase = make_passphrase(count);
    ASSERT_TRUE(phrase);
    EXPECT_LT(phrase->size(), std::size_t{MOCK_ACCEL_PASSPHRASE_SIZE});
    const auto words = words_of(*phrase);
    EXPECT_THAT(words, SizeIs(count));
    for (const std::string& word : words)
      EXPECT_TRUE(std::ranges::find(list, word) != list.end()) << word;
  }
}

TEST(PassphraseTest, OtherNumbersOfWordsAreRefused) {
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{3}, std::size_t{13}, ~std::size_t{0}}) {
    EXPECT_FALSE(make_passphrase(count));
  }
}

TEST(PassphraseTest, TwoAreNotTheSame) {
  EXPECT_NE(*make_passphrase(12), *make_passphrase(12));
}

TEST(PassphraseTest, EveryWordComesUp) {
  std::set<std::string> seen;
  for (int round = 0; round < 2'000; ++round) {
    for (std::string& word : words_of(*make_passphrase(12))) seen.insert(std::move(word));
  }
  EXPECT_THAT(seen, SizeIs(1024));  // missing one by chance: less than once in ten million runs
}

}  // namespace
}  // namespace mockdev::accel
