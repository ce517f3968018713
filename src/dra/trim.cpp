// SPDX-License-Identifier: Apache-2.0
#include "dra/trim.h"

#include <utility>

namespace mockdev::dra {
namespace {

using nlohmann::json;

void move_member(json& from, json& to, const char* name) {
  if (!from.is_object()) return;
  const auto found = from.find(name);
  if (found != from.end()) to[name] = std::move(*found);
}

}  // namespace

void trim_to_identity(json& object) {
  if (!object.is_object()) return;
  json kept = {{"metadata", json::object()}, {"spec", json::object()}};
  for (const char* const name : {"name", "namespace", "uid", "resourceVersion", "labels"}) {
    move_member(object["metadata"], kept["metadata"], name);
  }
  move_member(object["spec"], kept["spec"], "nodeName");
  object = std::move(kept);
}

}  // namespace mockdev::dra
