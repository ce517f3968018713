// SPDX-License-Identifier: Apache-2.0
#include "kube/api.h"

#include <utility>

#include <fmt/format.h>

#include "kube/url.h"

namespace mockdev::kube {

Resource Resource::named(std::string object_name) const {
  Resource object = *this;
  object.name = std::move(object_name);
  return object;
}

Resource Resource::in_namespace(std::string namespace_name) const {
  Resource collection = *this;
  collection.ns = std::move(namespace_name);
  collection.name.clear();
  return collection;
}

std::string to_string(const Resource& resource) {
  std::string text = resource.plural;
  if (!resource.group.empty()) text += "." + resource.group;
  if (resource.name.empty()) return resource.ns.empty() ? text : text + " in " + resource.ns;
  text += " ";
  if (!resource.ns.empty()) text += resource.ns + "/";
  return text + resource.name;
}

std::string path_of(const Resource& resource) {
  std::string path = resource.group.empty() ? "/api" : "/apis/" + escaped(resource.group);
  path += "/" + escaped(resource.version);
  if (!resource.ns.empty()) path += "/namespaces/" + escaped(resource.ns);
  path += "/" + resource.plural;
  if (!resource.name.empty()) path += "/" + escaped(resource.name);
  return path;
}

Error to_error(const ApiError& error) {
  return Error{.message = error.message};
}

}  // namespace mockdev::kube
