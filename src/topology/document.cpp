// SPDX-License-Identifier: Apache-2.0
#include "topology/document.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace mockdev::topology {
namespace {

/// Characters of a text that an error message repeats.
constexpr std::size_t kShownLength = 60;

int line_of(const YAML::Mark& mark) {
  return mark.is_null() ? 0 : mark.line + 1;
}

/// Bytes of the UTF-8 character that `text` begins with; 0 if it begins with none. The ranges are
/// those of the Unicode standard's table 3-7.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !continues(1)) return 0;
  if (first < 0xe0) return 2;
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first < 0xf0) return continues(2) ? 3 : 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return continues(2) && continues(3) ? 4 : 0;
}

bool is_control(unsigned char c) {
  return (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
}

/// Whether a terminal would do something else than draw `character` (C0, DEL, C1, or no UTF-8).
bool moves_cursor(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 2)
    return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
  return character.size() == 1 && (first < 0x20 || first >= 0x7f);
}

/// The library takes zero bytes for a sign of UTF-16 and replaces what it can't decode in silence:
/// both are refused before it sees them.
std::optional<DocumentError> check_characters(std::string_view yaml) {
  int line = 1;
  while (!yaml.empty()) {
    const std::size_t length = utf8_length(yaml);
    const auto first = static_cast<unsigned char>(yaml.front());
    if (length == 0) return DocumentError{.line = line, .message = "not UTF-8 text"};
    if (is_control(first)) {
      return DocumentError{.line = line,
                           .message = fmt::format("control character 0x{:02x} in the text", first)};
    }
    if (first == '\n') ++line;
    yaml.remove_prefix(length);
  }
  return std::nullopt;
}

/// Makes values of the library's events. Refuses by throwing the library's own exception, which is
/// the only way to stop it.
class Builder final : public YAML::EventHandler {
 public:
  /// The document's value once all events are there.
  [[nodiscard]] std::shared_ptr<const Value> root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, make(Value::Kind::nothing, mark, anchor), 1);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& text) override {
    if (!open_.empty() && open_.back().value->kind == Value::Kind::map && !open_.back().key) {
      open_.back().key = text;
      open_.back().key_line = line_of(mark);
      return;
    }
    auto value = make(Value::Kind::text, mark, anchor);
    value->text = text;
    add(mark, std::move(value), 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) throw YAML::ParserException(mark, "alias of nothing");
    // A value that is still open has no size yet.
    if (found->second.size == 0) throw YAML::ParserException(mark, "value that contains itself");
    add(mark, found->second.value, found->second.size);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Value::Kind::list, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Value::Kind::map, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map whose end has not come yet.
  struct Open {
    std::shared_ptr<Value> value;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::size_t size = 1;            ///< values in it, with itself
    std::optional<std::string> key;  ///< that waits for its value
    int key_line = 0;
  };
  struct Anchored {
    std::shared_ptr<const Value> value;
    std::size_t size = 0;
  };

  std::shared_ptr<Value> make(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (expects_key()) throw YAML::ParserException(mark, "a key has to be a word");
    auto value = std::make_shared<Value>();
    value->kind = kind;
    value->line = line_of(mark);
    const bool complete = kind == Value::Kind::nothing || kind == Value::Kind::text;
    if (anchor != 0) anchored_[anchor] = {.value = value, .size = complete ? 1U : 0U};
    return value;
  }

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().value->kind == Value::Kind::map && !open_.back().key;
  }

  void open(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (open_.size() == kMaxDepth) {
      throw YAML::ParserException(mark,
                                  fmt::format("lists and maps nested over {} deep", kMaxDepth));
    }
    open_.push_back({.value = make(kind, mark, anchor),
                     .mark = mark,
                     .anchor = anchor,
                     .size = 1,
                     .key = std::nullopt,
                     .key_line = 0});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) anchored_[done.anchor].size = done.size;
    add(done.mark, std::move(done.value), done.size);
  }

  void add(const YAML::Mark& mark, std::shared_ptr<const Value> value, std::size_t size) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (expects_key()) throw YAML::ParserException(mark, "a key has to be a word");
    parent.size += size;
    if (parent.size > kMaxValues) {
      throw YAML::ParserException(mark, fmt::format("more than {} values", kMaxValues));
    }
    if (parent.value->kind == Value::Kind::map) {
      parent.value->entries.push_back(
          {.key = *parent.key, .line = parent.key_line, .value = std::move(value)});
      parent.key.reset();
    } else {
      parent.value->items.push_back(std::move(value));
    }
  }

  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchored_;
  std::shared_ptr<const Value> root_ = std::make_shared<Value>();
};

}  // namespace

std::expected<std::shared_ptr<const Value>, DocumentError> read_document(std::string_view yaml) {
  if (auto error = check_characters(yaml)) return std::unexpected(*error);
  try {
    // Without empty lines at the end, behind which the library overlooks that a quote has none.
    std::istringstream stream{std::string(yaml.substr(0, yaml.find_last_not_of(" \t\r\n") + 1))};
    YAML::Parser parser(stream);
    Builder builder;
    parser.HandleNextDocument(builder);
    Builder second;
    if (parser.HandleNextDocument(second)) {
      return std::unexpected(
          DocumentError{.line = second.root()->line, .message = "a second document begins here"});
    }
    return builder.root();
  } catch (const YAML::Exception& error) {
    // The library quotes what it stumbled over, such as its own mark for the end of the text.
    std::string what = error.msg;
    std::erase_if(what, [](unsigned char character) { return character < ' '; });
    return std::unexpected(
        DocumentError{.line = line_of(error.mark), .message = "not YAML: " + what});
  } catch (const std::exception& error) {
    return std::unexpected(
        DocumentError{.line = 0, .message = fmt::format("not YAML: {}", error.what())});
  }
}

std::string shown(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (result.size() >= kShownLength) return result + "...";
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    const std::string_view character = text.substr(0, length);
    if (moves_cursor(character)) {
      for (const char byte : character) {
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
    } else {
      result += character;
    }
    text.remove_prefix(length);
  }
  return result;
}

}  // namespace mockdev::topology
