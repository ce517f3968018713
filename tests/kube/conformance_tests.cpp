// SPDX-License-Identifier: Apache-2.0
// The API server's client against a real API server: what only that can tell. The server is the
// one that KUBECONFIG names, and the client may do everything there; each test works in a
// namespace or on objects of its own. test_api_server.py runs them one by one.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "kube/api_versions.h"
#include "kube/client.h"
#include "kube/config.h"
#include "kube/events.h"
#include "kube/json_access.h"
#include "kube/lease.h"
#include "kube/watch.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* kDriver = "conformance.example.com";

template <typename T>
T value_of(ApiResult<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

Config config() {
  auto loaded = load_config();
  if (!loaded) throw std::runtime_error(loaded.error().message);
  return *std::move(loaded);
}

std::unique_ptr<Client> connect(Config how = config(), ClientSettings settings = {.qps = 0}) {
  auto client = Client::make(std::move(how), std::move(settings));
  if (!client) throw std::runtime_error(client.error().message);
  return *std::move(client);
}

/// Waits until something holds. False: it does not within a minute.
bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

/// A client and a namespace of its own, which goes at the end.
class Server : public ::testing::Test {
 protected:
  Server() {
    const json made = value_of(client_->create({.version = "v1", .plural = "namespaces"},
                                               {{"metadata", {{"generateName", "kube-test-"}}}}));
    ns_ = text_at(made, {"metadata", "name"});
  }
  ~Server() override {
    (void)client_->remove({.version = "v1", .plural = "namespaces", .ns = {}, .name = ns_});
  }

  [[nodiscard]] Resource maps() const {
    return {.version = "v1", .plural = "configmaps", .ns = ns_};
  }
  static json map(const std::string& name, const std::string& value = "1") {
    return {{"metadata", {{"name", name}, {"labels", {{"test", "yes"}}}}},
            {"data", {{"value", value}}}};
  }
  json create(const std::string& name) { return value_of(client_->create(maps(), map(name))); }

  /// A service account's token, which may do nothing.
  std::string token() {
    const Resource accounts{.version = "v1", .plural = "serviceaccounts", .ns = ns_};
    (void)client_->create(accounts, {{"metadata", {{"name", "nobody"}}}});
    const json made = value_of(client_->create(
        {.version = "v1", .plural = "serviceaccounts/nobody/token", .ns = ns_}, json::object()));
    return text_at(made, {"status", "token"});
  }

  std::unique_ptr<Client> client_ = connect();
  std::string ns_;
};

TEST_F(Server, SaysItsVersion) {
  const ServerVersion version = value_of(server_version(*client_));
  EXPECT_TRUE(version.at_least(1, 31)) << version.git_version;
}

TEST_F(Server, ServesTheResourceApi) {
  const std::string version = value_of(resource_api_version(*client_));
  if (value_of(server_version(*client_)).at_least(1, 34)) {
    EXPECT_EQ(version, "v1");
  }
  EXPECT_THAT(kResourceApiVersions, Contains(version));
}

TEST_F(Server, KeepsAnObjectFromCreateToRemove) {
  const json made = create("a");
  EXPECT_FALSE(text_at(made, {"metadata", "uid"}).empty());
  const Resource object = maps().named("a");
  EXPECT_EQ(value_of(client_->get(object)), made);

  json changed = made;
  changed["data"]["value"] = "2";
  const json updated = value_of(client_->update(object, changed));
  EXPECT_EQ(updated["data"]["value"], "2");
  const auto late = client_->update(object, changed);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, reason::kConflict);

  EXPECT_EQ(value_of(client_->patch(object, {{"data", {{"value", "3"}}}}))["data"]["value"], "3");
  const json edit = {{{"op", "replace"}, {"path", "/data/value"}, {"value", "4"}}};
  EXPECT_EQ(value_of(client_->patch(object, edit, {.type = PatchType::json}))["data"]["value"],
            "4");

  const auto wrong = client_->remove(object, {.uid = "00000000-0000-0000-0000-000000000000"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().reason, reason::kConflict);
  EXPECT_TRUE(client_->remove(object, {.uid = text_at(made, {"metadata", "uid"})}));
  const auto gone = client_->get(object);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().reason, reason::kNotFound);
  EXPECT_EQ(gone.error().message, "get configmaps " + ns_ + "/a: configmaps \"a\" not found");
}

TEST_F(Server, AppliesFieldsAndDefendsThem) {
  const Resource object = maps().named("applied");
  const json mine = {{"apiVersion", "v1"},
                     {"kind", "ConfigMap"},
                     {"metadata", {{"name", "applied"}}},
                     {"data", {{"value", "mine"}}}};
  ASSERT_TRUE(client_->patch(object, mine, {.type = PatchType::apply}));
  const auto other = connect(config(), {.user_agent = "other", .qps = 0});
  json theirs = mine;
  theirs["data"]["value"] = "theirs";
  const auto refused = other->patch(object, theirs, {.type = PatchType::apply});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, reason::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("mock-device"));
  EXPECT_TRUE(other->patch(object, theirs, {.type = PatchType::apply, .force = true}));
}

TEST_F(Server, RefusesASecondObjectOfThatName) {
  create("a");
  const auto second = client_->create(maps(), map("a"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().status, 409);
  EXPECT_EQ(second.error().reason, reason::kAlreadyExists);
}

TEST_F(Server, NamesTheFieldThatIsInvalid) {
  const auto made = client_->create(maps(), map("No_Name"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().status, 422);
  EXPECT_EQ(made.error().reason, reason::kInvalid);
  EXPECT_THAT(made.error().message, AllOf(HasSubstr("create configmaps " + ns_ + "/No_Name"),
                                          HasSubstr("metadata.name")));
}

TEST_F(Server, NamesTheVerbThatIsForbidden) {
  Config nobody = config();
  nobody.client_certificate = {};
  nobody.client_key = {};
  nobody.token = {.text = token()};
  const auto client = connect(nobody);
  const auto list = client->list(maps());
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().reason, reason::kForbidden);
  EXPECT_THAT(list.error().message,
              AllOf(HasSubstr("nobody"), HasSubstr("cannot list resource \"configmaps\"")));
}

TEST_F(Server, SaysWhoseCredentialsAreNotAccepted) {
  Config stranger = config();
  stranger.client_certificate = {};
  stranger.client_key = {};
  stranger.token = {.text = "rubbish"};
  const auto client = connect(stranger);
  const auto list = client->list(maps());
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().reason, reason::kUnauthorized);
  EXPECT_THAT(list.error().message, HasSubstr(stranger.source));
}

TEST_F(Server, IsNotTrustedByWhoDoesNotKnowItsAuthority) {
  Config careful = config();
  careful.certificate_authority = {};
  const auto client = connect(careful);
  const auto version = client->get_path("/version");
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().reason, reason::kUntrusted);
}

TEST_F(Server, KnowsWhoReadsItsTokenFromAFileThatChanges) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "token";
  ASSERT_TRUE(write_file(file, token()));
  Config how = config();
  how.client_certificate = {};
  how.client_key = {};
  how.token = {.file = file};
  const auto client = connect(how);
  const Resource review{
      .group = "authentication.k8s.io", .version = "v1", .plural = "selfsubjectreviews"};
  EXPECT_THAT(value_of(client->create(review, json::object())).dump(), HasSubstr("nobody"));
  ASSERT_TRUE(write_file(file, "rubbish"));
  EXPECT_FALSE(client->create(review, json::object()));
}

TEST_F(Server, GivesLargeListsInPages) {
  constexpr int kObjects = 45;
  for (int i = 0; i < kObjects; ++i) create("a" + std::to_string(i));
  int requests = 0;
  const auto counting =
      connect(config(), {.qps = 0, .on_call = [&](const CallRecord&) { ++requests; }});
  const json list =
      value_of(counting->list(maps(), {.label_selector = "test=yes", .page_size = 10}));
  EXPECT_EQ(list["items"].size(), kObjects);
  EXPECT_EQ(requests, 5);
  EXPECT_EQ(list["items"][0]["kind"], "ConfigMap");
  EXPECT_EQ(list["items"][0]["apiVersion"], "v1");
  EXPECT_TRUE(value_of(client_->list(maps(), {.label_selector = "test=no"}))["items"].empty());
}

TEST_F(Server, StoresSlicesAndSelectsThemByNodeAndDriver) {
  const Resource slices{.group = std::string(kResourceGroup),
                        .version = value_of(resource_api_version(*client_)),
                        .plural = "resourceslices"};
  json device = {{"name", "mock0"}};
  if (slices.version == "v1beta1" || slices.version == "v1alpha3") device["basic"] = json::object();
  const auto slice = [&](const std::string& node) -> json {
    return {{"apiVersion", "resource.k8s.io/" + slices.version},
            {"kind", "ResourceSlice"},
            {"metadata", {{"generateName", ns_ + "-"}}},
            {"spec",
             {{"driver", kDriver},
              {"nodeName", node},
              {"pool", {{"name", node}, {"generation", 1}, {"resourceSliceCount", 1}}},
              {"devices", json::array({device})}}}};
  };
  const std::string node = ns_ + "-a";
  const json a = value_of(client_->create(slices, slice(node)));
  const json b = value_of(client_->create(slices, slice(ns_ + "-b")));
  const json found =
      value_of(client_->list(slices, {.field_selector = std::string("spec.driver=") + kDriver +
                                                        ",spec.nodeName=" + node}));
  ASSERT_EQ(found["items"].size(), 1U);
  EXPECT_EQ(found["items"][0]["metadata"]["name"], a["metadata"]["name"]);

  const auto bad = client_->create(slices, [&] {
    json wrong = slice(node);
    wrong["spec"]["devices"][0]["name"] = "mock0_vf0";
    return wrong;
  }());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().reason, reason::kInvalid);
  EXPECT_THAT(bad.error().message, HasSubstr("mock0_vf0"));
  for (const json& made : {a, b}) {
    EXPECT_TRUE(
        client_->remove(slices.named(text_at(made, {"metadata", "name"})),
                        {.uid = text_at(made, {"metadata", "uid"}),
                         .resource_version = text_at(made, {"metadata", "resourceVersion"})}));
  }
}

TEST_F(Server, TakesTheStatusOfAClaimApart) {
  const Resource claims{.group = std::string(kResourceGroup),
                        .version = value_of(resource_api_version(*client_)),
                        .plural = "resourceclaims",
                        .ns = ns_};
  json claim =
      value_of(client_->create(claims, {{"apiVersion", "resource.k8s.io/" + claims.version},
                                        {"kind", "ResourceClaim"},
                                        {"metadata", {{"name", "claim"}}},
                                        {"spec", json::object()}}));
  claim["status"] = {
      {"allocation",
       {{"devices",
         {{"results",
           json::array(
               {{{"request", "r"}, {"driver", kDriver}, {"pool", "p"}, {"device", "mock0"}}})}}}}}};
  const auto updated = client_->update_status(claims.named("claim"), claim);
  // What is allocated has to have been requested: the server reads status and spec together.
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().reason, reason::kInvalid);
  claim["status"] = json::object();
  EXPECT_TRUE(client_->update_status(claims.named("claim"), claim));
}

/// Counts what it hears.
class Counting final : public WatchHandler {
 public:
  void added(const json& /*object*/) override { ++added_; }
  void modified(const json& /*object*/) override { ++modified_; }
  void deleted(const json& /*object*/) override { ++deleted_; }
  void synced() override { synced_ = true; }

  [[nodiscard]] bool is(int added, int modified, int deleted) const {
    return synced_ && added_ == added && modified_ == modified && deleted_ == deleted;
  }

 private:
  std::atomic<bool> synced_ = false;
  std::atomic<int> added_ = 0;
  std::atomic<int> modified_ = 0;
  std::atomic<int> deleted_ = 0;
};

TEST_F(Server, TellsAWatchOfEachChange) {
  create("a");
  Counting counting;
  Watch watch(*client_, maps(), {.label_selector = "test=yes"}, counting);
  watch.start();
  ASSERT_TRUE(eventually([&] { return counting.is(1, 0, 0); }));
  create("b");
  ASSERT_TRUE(client_->patch(maps().named("a"), {{"data", {{"value", "2"}}}}));
  ASSERT_TRUE(client_->remove(maps().named("b")));
  EXPECT_TRUE(eventually([&] { return counting.is(2, 1, 1); }));
  // What no longer matches is gone for who selects it.
  ASSERT_TRUE(client_->patch(maps().named("a"), {{"metadata", {{"labels", {{"test", "no"}}}}}}));
  EXPECT_TRUE(eventually([&] { return counting.is(2, 1, 2); }));
  EXPECT_TRUE(watch.objects().empty());
}

TEST_F(Server, EndsAWatchAfterItsTimeWithoutHarm) {
  Counting counting;
  Watch watch(*client_, maps(), {.label_selector = "test=yes", .timeout = seconds(1)}, counting);
  watch.start();
  ASSERT_TRUE(eventually([&] { return watch.statistics().watches >= 3; }));
  create("a");
  EXPECT_TRUE(eventually([&] { return counting.is(1, 0, 0); }));
  EXPECT_EQ(watch.statistics().lists, 1U);
  EXPECT_EQ(watch.statistics().failures, 0U);
}

/// A kind of resource that begins to exist with the test: the server knows nothing of its past.
class NewKind : public Server {
 protected:
  NewKind() {
    const std::string group = ns_ + ".example.com";
    definition_.name = "things." + group;
    const json made = value_of(client_->create(
        definition_,
        {{"metadata", {{"name", definition_.name}}},
         {"spec",
          {{"group", group},
           {"scope", "Cluster"},
           {"names", {{"plural", "things"}, {"kind", "Thing"}}},
           {"versions",
            json::array({{{"name", "v1"},
                          {"served", true},
                          {"storage", true},
                          {"schema", {{"openAPIV3Schema", {{"type", "object"}}}}}}})}}}}));
    things_ = {.group = group, .version = "v1", .plural = "things"};
    if (!eventually([&] { return client_->list(things_).has_value(); })) {
      throw std::runtime_error("the new kind is not served");
    }
  }
  ~NewKind() override { (void)client_->remove(definition_); }

  Resource definition_{
      .group = "apiextensions.k8s.io", .version = "v1", .plural = "customresourcedefinitions"};
  Resource things_;
};

TEST_F(NewKind, HasNoOldResourceVersions) {
  ApiResult<void> end;
  // Until the server has read what there is of a kind, it asks for patience.
  ASSERT_TRUE(eventually([&] {
    end = client_->watch(things_, {.resource_version = "1", .timeout = seconds(10)},
                         [](WatchEvent&&) {});
    return !end && end.error().status != 429;
  }));
  EXPECT_EQ(end.error().status, 410);
  EXPECT_EQ(end.error().reason, reason::kExpired);
}

TEST_F(NewKind, IsGoneForAWatchWhenItIsRemoved) {
  const auto make = [&](const std::string& name) {
    return client_->create(
        things_,
        {{"apiVersion", things_.group + "/v1"}, {"kind", "Thing"}, {"metadata", {{"name", name}}}});
  };
  ASSERT_TRUE(make("a"));
  Counting counting;
  Watch watch(*client_, things_, {.first_backoff = milliseconds(10)}, counting);
  watch.start();
  ASSERT_TRUE(eventually([&] { return counting.is(1, 0, 0); }));
  ASSERT_TRUE(client_->remove(definition_));
  EXPECT_TRUE(eventually([&] { return watch.objects().empty(); }));
}

TEST_F(Server, SendsABookmarkAtTheEndOfAWatch) {
  const json list = value_of(client_->list(maps()));
  // There is a bookmark only if something happens, though not to what is watched, meanwhile.
  const std::jthread others([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      (void)client_->create(maps(), map("a" + std::to_string(i)));
      std::this_thread::sleep_for(milliseconds(200));
    }
  });
  int bookmarks = 0;
  const auto end = client_->watch(
      maps(),
      {.label_selector = "test=no",
       .resource_version = text_at(list, {"metadata", "resourceVersion"}),
       .timeout = seconds(5)},
      [&](WatchEvent&& event) { bookmarks += event.type == WatchEvent::Type::bookmark ? 1 : 0; });
  EXPECT_TRUE(end) << end.error().message;
  EXPECT_GE(bookmarks, 1);
}

TEST_F(Server, LetsAWatchStopAtOnce) {
  std::stop_source stop;
  auto end = std::async(std::launch::async, [&] {
    return client_->watch(maps(), {}, [](WatchEvent&&) {}, {.stop = stop.get_token()});
  });
  std::this_thread::sleep_for(milliseconds(200));
  const auto begun = std::chrono::steady_clock::now();
  stop.request_stop();
  EXPECT_EQ(end.get().error().reason, reason::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(500));
}

TEST_F(Server, HoldsOneLeaderAndHandsOver) {
  std::atomic<int> leading = 0;
  std::atomic<int> most = 0;
  const auto contend = [&](const std::string& identity) {
    auto election = LeaderElection::make(
        *client_, {.ns = ns_,
                   .name = "leader",
                   .identity = identity,
                   .lease_duration = seconds(3),
                   .renew_deadline = milliseconds(2000),
                   .retry_period = milliseconds(200),
                   .started_leading = [&] { most = std::max(most.load(), ++leading); },
                   .stopped_leading = [&] { --leading; }});
    if (!election) throw std::runtime_error(election.error().message);
    (*election)->start();
    return *std::move(election);
  };
  const auto a = contend("a");
  ASSERT_TRUE(eventually([&] { return a->is_leader(); }));
  const auto b = contend("b");
  const auto c = contend("c");
  ASSERT_TRUE(eventually([&] { return b->leader() == "a" && c->leader() == "a"; }));
  a->stop();
  ASSERT_TRUE(eventually([&] { return b->is_leader() || c->is_leader(); }));
  EXPECT_EQ(most, 1);
  const json lease = value_of(client_->get({.group = "coordination.k8s.io",
                                            .version = "v1",
                                            .plural = "leases",
                                            .ns = ns_,
                                            .name = "leader"}));
  EXPECT_THAT(text_at(lease, {"spec", "holderIdentity"}), AnyOf("b", "c"));
  EXPECT_EQ(number_at(lease, {"spec", "leaseTransitions"}), 1);
}

TEST_F(Server, TakesEventsAndTheirSeries) {
  const json about = create("a");
  EventRecorder recorder(
      *client_, {.controller = kDriver, .instance = "node-1", .series_pause = milliseconds(1)});
  const Event event{.regarding = {.api_version = "v1",
                                  .kind = "ConfigMap",
                                  .ns = ns_,
                                  .name = "a",
                                  .uid = text_at(about, {"metadata", "uid"})},
                    .type = Event::Type::warning,
                    .reason = "DeviceUnhealthy",
                    .action = "Watch",
                    .note = "mock0 is degraded"};
  for (int i = 0; i < 3; ++i) recorder.record(event);
  const Resource events{.version = "v1", .plural = "events", .ns = ns_};
  EXPECT_TRUE(eventually([&] {
    const json items = value_of(client_->list(events))["items"];
    return items.size() == 1 && number_at(items[0], {"series", "count"}) == 3 &&
           text_at(items[0], {"involvedObject", "name"}) == "a" &&
           text_at(items[0], {"message"}) == "mock0 is degraded";
  }));
}

TEST_F(Server, TakesEventsOfClusterScopedObjects) {
  EventRecorder recorder(*client_, {.controller = kDriver, .instance = "node-1"});
  const std::string note = "about " + ns_;
  recorder.record({.regarding = {.api_version = "v1", .kind = "Node", .name = ns_},
                   .reason = "SlicesPublished",
                   .action = "Publish",
                   .note = note});
  const Resource events{.version = "v1", .plural = "events", .ns = "default"};
  EXPECT_TRUE(eventually([&] {
    const json list = value_of(client_->list(events));
    return std::ranges::any_of(
        list["items"], [&](const json& item) { return text_at(item, {"message"}) == note; });
  }));
}

TEST_F(Server, AnswersManyThreadsAtOnce) {
  create("a");
  std::atomic<int> good = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) good += client_->get(maps().named("a")) ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(good, 400);
}

}  // namespace
}  // namespace mockdev::kube
