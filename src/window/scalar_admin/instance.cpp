// SPDX-License-Identifier: Apache-2.0
#include "window/scalar_admin/instance.h"

#include <algorithm>
#include <mutex>

#include <admin.grpc.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "base/file.h"
#include "base/sleep.h"
#include "base/text.h"
#include "window/scalar_admin/outcome.h"

namespace stillpoint::window {
namespace {

using google::protobuf::Empty;

constexpr int answer_bytes_max = 256 * 1024;
constexpr std::chrono::seconds connect_patience{1};
constexpr std::chrono::milliseconds between_connects{100};
constexpr std::size_t ca_bytes_max = 4 * 1024 * 1024;
// Debian and what derives from it, Red Hat and what derives from it.
constexpr const char* system_certificates[] = {"/etc/ssl/certs/ca-certificates.crt",
                                               "/etc/pki/tls/certs/ca-bundle.crt"};

std::chrono::system_clock::time_point deadline_after(base::Duration time) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
}

CallFailure failure_of(const grpc::Status& status) {
  return {status.error_code(), status.error_message(), status.error_details()};
}

class GrpcInstance : public Instance {
 public:
  GrpcInstance(Endpoint endpoint, std::shared_ptr<grpc::Channel> channel)
      : endpoint_(std::move(endpoint)),
        channel_(std::move(channel)),
        stub_(rpc::Admin::NewStub(channel_)) {}

  ~GrpcInstance() override {
    stub_.reset();
    channel_.reset();  // which ends the wait for its change
    events_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (events_.Next(&tag, &ok)) {
    }
  }

  const Endpoint& endpoint() const override { return endpoint_; }

  Result<Gate> check(base::Duration time, std::stop_token stop) override {
    rpc::CheckPausedResponse answer;
    const grpc::Status status = call(time, stop, [&](grpc::ClientContext& context) {
      return stub_->CheckPaused(&context, Empty(), &answer);
    });
    // Version 1.0 of the service has no such call.
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return Gate::unknown;
    if (!status.ok()) return failed("ask", status);
    return answer.paused() ? Gate::closed : Gate::open;
  }

  PauseAnswer pause(std::optional<base::Duration> wait_max, base::Duration time,
                    std::stop_token stop) override {
    rpc::PauseRequest request;
    if (wait_max) {
      request.set_wait_outstanding(true);
      request.set_max_pause_wait_time(
          std::chrono::ceil<std::chrono::milliseconds>(*wait_max).count());
    }
    Empty answer;
    const grpc::Status status = call(time, stop, [&](grpc::ClientContext& context) {
      return stub_->Pause(&context, request, &answer);
    });
    if (status.ok()) return {PauseOutcome::paused, {}, {}};
    PauseAnswer judged = judge_failed_pause(failure_of(status));
    judged.error = std::move(judged.error).during("pause " + to_text(endpoint_));
    return judged;
  }

  Result<void> unpause(base::Duration time) override {
    Empty answer;
    const grpc::Status status = call(time, {}, [&](grpc::ClientContext& context) {
      return stub_->Unpause(&context, Empty(), &answer);
    });
    if (!status.ok()) return failed("unpause", status);
    return {};
  }

  Result<std::string> stats(base::Duration time, std::stop_token stop) override {
    rpc::StatsResponse answer;
    const grpc::Status status = call(time, stop, [&](grpc::ClientContext& context) {
      return stub_->Stats(&context, Empty(), &answer);
    });
    if (!status.ok()) return failed("ask for statistics", status);
    return answer.stats();
  }

  // gRPC tells every change, also one that is over: a connection that ended and was made anew
  // between two calls does not go unseen.
  void watch_connection() override {
    const std::lock_guard lock(events_mutex_);
    if (watching_) return;
    watching_ = true;
    channel_->NotifyOnStateChange(GRPC_CHANNEL_READY, std::chrono::system_clock::time_point::max(),
                                  &events_, nullptr);
  }

  bool connection_held() override {
    const std::lock_guard lock(events_mutex_);
    void* tag = nullptr;
    bool changed = false;
    if (held_ && watching_ &&
        events_.AsyncNext(&tag, &changed, std::chrono::system_clock::now()) ==
            grpc::CompletionQueue::GOT_EVENT) {
      held_ = false;
    }
    return held_ && channel_->GetState(false) == GRPC_CHANNEL_READY;
  }

 private:
  template <class Call>
  static grpc::Status call(base::Duration time, const std::stop_token& stop, const Call& make) {
    grpc::ClientContext context;
    context.set_deadline(deadline_after(time));
    const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
    return make(context);
  }

  tl::unexpected<Error> failed(const std::string& what, const grpc::Status& status) const {
    return fail(error_of(failure_of(status)).during(what + " " + to_text(endpoint_)));
  }

  const Endpoint endpoint_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<rpc::Admin::Stub> stub_;
  std::mutex events_mutex_;
  grpc::CompletionQueue events_;
  bool watching_ = false;
  bool held_ = true;
};

Result<std::string> trusted_certificates(const Tls& tls) {
  if (!tls.ca_pem.empty()) return tls.ca_pem;
  for (const char* path : system_certificates) {
    const auto bytes = base::read_file(path, ca_bytes_max);
    if (bytes) return std::string(base::text_of(*bytes));
  }
  return fail(Error{Errc::not_found, "the system has no certificates to trust",
                    "install ca-certificates, or give --ca-root-cert-path"});
}

}  // namespace

std::string to_text(const Endpoint& endpoint) {
  const std::string text = net::to_text(endpoint.address);
  return endpoint.ip == endpoint.address.host ? text : text + " (" + endpoint.ip + ")";
}

Result<Gate> first_check(Instance& instance, base::Duration time, const std::stop_token& stop) {
  const base::Deadline deadline(time);
  const base::Deadline patience(std::min<base::Duration>(time, connect_patience));
  for (;;) {
    const base::Deadline at_once(connect_patience);
    Result<Gate> gate = instance.check(deadline.left(), stop);
    if (gate || gate.error().code != Errc::unavailable) return gate;
    // A refusal comes at once; a busy machine's answer may only be late.
    const bool late = at_once.passed();
    if (deadline.passed() || (patience.passed() && !late)) return gate;
    (void)base::sleep_for(between_connects, stop);
  }
}

Result<std::unique_ptr<Instance>> make_instance(const Endpoint& endpoint, const Tls& tls) {
  grpc::ChannelArguments settings;
  settings.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // a second try could go to a server that restarted
  settings.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // the environment does not choose who is asked
  settings.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  settings.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  settings.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  settings.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2000);  // the time for one try to connect
  settings.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  settings.SetMaxReceiveMessageSize(answer_bytes_max);
  auto credentials = grpc::InsecureChannelCredentials();
  std::string authority = net::to_text(endpoint.address);
  if (tls.on) {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = TRY(trusted_certificates(tls));
    credentials = grpc::SslCredentials(ssl);
    const std::string name = tls.authority.empty() ? endpoint.address.host : tls.authority;
    settings.SetSslTargetNameOverride(name);
  }
  if (!tls.authority.empty()) authority = tls.authority;
  settings.SetString(GRPC_ARG_DEFAULT_AUTHORITY, authority);
  const std::string target = (net::is_ipv6(endpoint.ip) ? "ipv6:" : "ipv4:") +
                             net::to_text({endpoint.ip, endpoint.address.port});
  return std::make_unique<GrpcInstance>(endpoint,
                                        grpc::CreateCustomChannel(target, credentials, settings));
}

}  // namespace stillpoint::window
