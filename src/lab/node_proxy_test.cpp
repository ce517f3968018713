// SPDX-License-Identifier: Apache-2.0
#include "lab/node_proxy.h"

#include <gtest/gtest.h>

namespace mockdev::lab {
namespace {

const std::vector<NodeAddress> kNodes = {node_address(0, "a"), node_address(1, "b")};

TEST(NodeProxy, ReadsTheTargetOfARequest) {
  EXPECT_EQ(parse_connect("CONNECT 10.77.0.10:10250 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").value(),
            "10.77.0.10:10250");
}

TEST(NodeProxy, RefusesWhatIsNoTarget) {
  for (const char* request :
       {"", "\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "CONNECT HTTP/1.1\r\n\r\n",
        "CONNECT -oProxyCommand=x:1 HTTP/1.1\r\n\r\n", "CONNECT 10.0.0.1 HTTP/1.1\r\n\r\n",
        "CONNECT 10.0.0.1:1:2 HTTP/1.1\r\n\r\n", "CONNECT 10.0.0.1:1"}) {
    EXPECT_FALSE(parse_connect(request)) << request;
  }
}

TEST(NodeProxy, GoesThroughTheNodeItself) {
  EXPECT_EQ(node_on_the_way(kNodes, "10.77.0.11:10250").name, "b");
}

TEST(NodeProxy, GoesThroughTheNodeOfAPod) {
  EXPECT_EQ(node_on_the_way(kNodes, "10.244.1.7:80").name, "b");
  EXPECT_EQ(node_on_the_way(kNodes, "10.244.10.7:80").name, "a");
}

TEST(NodeProxy, GoesThroughTheFirstNodeToServices) {
  EXPECT_EQ(node_on_the_way(kNodes, "10.96.0.1:443").name, "a");
}

}  // namespace
}  // namespace mockdev::lab
