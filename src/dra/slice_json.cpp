// SPDX-License-Identifier: Apache-2.0
#include "dra/slice_json.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/units.h"
#include "base/uuid.h"

namespace mockdev::dra {
namespace {

using nlohmann::json;

// ---- Writing ----

/// In the largest binary unit that divides it, which is the form that the server itself keeps.
std::string quantity(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGTPE";
  std::string unit;
  for (const char letter : kUnits) {
    constexpr std::uint64_t kStep = 1024;
    if (bytes == 0 || bytes % kStep != 0) break;
    bytes /= kStep;
    unit = std::string{letter, 'i'};
  }
  return std::to_string(bytes) + unit;
}

json attribute_json(const AttributeValue& value) {
  if (const auto* const number = std::get_if<std::int64_t>(&value)) return {{"int", *number}};
  return {{"string", std::get<std::string>(value)}};
}

json counters_json(const std::map<std::string, std::uint64_t>& counters) {
  json object = json::object();
  for (const auto& [name, amount] : counters) object[name] = {{"value", std::to_string(amount)}};
  return object;
}

json body_json(const SliceDevice& device, bool bare_quantities) {
  json body = json::object();
  if (!device.attributes.empty()) body["attributes"] = attributes_json(device.attributes);
  for (const auto& [key, bytes] : device.capacity) {
    json value = quantity(bytes);
    body["capacity"][key] = bare_quantities ? value : json{{"value", std::move(value)}};
  }
  for (const CounterUse& use : device.consumes) {
    body["consumesCounters"].push_back({{"counterSet", use.counter_set},
                                        {"counters", counters_json({{use.counter, use.amount}})}});
  }
  for (const Taint& taint : device.taints) {
    body["taints"].push_back(
        {{"key", taint.key}, {"value", taint.value}, {"effect", taint.effect}});
  }
  return body;
}

// ---- Comparing ----

json normalized(const json& value);

/// A quantity as the number that it means; anything else as it is.
json normalized_text(const std::string& text) {
  const auto bytes = parse_byte_count(text);
  return bytes ? json(bytes->value()) : json(text);
}

json normalized_object(const json& object) {
  json result = json::object();
  for (const auto& [key, value] : object.items()) {
    json part = normalized(value);
    const bool empty = part.is_null() || ((part.is_object() || part.is_array()) && part.empty());
    if (key != "timeAdded" && !empty) result[key] = std::move(part);
  }
  return result;
}

json normalized(const json& value) {
  if (value.is_object()) return normalized_object(value);
  if (!value.is_array()) return value;
  json result = json::array();
  for (const json& element : value) result.push_back(normalized(element));
  return result;
}

/// Quantities stand in "value" of capacities and counters, or bare in "capacity": nowhere else.
void normalize_quantities(json& value, bool inside) {
  for (const auto& [key, part] : value.items()) {
    if (inside && part.is_string()) {
      part = normalized_text(part.get<std::string>());
    } else if (part.is_structured()) {
      const bool counts = key == "capacity" || key == "counters";
      normalize_quantities(part, inside || counts);
    }
  }
}

bool has_member(const json& value, std::string_view name) {
  if (!value.is_structured()) return false;
  if (value.is_object() && value.contains(name)) return true;
  return std::ranges::any_of(value, [&](const json& part) { return has_member(part, name); });
}

}  // namespace

json attributes_json(const std::map<std::string, AttributeValue>& values) {
  json object = json::object();
  for (const auto& [key, value] : values) object[key] = attribute_json(value);
  return object;
}

json content_json(const Slice& slice, std::string_view api_version) {
  const bool alpha = api_version == "v1alpha3";
  const bool basic = alpha || api_version == "v1beta1";
  json content = json::object();
  for (const SliceDevice& device : slice.devices) {
    json entry = {{"name", device.name.text()}};
    json body = body_json(device, alpha);
    if (basic) {
      entry["basic"] = std::move(body);
    } else {
      entry.update(body);
    }
    content["devices"].push_back(std::move(entry));
  }
  for (const CounterSet& set : slice.counter_sets) {
    content["sharedCounters"].push_back(
        {{"name", set.name}, {"counters", counters_json(set.counters)}});
  }
  return content;
}

json normalized_content(const json& spec) {
  json content = json::object();
  for (const char* const member : {"devices", "sharedCounters"}) {
    if (const auto found = spec.find(member); found != spec.end()) content[member] = *found;
  }
  content = normalized(content);
  normalize_quantities(content, false);
  return content;
}

std::string content_digest(const json& spec) {
  return to_string(
      uuid_of_name(normalized_content(spec).dump(-1, ' ', false, json::error_handler_t::replace)));
}

DroppedFields dropped_fields(const json& sent, const json& stored) {
  const auto dropped = [&](const char* name) {
    return has_member(sent, name) && !has_member(stored, name);
  };
  return {.taints = dropped("taints"),
          .counters = dropped("consumesCounters") || dropped("sharedCounters")};
}

}  // namespace mockdev::dra
