// SPDX-License-Identifier: Apache-2.0
#include "accel/passphrase.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <sys/random.h>

#include "mock_accel.h"

namespace mockdev::accel {
namespace {

// A word is a first half and a second half, such as "mistlark". Halves have three or four letters.
using Halves = std::array<std::string_view, 32>;

constexpr Halves kFirst = {"ash",  "bay",  "blue", "bold", "calm", "clay", "cold", "dawn",
                           "deep", "dry",  "dusk", "east", "fair", "far",  "fern", "gold",
                           "gray", "high", "iron", "ivy",  "lake", "lime", "low",  "mist",
                           "moon", "oak",  "old",  "pine", "red",  "salt", "snow", "west"};
constexpr Halves kSecond = {"arch", "barn", "bell", "bird", "boat", "cove", "crow", "dale",
                            "deer", "dove", "elk",  "fawn", "ford", "fox",  "glen", "hare",
                            "hawk", "hill", "kite", "lark", "loom", "mill", "moth", "owl",
                            "pond", "reed", "rook", "seal", "star", "swan", "tern", "wren"};

constexpr std::size_t kWords = kFirst.size() * kSecond.size();
static_assert(kWords == 1024, "a power of two, so that every word is equally likely");

std::string word(std::size_t number) {
  return fmt::format("{}{}", kFirst.at(number / kSecond.size()),
                     kSecond.at(number % kSecond.size()));
}

}  // namespace

std::vector<std::string> passphrase_words() {
  std::vector<std::string> words;
  words.reserve(kWords);
  for (std::size_t number = 0; number < kWords; ++number) words.push_back(word(number));
  return words;
}

Result<std::string> make_passphrase(std::size_t count) {
  if (count < MOCK_ACCEL_PASSPHRASE_MIN_WORDS || count > MOCK_ACCEL_PASSPHRASE_MAX_WORDS) {
    return fail("passphrase: {} words are not between {} and {}", count,
                MOCK_ACCEL_PASSPHRASE_MIN_WORDS, MOCK_ACCEL_PASSPHRASE_MAX_WORDS);
  }
  std::vector<std::uint16_t> chance(count);
  if (::getentropy(chance.data(), chance.size() * sizeof(std::uint16_t)) != 0) {
    return fail_errno("passphrase: random numbers", errno);
  }
  std::string phrase;
  for (const std::uint16_t number : chance) {
    if (!phrase.empty()) phrase += '-';
    phrase += word(number % kWords);
  }
  return phrase;
}

}  // namespace mockdev::accel
