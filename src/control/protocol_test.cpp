// SPDX-License-Identifier: Apache-2.0
#include "control/protocol.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::control {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::vector<Verb> verbs() {
  return {
      {"list", {}, [](const json&) -> Result<json> { return json{{"devices", json::array()}}; }},
      {"greet",
       {{"name"}, {"loud", false}},
       [](const json& request) -> Result<json> {
         if (request["name"] == "nobody") return fail("nobody: is not here");
         return json{{"greeting", "hello " + request["name"].get<std::string>()}};
       }},
  };
}

std::string answer_to(std::string_view line) {
  return answer(line, verbs());
}

std::string error_of(std::string_view line) {
  const json reply = json::parse(answer_to(line));
  EXPECT_EQ(reply["ok"], false) << reply;
  return reply.value("error", "");
}

TEST(Protocol, AnswersOneLineForOneRequest) {
  EXPECT_EQ(answer_to(R"({"verb": "list"})"), "{\"devices\":[],\"ok\":true}\n");
  EXPECT_EQ(answer_to(R"({"verb": "greet", "name": "you", "loud": true})"),
            "{\"greeting\":\"hello you\",\"ok\":true}\n");
}

TEST(Protocol, GivesTheVerbsOwnError) {
  EXPECT_EQ(answer_to(R"({"verb": "greet", "name": "nobody"})"),
            "{\"error\":\"nobody: is not here\",\"ok\":false}\n");
}

TEST(Protocol, RefusesWhatIsNoRequest) {
  const std::string not_an_object = "request is not a JSON object";
  for (const char* line : {"", "{", "hello", "[]", "17", "null", "{\"verb\": \"list\"} trailing",
                           "{\"verb\": \"\xff\"}", "{'verb': 'list'}"}) {
    EXPECT_EQ(error_of(line), not_an_object) << line;
  }
  EXPECT_EQ(error_of("{}"), "verb: missing");
  EXPECT_EQ(error_of(R"({"verb": 3})"), "verb: has to be a text");
}

TEST(Protocol, NamesTheKnownVerbs) {
  EXPECT_EQ(error_of(R"({"verb": "dance"})"), "dance: unknown verb; known are list, greet");
}

TEST(Protocol, ChecksArguments) {
  EXPECT_EQ(error_of(R"({"verb": "greet"})"), "greet: name: missing");
  EXPECT_EQ(error_of(R"({"verb": "greet", "name": "a", "colour": 1})"),
            "greet: colour: unknown argument");
  EXPECT_EQ(error_of(R"({"verb": "greet", "name": ["a"]})"),
            "greet: name: has to be a text, a number or true or false");
  EXPECT_EQ(error_of(R"({"verb": "greet", "name": null})"),
            "greet: name: has to be a text, a number or true or false");
}

TEST(Protocol, BoundsNesting) {
  EXPECT_THAT(error_of(std::string(60000, '[')), HasSubstr("nested over 4 deep"));
  std::string objects;
  for (int i = 0; i < 10000; ++i) objects += R"({"a":)";
  EXPECT_THAT(error_of(objects), HasSubstr("nested over 4 deep"));
}

TEST(Protocol, KeepsEveryReplyOnOneLine) {
  const std::string reply = answer_to("{\"verb\": \"a\\nb\\u001b[2J\"}");
  EXPECT_EQ(reply.find('\n'), reply.size() - 1);
  EXPECT_EQ(reply.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace mockdev::control
