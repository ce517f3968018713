// SPDX-License-Identifier: Apache-2.0
#include "driver/web.h"

#include <exception>
#include <list>
#include <utility>
#include <vector>

#include <CivetServer.h>
#include <fmt/format.h>

namespace mockdev::driver {
namespace {

class PageHandler final : public CivetHandler {
 public:
  explicit PageHandler(Page page) : page_(std::move(page)) {}

  bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
    const auto page = page_();
    const std::string body = page ? *page : page.error().message + "\n";
    const std::string reply = fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        "Content-Length: {}\r\n\r\n{}",
        page ? "200 OK" : "503 Service Unavailable", body.size(), body);
    mg_write(connection, reply.data(), reply.size());
    return true;
  }

 private:
  Page page_;
};

}  // namespace

class WebServer::Implementation {
 public:
  Implementation(const Listen& listen, std::map<std::string, Page> pages)
      : server_(std::vector<std::string>{"listening_ports",
                                         fmt::format("{}:{}", listen.address, listen.port),
                                         "num_threads", "2"}) {
    for (auto& [path, page] : pages)
      server_.addHandler(path, handlers_.emplace_back(std::move(page)));
  }

 private:
  std::list<PageHandler> handlers_;  // outlive the server
  CivetServer server_;
};

WebServer::WebServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
WebServer::~WebServer() = default;

Result<std::unique_ptr<WebServer>> WebServer::start(const Listen& listen,
                                                    std::map<std::string, Page> pages) {
  try {
    return std::unique_ptr<WebServer>(
        new WebServer(std::make_unique<Implementation>(listen, std::move(pages))));
  } catch (const std::exception& error) {
    return fail("HTTP on {}:{}: {}; is the port taken?", listen.address, listen.port, error.what());
  }
}

}  // namespace mockdev::driver
