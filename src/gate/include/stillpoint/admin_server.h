// SPDX-License-Identifier: Apache-2.0
// The admin service of a gate, over gRPC, as scalar-admin and Stillpoint speak to it. This header
// needs neither gRPC's nor protobuf's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <stillpoint/gate.h>

namespace grpc {
class Service;
}

namespace stillpoint::gate {

struct ServerOptions {
  std::string address = "[::]:60053";  // HOST:PORT; port 0 takes any
  // PEM. Both or neither; without them everybody can read and change what is said.
  std::string certificate = {};
  std::string private_key = {};
};

// A server of its own, for programs that have no gRPC server. Ends with the object.
class AdminServer {
 public:
  // Null where it cannot listen there. The gate must outlive the server.
  static std::unique_ptr<AdminServer> start(Gate& gate, const ServerOptions& options);
  virtual ~AdminServer() = default;
  virtual std::uint16_t port() const = 0;
};

// For programs that have one: register it there. The gate must outlive the service.
std::unique_ptr<grpc::Service> make_admin_service(Gate& gate);

}  // namespace stillpoint::gate
