// SPDX-License-Identifier: Apache-2.0
#include "window/scalar_admin/testing.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <admin.grpc.pb.h>
#include <details.pb.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <stillpoint/gate.h>

namespace stillpoint::window {
namespace {

using google::protobuf::Empty;
using Milliseconds = std::chrono::milliseconds;
using Context = grpc::ServerContext;

grpc::Status status_of(const FixedAnswer& answer) {
  const auto code = static_cast<grpc::StatusCode>(answer.code);
  if (answer.reason.empty()) return {code, "an answer of the test"};
  wire::ErrorInfo info;
  info.set_reason(answer.reason);
  info.set_domain("com.scalar.db.cluster.admin");
  wire::Status status;
  status.set_code(code);
  wire::Detail* detail = status.add_details();
  detail->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  detail->set_value(info.SerializeAsString());
  return {code, "an answer of the test", status.SerializeAsString()};
}

void wait_for_cancel(const Context& context) {
  while (!context.IsCancelled()) std::this_thread::sleep_for(Milliseconds(5));
}

// ScalarDB Server 3.13: a flag and a count. A pause that times out opens the gate, whoever closed
// it.
class OldGate {
 public:
  bool pause(bool drain, Milliseconds time, const Context& context) {
    std::unique_lock lock(mutex_);
    open_ = false;
    if (!drain) return true;
    const auto deadline = std::chrono::steady_clock::now() + time;
    while (inside_ > 0) {
      if (std::chrono::steady_clock::now() >= deadline || context.IsCancelled()) {
        open_ = true;
        return false;
      }
      changed_.wait_for(lock, Milliseconds(5));
    }
    return true;
  }
  void set_open(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
  }
  bool paused() const {
    const std::lock_guard lock(mutex_);
    return !open_;
  }
  void count(int change) {
    const std::lock_guard lock(mutex_);
    inside_ += change;
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int inside_ = 0;
};

class FakeService final : public rpc::Admin::Service {
 public:
  // A call, from its coming to just before its answer.
  class Noted {
   public:
    Noted(FakeService& service, std::string call) : service_(service), call_(std::move(call)) {
      service_.note(call_);
      tell(false);
    }
    ~Noted() { tell(true); }
    Noted(const Noted&) = delete;
    Noted& operator=(const Noted&) = delete;

   private:
    void tell(bool done) {
      const std::lock_guard lock(service_.hook_mutex);
      if (service_.hook) service_.hook(call_, done);
    }
    FakeService& service_;
    const std::string call_;
  };

  grpc::Status Pause(Context* context, const rpc::PauseRequest* request, Empty*) override {
    const bool drain = request->wait_outstanding();
    const Noted noted(
        *this, "Pause" + (drain ? " wait " + std::to_string(request->max_pause_wait_time()) : ""));
    const Behaviour now = behaviour();
    if (now.pause) {
      if (now.close_anyway) gate->pause(false, Milliseconds(0));
      return status_of(*now.pause);
    }
    if (now.pause_hangs) {
      gate->pause(false, Milliseconds(0));
      wait_for_cancel(*context);
      return {grpc::CANCELLED, "cancelled"};
    }
    if (now.pause_late) {
      wait_for_cancel(*context);
      std::this_thread::sleep_for(Milliseconds(150));
      gate->pause(false, Milliseconds(0));
      note("paused late");
      return {grpc::CANCELLED, "cancelled"};
    }
    const Milliseconds time(request->max_pause_wait_time());
    if (now.old_gate) {
      if (old_gate->pause(drain, time, *context)) return grpc::Status::OK;
      return {grpc::FAILED_PRECONDITION,
              "failed to finish processing outstanding requests within the time limit."};
    }
    switch (gate->pause(drain, time)) {
      case gate::Outcome::paused:
        return grpc::Status::OK;
      case gate::Outcome::timed_out:
        return status_of({grpc::FAILED_PRECONDITION, "TIMED_OUT"});
      case gate::Outcome::timed_out_still_paused:
        return status_of({grpc::FAILED_PRECONDITION, "TIMED_OUT_STILL_PAUSED"});
      case gate::Outcome::gate_open:
        return status_of({grpc::ABORTED, "GATE_OPEN"});
      case gate::Outcome::pause_in_progress:
        return status_of({grpc::ABORTED, "PAUSE_IN_PROGRESS"});
    }
    return {grpc::INTERNAL, "no outcome"};
  }

  grpc::Status Unpause(Context* context, const Empty*, Empty*) override {
    const Noted noted(*this, "Unpause");
    if (behaviour().unpause_hangs) {
      wait_for_cancel(*context);
      return {grpc::CANCELLED, "cancelled"};
    }
    {
      const std::lock_guard lock(mutex);
      if (behaviour_.unpause_failures > 0) {
        --behaviour_.unpause_failures;
        return {grpc::UNAVAILABLE, "not now"};
      }
    }
    open();
    return grpc::Status::OK;
  }

  grpc::Status CheckPaused(Context* context, const Empty*,
                           rpc::CheckPausedResponse* answer) override {
    const Noted noted(*this, "CheckPaused");
    if (behaviour().check_hangs) wait_for_cancel(*context);
    if (!behaviour().has_check) return {grpc::UNIMPLEMENTED, "no such method"};
    answer->set_paused(paused());
    return grpc::Status::OK;
  }

  grpc::Status Stats(Context*, const Empty*, rpc::StatsResponse* answer) override {
    const Noted noted(*this, "Stats");
    if (!behaviour().has_stats) return {grpc::UNIMPLEMENTED, "no such method"};
    answer->set_stats("{\"outstanding\":" + std::to_string(inside.load()) + "}");
    return grpc::Status::OK;
  }

  bool paused() const { return behaviour().old_gate ? old_gate->paused() : gate->paused(); }
  void open() {
    gate->unpause();
    old_gate->set_open(true);
  }
  Behaviour behaviour() const {
    const std::lock_guard lock(mutex);
    return behaviour_;
  }
  void note(const std::string& call) {
    const std::lock_guard lock(mutex);
    calls.push_back(call);
  }

  mutable std::mutex mutex;
  Behaviour behaviour_;
  std::vector<std::string> calls;
  std::mutex hook_mutex;
  TestApplication::CallHook hook;
  std::atomic<int> inside = 0;
  std::unique_ptr<gate::Gate> gate = std::make_unique<gate::Gate>();
  std::unique_ptr<OldGate> old_gate = std::make_unique<OldGate>();
};

}  // namespace

struct TestApplication::State {
  std::string ip;
  std::string certificate;
  std::string private_key;
  int port = 0;
  FakeService service;
  std::vector<gate::Gate::Pass> passes;
  std::atomic<std::uint64_t> worked = 0;
  std::vector<std::jthread> workers;
  std::unique_ptr<grpc::Server> server;
};

TestApplication::TestApplication(const std::string& ip, const Behaviour& behaviour,
                                 const std::string& certificate, const std::string& private_key)
    : state_(std::make_unique<State>()) {
  state_->ip = ip;
  state_->certificate = certificate;
  state_->private_key = private_key;
  behave(behaviour);
  start();
}

TestApplication::~TestApplication() {
  stop();
  state_->workers.clear();
  state_->passes.clear();
}

net::HostPort TestApplication::address() const {
  return {state_->ip, static_cast<std::uint16_t>(state_->port)};
}

void TestApplication::behave(const Behaviour& behaviour) {
  const std::lock_guard lock(state_->service.mutex);
  state_->service.behaviour_ = behaviour;
}

bool TestApplication::paused() const {
  return state_->service.paused();
}

void TestApplication::unpause() {
  state_->service.open();
}

void TestApplication::pause() {
  state_->service.gate->pause(false, Milliseconds(0));
  state_->service.old_gate->set_open(false);
}

void TestApplication::enter() {
  state_->passes.push_back(state_->service.gate->enter());
  state_->service.old_gate->count(1);
  ++state_->service.inside;
}

void TestApplication::leave() {
  state_->passes.pop_back();
  state_->service.old_gate->count(-1);
  --state_->service.inside;
}

void TestApplication::leave_all() {
  while (!state_->passes.empty()) leave();
}

void TestApplication::work(int threads) {
  for (int i = 0; i < threads; ++i) {
    state_->workers.emplace_back([state = state_.get()](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto pass = state->service.gate->enter(Milliseconds(20));
        if (!pass) continue;
        std::this_thread::sleep_for(Milliseconds(1));
        ++state->worked;
      }
    });
  }
}

std::uint64_t TestApplication::worked() const {
  return state_->worked;
}

void TestApplication::stop() {
  if (!state_->server) return;
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->server->Wait();
  state_->server.reset();
  state_->service.open();
}

void TestApplication::start() {
  auto credentials = grpc::InsecureServerCredentials();
  if (!state_->certificate.empty()) {
    grpc::SslServerCredentialsOptions ssl;
    ssl.pem_key_cert_pairs.push_back({state_->private_key, state_->certificate});
    credentials = grpc::SslServerCredentials(ssl);
  }
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(
      net::to_text(net::HostPort{state_->ip, static_cast<std::uint16_t>(state_->port)}),
      credentials, &state_->port);
  builder.RegisterService(&state_->service);
  state_->server = builder.BuildAndStart();
  if (!state_->server || state_->port == 0) throw std::runtime_error("cannot listen");
}

void TestApplication::on_call(CallHook hook) {
  const std::lock_guard lock(state_->service.hook_mutex);
  state_->service.hook = std::move(hook);
}

std::vector<std::string> TestApplication::calls() const {
  const std::lock_guard lock(state_->service.mutex);
  return state_->service.calls;
}

int TestApplication::count(const std::string& call) const {
  const auto all = calls();
  return static_cast<int>(std::count_if(
      all.begin(), all.end(), [&](const std::string& made) { return made.rfind(call, 0) == 0; }));
}

Service service_of(const std::vector<const TestApplication*>& applications) {
  Service service;
  for (const TestApplication* application : applications) {
    service.addresses.push_back(application->address());
  }
  return service;
}

}  // namespace stillpoint::window
