// SPDX-License-Identifier: Apache-2.0
// Passphrases from a built-in list of words.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"

namespace mockdev::accel {

/// The list: 1,024 words of six to eight lower-case letters, each once; ten bits of chance a word.
[[nodiscard]] std::vector<std::string> passphrase_words();

/// `count` words, each drawn on its own from the kernel's random numbers, joined by '-'. Fails
/// unless `count` is MOCK_ACCEL_PASSPHRASE_MIN_WORDS to MOCK_ACCEL_PASSPHRASE_MAX_WORDS, and when
/// the kernel gives no random numbers.
[[nodiscard]] Result<std::string> make_passphrase(std::size_t count);

}  // namespace mockdev::accel
