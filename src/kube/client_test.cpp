// SPDX-License-Identifier: Apache-2.0
#include "kube/client.h"

#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "kube/testing.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const Resource kPods{.version = "v1", .plural = "pods", .ns = "kube-system"};

Step replies(const json& body) {
  return [body](const Received&, Answer& answer) { answer.reply(200, body); };
}

Step refuses(int status, std::string_view reason, std::string_view headers = {}) {
  return [=](const Received&, Answer& answer) {
    answer.refuse(status, reason, "the server's words", headers);
  };
}

const Step kReset = [](const Received&, Answer& answer) { answer.reset(); };
const Step kStall = [](const Received&, Answer& answer) { answer.stall(); };

TEST(ClientPaths, AreThoseOfTheApi) {
  EXPECT_EQ(path_of(kSlices.named("a")), "/apis/resource.k8s.io/v1/resourceslices/a");
  EXPECT_EQ(path_of(kPods), "/api/v1/namespaces/kube-system/pods");
  EXPECT_EQ(path_of(kPods.in_namespace("")), "/api/v1/pods");
  EXPECT_EQ(path_of(kSlices.named("../secrets?x")),
            "/apis/resource.k8s.io/v1/resourceslices/..%2Fsecrets%3Fx");
  EXPECT_EQ(path_of(kSlices.named("..")), "/apis/resource.k8s.io/v1/resourceslices/%2E%2E");
}

TEST(Client, GetsAnObject) {
  ScriptedServer server({replies({{"metadata", {{"name", "a"}}}})});
  const auto object = client_of(server.url())->get(kSlices.named("a"));
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ((*object)["metadata"]["name"], "a");
  const auto requests = server.requests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(requests[0].target, "/apis/resource.k8s.io/v1/resourceslices/a");
  EXPECT_EQ(requests[0].headers.at("user-agent"), "mock-device");
}

TEST(Client, KeepsItsConnection) {
  ScriptedServer server({replies(json::object())});
  const auto client = client_of(server.url());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client->get(kSlices.named("a")));
  EXPECT_EQ(server.requests().back().connection, 0U);
}

TEST(Client, ComesBackWhenTheServerHasClosedTheKeptConnection) {
  ScriptedServer server({[](const Received&, Answer& answer) {
    answer.reply(200, json::object());
    answer.close();
  }});
  const auto client = client_of(server.url());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client->update(kSlices.named("a"), json::object()));
  EXPECT_THAT(server.requests(), SizeIs(5));
}

TEST(Client, FetchesAListPageByPageAndNamesTheItemsKind) {
  const auto page = [](const char* name, const char* next) {
    return replies({{"apiVersion", "v1"},
                    {"kind", "PodList"},
                    {"metadata", {{"resourceVersion", "7"}, {"continue", next}}},
                    {"items", {{{"metadata", {{"name", name}}}}}}});
  };
  ScriptedServer server({page("a", "x y"), page("b", "")});
  const auto list = client_of(server.url())
                        ->list(kPods, {.label_selector = "app in (x,y)",
                                       .field_selector = "spec.nodeName=n",
                                       .page_size = 1});
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ((*list)["items"].size(), 2U);
  EXPECT_EQ((*list)["items"][1]["metadata"]["name"], "b");
  EXPECT_EQ((*list)["items"][1]["kind"], "Pod");
  EXPECT_EQ((*list)["items"][1]["apiVersion"], "v1");
  EXPECT_EQ((*list)["metadata"]["resourceVersion"], "7");
  EXPECT_FALSE((*list)["metadata"].contains("continue"));
  EXPECT_EQ(server.requests()[1].target,
            "/api/v1/namespaces/kube-system/pods?limit=1&continue=x%20y&"
            "labelSelector=app%20in%20%28x%2Cy%29&fieldSelector=spec.nodeName%3Dn");
}

TEST(Client, ListsAtOnceWhenThePagesSnapshotHasExpired) {
  ScriptedServer server(
      {replies({{"kind", "PodList"}, {"metadata", {{"continue", "x"}}}, {"items", {1}}}),
       refuses(410, "Expired"),
       replies({{"kind", "PodList"}, {"metadata", {}}, {"items", {1, 2, 3}}})});
  const auto list = client_of(server.url())->list(kPods, {.page_size = 1});
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ((*list)["items"].size(), 3U);
  EXPECT_FALSE(server.requests()[2].asks("limit"));
}

TEST(Client, TakesAListWithoutItems) {
  ScriptedServer server({replies({{"kind", "PodList"}, {"items", nullptr}})});
  const auto list = client_of(server.url())->list(kPods);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ((*list)["items"], json::array());
}

TEST(Client, KnowsWhatAnOldServerCallsTheMetadataOfAList) {
  ScriptedServer server({replies({{"listMeta", {{"resourceVersion", "7"}, {"continue", "x"}}}}),
                         replies({{"listMeta", {{"resourceVersion", "7"}}}})});
  const auto list = client_of(server.url())->list(kPods, {.page_size = 1});
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ((*list)["metadata"]["resourceVersion"], "7");
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(Client, SendsWritesAsTheApiWantsThem) {
  ScriptedServer server({replies(json::object())});
  const auto client = client_of(server.url());
  const Resource object = kPods.named("a");
  const json body = {{"x", 1}};
  ASSERT_TRUE(client->create(kPods, body));
  ASSERT_TRUE(client->update(object, body));
  ASSERT_TRUE(client->update_status(object, body));
  ASSERT_TRUE(client->patch(object, body));
  ASSERT_TRUE(client->patch(object, json::array(), {.type = PatchType::json}));
  ASSERT_TRUE(client->patch(object, body,
                            {.type = PatchType::apply, .subresource = "status", .force = true}));
  ASSERT_TRUE(client->patch(object, body, {.type = PatchType::apply, .manager = "me"}));
  ASSERT_TRUE(client->remove(object));
  ASSERT_TRUE(client->remove(object, {.uid = "u", .resource_version = "7"}));

  std::vector<std::string> seen;
  for (const Received& request : server.requests()) {
    const auto type = request.headers.find("content-type");
    seen.push_back(fmt::format("{} {} {} {}", request.method, request.target,
                               type == request.headers.end() ? "-" : type->second, request.body));
  }
  const std::string path = "/api/v1/namespaces/kube-system/pods";
  EXPECT_THAT(seen, ElementsAre("POST " + path + " application/json {\"x\":1}",
                                "PUT " + path + "/a application/json {\"x\":1}",
                                "PUT " + path + "/a/status application/json {\"x\":1}",
                                "PATCH " + path + "/a application/merge-patch+json {\"x\":1}",
                                "PATCH " + path + "/a application/json-patch+json []",
                                "PATCH " + path +
                                    "/a/status?fieldManager=mock-device&force=true "
                                    "application/apply-patch+yaml {\"x\":1}",
                                "PATCH " + path +
                                    "/a?fieldManager=me application/apply-patch+yaml {\"x\":1}",
                                "DELETE " + path + "/a - ",
                                "DELETE " + path +
                                    "/a application/json "
                                    R"({"apiVersion":"v1","kind":"DeleteOptions",)"
                                    R"("preconditions":{"resourceVersion":"7","uid":"u"}})"));
}

TEST(Client, TakesFieldsThatAreNoUtf8) {
  ScriptedServer server({replies(json::object())});
  EXPECT_TRUE(client_of(server.url())->create(kPods, {{"note", "\xff"}}));
}

struct Refusal {
  int status;
  const char* said;
  std::string_view reason;
};

class ClientRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(ClientRefusals, KeepTheServersWords) {
  ScriptedServer server({refuses(GetParam().status, GetParam().said)});
  const auto made = client_of(server.url())->create(kPods, {{"metadata", {{"name", "a"}}}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().status, GetParam().status);
  EXPECT_EQ(made.error().reason, GetParam().reason);
  EXPECT_THAT(made.error().message,
              ::testing::StartsWith("create pods kube-system/a: the server's words"));
}

INSTANTIATE_TEST_SUITE_P(All, ClientRefusals,
                         ::testing::Values(Refusal{400, "BadRequest", reason::kBadRequest},
                                           Refusal{401, "Unauthorized", reason::kUnauthorized},
                                           Refusal{403, "Forbidden", reason::kForbidden},
                                           Refusal{404, "NotFound", reason::kNotFound},
                                           Refusal{409, "AlreadyExists", reason::kAlreadyExists},
                                           Refusal{409, "Conflict", reason::kConflict},
                                           Refusal{410, "Gone", reason::kExpired},
                                           Refusal{410, "Expired", reason::kExpired},
                                           Refusal{422, "Invalid", reason::kInvalid},
                                           Refusal{500, "", reason::kInternalError}),
                         [](const auto& param) {
                           return std::to_string(param.param.status) + param.param.said;
                         });

TEST(Client, ShowsWhatAProxySaysOnOneLine) {
  ScriptedServer server({[](const Received&, Answer& answer) {
    answer.reply(502, std::string_view("<html>\n<h1>Bad\r\ngateway</h1>"));
  }});
  const auto made = client_of(server.url())->create(kPods, json::object());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "create pods in kube-system: <html> <h1>Bad gateway</h1>");
}

TEST(Client, RefusesAReplyThatIsNoObject) {
  for (const std::string_view body : {"", "[]", "{\"a\":", "\xff\xfe"}) {
    ScriptedServer server({[&](const Received&, Answer& answer) { answer.reply(200, body); }});
    const auto object = client_of(server.url())->get(kPods.named("a"));
    ASSERT_FALSE(object);
    EXPECT_EQ(object.error().reason, reason::kBadReply);
  }
}

/// What happens to the first request, and whether a read and a write come again.
struct Fault {
  const char* name;
  Step step;
  bool read_again;
  bool write_again;
};

class ClientRetries : public ::testing::TestWithParam<Fault> {};

TEST_P(ClientRetries, ReadsAsTheTableSays) {
  ScriptedServer server({GetParam().step, replies(json::object())});
  auto settings = quick_settings();
  settings.attempt_timeout = milliseconds(200);
  EXPECT_EQ(client_of(server.url(), settings)->get(kPods.named("a")).has_value(),
            GetParam().read_again);
}

TEST_P(ClientRetries, WritesAsTheTableSays) {
  ScriptedServer server({GetParam().step, replies(json::object())});
  auto settings = quick_settings();
  settings.attempt_timeout = milliseconds(200);
  const auto client = client_of(server.url(), settings);
  EXPECT_EQ(client->create(kPods, json::object()).has_value(), GetParam().write_again);
  // On a busy machine the client may have given up before the server came to read.
  const std::size_t wanted = GetParam().write_again ? 2 : 1;
  EXPECT_TRUE(server.wait_for_requests(wanted));
  EXPECT_THAT(server.requests(), SizeIs(wanted));
}

INSTANTIATE_TEST_SUITE_P(
    All, ClientRetries,
    ::testing::Values(Fault{"reset", kReset, true, false}, Fault{"stall", kStall, true, false},
                      Fault{"cut",
                            [](const Received&, Answer& answer) {
                              answer.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":");
                              answer.close();
                            },
                            true, false},
                      Fault{"internal", refuses(500, "InternalError"), true, false},
                      Fault{"gateway", refuses(502, ""), true, false},
                      Fault{"unavailable", refuses(503, "ServiceUnavailable"), true, false},
                      Fault{"unavailable_for_now",
                            refuses(503, "ServiceUnavailable", "Retry-After: 1\r\n"), true, true},
                      Fault{"too_many", refuses(429, "TooManyRequests"), true, true},
                      Fault{"conflict", refuses(409, "Conflict"), false, false},
                      Fault{"forbidden", refuses(403, "Forbidden"), false, false}),
    [](const auto& param) { return param.param.name; });

TEST(Client, WaitsAsLongAsTheServerAsks) {
  ScriptedServer server(
      {refuses(429, "TooManyRequests", "Retry-After: 1\r\n"), replies(json::object())});
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(client_of(server.url())->get(kPods.named("a")));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
}

TEST(Client, DoesNotWaitForLongerThanItsTime) {
  ScriptedServer server({refuses(429, "TooManyRequests", "Retry-After: 60\r\n")});
  const auto object = client_of(server.url())->get(kPods.named("a"));
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().status, 429);
  EXPECT_EQ(object.error().retry_after, std::chrono::seconds(60));
  EXPECT_THAT(server.requests(), SizeIs(1));
}

TEST(Client, GivesUpAfterItsAttempts) {
  ScriptedServer server({refuses(500, "InternalError")});
  auto settings = quick_settings();
  settings.attempts = 3;
  EXPECT_FALSE(client_of(server.url(), settings)->get(kPods.named("a")));
  EXPECT_THAT(server.requests(), SizeIs(3));
}

TEST(Client, SaysThatNobodyListens) {
  std::string url;
  {
    const ScriptedServer gone({kReset});
    url = gone.url();
  }
  auto settings = quick_settings();
  settings.attempts = 2;
  const auto object = client_of(url, settings)->get(kPods.named("a"));
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().status, 0);
  EXPECT_EQ(object.error().reason, reason::kUnreachable);
  EXPECT_THAT(object.error().message,
              AllOf(HasSubstr("get pods kube-system/a"), HasSubstr(url + ": Connection refused")));
}

TEST(Client, EndsAnOperationThatIsTooSlow) {
  ScriptedServer server({kStall});
  const auto made =
      client_of(server.url())->create(kPods, json::object(), {.timeout = milliseconds(100)});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().reason, reason::kTimeout);
}

TEST(Client, StopsAtOnceWhenAsked) {
  ScriptedServer server({kStall});
  auto settings = quick_settings();
  settings.attempt_timeout = std::chrono::minutes(10);
  settings.operation_timeout = std::chrono::minutes(10);
  const auto client = client_of(server.url(), settings);
  std::stop_source stop;
  auto outcome = std::async(std::launch::async, [&] {
    return client->get(kPods.named("a"), {.stop = stop.get_token()});
  });
  ASSERT_TRUE(server.wait_for_requests(1));
  stop.request_stop();
  ASSERT_EQ(outcome.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_EQ(outcome.get().error().reason, reason::kCancelled);
}

TEST(Client, StopsWhileItWaitsForTheNextAttempt) {
  ScriptedServer server({refuses(429, "TooManyRequests", "Retry-After: 600\r\n")});
  auto settings = quick_settings();
  settings.operation_timeout = std::chrono::hours(1);
  const auto client = client_of(server.url(), settings);
  std::stop_source stop;
  auto outcome = std::async(std::launch::async, [&] {
    return client->get(kPods.named("a"), {.stop = stop.get_token()});
  });
  ASSERT_TRUE(server.wait_for_requests(1));
  stop.request_stop();
  ASSERT_EQ(outcome.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_EQ(outcome.get().error().reason, reason::kCancelled);
}

TEST(Client, HoldsItsOwnRateLimit) {
  ScriptedServer server({replies(json::object())});
  auto settings = quick_settings();
  settings.qps = 0.001;
  settings.burst = 2;
  const auto client = client_of(server.url(), settings);
  EXPECT_TRUE(client->get(kPods.named("a")));
  EXPECT_TRUE(client->get(kPods.named("a")));
  const auto third = client->get(kPods.named("a"));
  ASSERT_FALSE(third);
  EXPECT_THAT(third.error().message, HasSubstr("rate limit"));
  EXPECT_THAT(server.requests(), SizeIs(2));
}

TEST(Client, TellsWhoCountsOfEachRequest) {
  ScriptedServer server({refuses(503, "ServiceUnavailable"), replies(json::object())});
  std::vector<std::string> seen;
  auto settings = quick_settings();
  settings.on_call = [&](const CallRecord& call) {
    seen.push_back(fmt::format("{} {} {}", call.verb, call.resource, call.code));
  };
  const auto client = client_of(server.url(), settings);
  ASSERT_TRUE(client->get(kPods.named("a")));
  ASSERT_TRUE(client->update_status(kPods.named("a"), json::object()));
  ASSERT_TRUE(client->get_path("/version"));
  EXPECT_THAT(seen,
              ElementsAre("get pods 503", "get pods 200", "update pods/status 200", "get  200"));
}

TEST(Client, ServesManyThreadsAtOnce) {
  ScriptedServer server({replies({{"a", 1}})});
  const auto client = client_of(server.url());
  std::atomic<int> good = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 25; ++j) good += client->get(kPods.named("a")).has_value() ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(good, 200);
}

TEST(Client, ReadsItsTokenAnewForEachRequest) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "token";
  ASSERT_TRUE(write_file(file, "first\n"));
  ScriptedServer server({replies(json::object())});
  const auto client =
      *Client::make({.server = server.url(), .token = {.file = file}}, quick_settings());
  ASSERT_TRUE(client->get(kPods.named("a")));
  ASSERT_TRUE(write_file(file, "second"));
  ASSERT_TRUE(client->get(kPods.named("a")));
  EXPECT_EQ(server.requests()[0].headers.at("authorization"), "Bearer first");
  EXPECT_EQ(server.requests()[1].headers.at("authorization"), "Bearer second");
  std::filesystem::remove(file);
  const auto without = client->get(kPods.named("a"));
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().reason, reason::kBadCredential);
  EXPECT_THAT(without.error().message, HasSubstr(file.native()));
}

TEST(Client, RefusesAnAddressThatIsNone) {
  const auto client = Client::make({.server = "ftp://x", .source = "file"});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().message, "file: server: 'ftp://x' is not an https:// address");
}

json event(std::string_view type, std::string_view name) {
  return {{"type", type}, {"object", {{"metadata", {{"name", name}}}}}};
}

/// What a watch hands on, and how it ends.
struct Watched {
  std::vector<std::string> names;
  ApiResult<void> end;
};

Watched watch_once(Client& client) {
  Watched watched;
  watched.end = client.watch(kPods, {.resource_version = "5"}, [&](WatchEvent&& event) {
    watched.names.push_back(event.object["metadata"]["name"]);
  });
  return watched;
}

TEST(ClientWatch, HandsOnEventsUntilTheServerEndsIt) {
  ScriptedServer server({[](const Received&, Answer& answer) {
    answer.begin_chunks();
    answer.chunk(event("ADDED", "a").dump() + "\n" + event("MODIFIED", "b").dump() + "\n");
    answer.chunk(event("BOOKMARK", "c").dump() + "\n");
    answer.end_chunks();
  }});
  const auto watched = watch_once(*client_of(server.url()));
  EXPECT_TRUE(watched.end) << watched.end.error().message;
  EXPECT_THAT(watched.names, ElementsAre("a", "b", "c"));
  EXPECT_EQ(server.requests()[0].target,
            "/api/v1/namespaces/kube-system/pods?watch=true&allowWatchBookmarks=true&"
            "timeoutSeconds=300&resourceVersion=5");
}

TEST(ClientWatch, PutsEventsTogetherWhereverTheyAreSplit) {
  const std::string stream =
      event("ADDED", "a\xc3\xa4").dump() + "\n" + event("DELETED", "b").dump() + "\n";
  for (std::size_t at = 1; at < stream.size(); ++at) {
    ScriptedServer server({[&](const Received&, Answer& answer) {
      answer.begin_chunks();
      answer.chunk(stream.substr(0, at));
      answer.chunk(stream.substr(at));
      answer.end_chunks();
    }});
    const auto watched = watch_once(*client_of(server.url()));
    EXPECT_TRUE(watched.end) << at;
    EXPECT_THAT(watched.names, ElementsAre("a\xc3\xa4", "b")) << at;
  }
}

TEST(ClientWatch, PutsEventsTogetherFromSingleBytes) {
  ScriptedServer server({[&](const Received&, Answer& answer) {
    answer.begin_chunks();
    for (const char byte : event("ADDED", "a").dump() + "\n") answer.chunk({&byte, 1});
    answer.end_chunks();
  }});
  const auto watched = watch_once(*client_of(server.url()));
  EXPECT_TRUE(watched.end);
  EXPECT_THAT(watched.names, ElementsAre("a"));
}

TEST(ClientWatch, NoticesThatItWasCutOff) {
  for (const bool politely : {true, false}) {
    ScriptedServer server({[&](const Received&, Answer& answer) {
      answer.begin_chunks();
      answer.chunk(event("ADDED", "a").dump() + "\n{\"type\":");
      politely ? answer.end_chunks() : answer.close();
    }});
    const auto watched = watch_once(*client_of(server.url()));
    ASSERT_FALSE(watched.end);
    EXPECT_EQ(watched.end.error().reason, reason::kConnectionLost);
    EXPECT_THAT(watched.names, ElementsAre("a"));
  }
}

TEST(ClientWatch, GivesTheErrorOfAnErrorEvent) {
  ScriptedServer server({[](const Received&, Answer& answer) {
    answer.begin_chunks();
    answer.chunk(json{{"type", "ERROR"},
                      {"object",
                       {{"kind", "Status"},
                        {"code", 410},
                        {"reason", "Expired"},
                        {"message", "too old resource version: 5 (99)"}}}}
                     .dump() +
                 "\n");
    answer.stall();
  }});
  const auto watched = watch_once(*client_of(server.url()));
  ASSERT_FALSE(watched.end);
  EXPECT_EQ(watched.end.error().reason, reason::kExpired);
  EXPECT_EQ(watched.end.error().message,
            "watch pods in kube-system: too old resource version: 5 (99)");
}

TEST(ClientWatch, RefusesWhatIsNoEvent) {
  for (const std::string_view line :
       {"{}", "[]", "hello", R"({"type":"NEW","object":{}})", R"({"type":"ADDED","object":[]})"}) {
    ScriptedServer server({[&](const Received&, Answer& answer) {
      answer.begin_chunks();
      answer.chunk(std::string(line) + "\n");
      answer.stall();
    }});
    const auto watched = watch_once(*client_of(server.url()));
    ASSERT_FALSE(watched.end) << line;
    EXPECT_EQ(watched.end.error().reason, reason::kBadReply) << line;
  }
}

TEST(ClientWatch, EndsWhenItIsSilentForTooLong) {
  ScriptedServer server({[](const Received&, Answer& answer) {
    answer.begin_chunks();
    answer.chunk(event("ADDED", "a").dump() + "\n");
    answer.stall();
  }});
  auto settings = quick_settings();
  settings.watch_silence = milliseconds(100);
  const auto watched = watch_once(*client_of(server.url(), settings));
  EXPECT_TRUE(watched.end) << watched.end.error().message;
  EXPECT_THAT(watched.names, ElementsAre("a"));
}

TEST(ClientWatch, FailsWhenTheServerDoesNotBegin) {
  ScriptedServer server({kStall});
  auto settings = quick_settings();
  settings.attempt_timeout = milliseconds(100);
  const auto watched = watch_once(*client_of(server.url(), settings));
  ASSERT_FALSE(watched.end);
  EXPECT_EQ(watched.end.error().reason, reason::kTimeout);
  EXPECT_THAT(watched.end.error().message, HasSubstr("no answer within 0.1"));
}

TEST(ClientWatch, StopsAtOnceWhenAsked) {
  ScriptedServer server({[](const Received&, Answer& answer) {
    answer.begin_chunks();
    answer.stall();
  }});
  const auto client = client_of(server.url());
  std::stop_source stop;
  auto outcome = std::async(std::launch::async, [&] {
    return client->watch(kPods, {}, [](WatchEvent&&) {}, {.stop = stop.get_token()});
  });
  ASSERT_TRUE(server.wait_for_requests(1));
  stop.request_stop();
  ASSERT_EQ(outcome.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_EQ(outcome.get().error().reason, reason::kCancelled);
}

}  // namespace
}  // namespace mockdev::kube
