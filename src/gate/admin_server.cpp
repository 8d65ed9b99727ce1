// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include <admin.grpc.pb.h>
#include <details.pb.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <stillpoint/admin_server.h>

namespace stillpoint::gate {
namespace {

using google::protobuf::Empty;

// As the servers of ScalarDB do where the client names no time.
constexpr std::chrono::seconds drain_default{30};
// More pauses at once are refused, so that threads remain for unpausing.
constexpr int pauses_max = 16;
constexpr int request_bytes_max = 64 * 1024;
constexpr const char* domain = "stillpoint.gate";

grpc::Status failed(grpc::StatusCode code, const std::string& reason, const std::string& text) {
  wire::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(domain);
  wire::Status status;
  status.set_code(code);
  status.set_message(text);
  wire::Detail* detail = status.add_details();
  detail->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  detail->set_value(info.SerializeAsString());
  return {code, text, status.SerializeAsString()};
}

grpc::Status status_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::paused:
      return grpc::Status::OK;
    case Outcome::timed_out:
      return failed(grpc::FAILED_PRECONDITION, "TIMED_OUT",
                    "what is at work did not end in time; not paused");
    case Outcome::timed_out_still_paused:
      return failed(grpc::FAILED_PRECONDITION, "TIMED_OUT_STILL_PAUSED",
                    "what is at work did not end in time; still paused by an earlier request");
    case Outcome::gate_open:
      return failed(grpc::ABORTED, "GATE_OPEN", "somebody unpaused meanwhile; not paused");
    case Outcome::pause_in_progress:
      return failed(grpc::ABORTED, "PAUSE_IN_PROGRESS", "another pause is in progress");
  }
  return {grpc::INTERNAL, "unknown outcome"};
}

class AdminService final : public rpc::Admin::Service {
 public:
  explicit AdminService(Gate& gate) : gate_(gate) {}

  grpc::Status Pause(grpc::ServerContext* context, const rpc::PauseRequest* request,
                     Empty*) override {
    const bool drain = request->wait_outstanding();
    std::chrono::milliseconds time = drain_default;
    if (request->has_max_pause_wait_time()) {
      time = std::chrono::milliseconds(request->max_pause_wait_time());
      if (drain && time.count() <= 0) {
        return {grpc::INVALID_ARGUMENT, "max_pause_wait_time has to be more than 0"};
      }
    }
    const Counted counted(pauses_);
    if (counted.number > pauses_max) return status_of(Outcome::pause_in_progress);
    return status_of(gate_.pause(drain, time, [&] { return context->IsCancelled(); }));
  }

  grpc::Status Unpause(grpc::ServerContext*, const Empty*, Empty*) override {
    gate_.unpause();
    return grpc::Status::OK;
  }

  grpc::Status CheckPaused(grpc::ServerContext*, const Empty*,
                           rpc::CheckPausedResponse* answer) override {
    answer->set_paused(gate_.paused());
    return grpc::Status::OK;
  }

  grpc::Status Stats(grpc::ServerContext*, const Empty*, rpc::StatsResponse* answer) override {
    const Statistics now = gate_.statistics();
    answer->set_stats("{\"outstanding\":" + std::to_string(now.inside) +
                      ",\"total_entered\":" + std::to_string(now.entered) +
                      ",\"total_refused\":" + std::to_string(now.refused) +
                      ",\"paused\":" + (now.paused ? "true" : "false") + "}");
    return grpc::Status::OK;
  }

 private:
  struct Counted {
    explicit Counted(std::atomic<int>& of) : count(of), number(++of) {}
    ~Counted() { --count; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    std::atomic<int>& count;
    const int number;
  };
  Gate& gate_;
  std::atomic<int> pauses_ = 0;
};

class GrpcServer : public AdminServer {
 public:
  explicit GrpcServer(Gate& gate) : gate_(gate), service_(gate) {}
  ~GrpcServer() override {
    if (!server_) return;
    // Pauses that are draining are cancelled, and notice it.
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  bool start(const ServerOptions& options) {
    auto credentials = grpc::InsecureServerCredentials();
    if (!options.certificate.empty()) {
      grpc::SslServerCredentialsOptions ssl;
      ssl.pem_key_cert_pairs.push_back({options.private_key, options.certificate});
      credentials = grpc::SslServerCredentials(ssl);
    }
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(request_bytes_max);
    // Two programs on one port would each be paused by chance.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(options.address, credentials, &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    return server_ != nullptr && port_ > 0;
  }

  std::uint16_t port() const override { return static_cast<std::uint16_t>(port_); }

 private:
  Gate& gate_;
  AdminService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

std::unique_ptr<AdminServer> AdminServer::start(Gate& gate, const ServerOptions& options) {
  auto server = std::make_unique<GrpcServer>(gate);
  if (!server->start(options)) return nullptr;
  return server;
}

std::unique_ptr<grpc::Service> make_admin_service(Gate& gate) {
  return std::make_unique<AdminService>(gate);
}

}  // namespace stillpoint::gate
