// SPDX-License-Identifier: Apache-2.0
// An application with an admin service, for tests: of the old and the new kind, and with every
// fault.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "window/scalar_admin/instance.h"
#include "window/service.h"

namespace stillpoint::window {

struct FixedAnswer {
  int code = 0;             // of gRPC
  std::string reason = {};  // of ErrorInfo; empty: none
};

struct Behaviour {
  bool old_gate = false;                  // as ScalarDB Server 3.13: one flag, and nobody owns it
  std::optional<FixedAnswer> pause = {};  // answered to every pause, which does nothing else
  bool close_anyway = false;              // with `pause`: the gate is closed all the same
  bool pause_hangs = false;               // closes the gate and never answers
  bool pause_late = false;                // never answers, and closes the gate when it was given up
  bool check_hangs = false;
  bool unpause_hangs = false;
  int unpause_failures = 0;  // so many fail before one works
  bool has_check = true;
  bool has_stats = true;
};

class TestApplication {
 public:
  // On a free port of this address; ends with the object.
  explicit TestApplication(const std::string& ip = "127.0.0.1", const Behaviour& behaviour = {},
                           const std::string& certificate = {},
                           const std::string& private_key = {});
  ~TestApplication();
  TestApplication(const TestApplication&) = delete;
  TestApplication& operator=(const TestApplication&) = delete;

  net::HostPort address() const;
  void behave(const Behaviour& behaviour);
  bool paused() const;
  void unpause();  // as if somebody else did
  void pause();    // the same
  void enter();    // somebody is inside, until leave()
  void leave();
  void leave_all();
  void work(int threads);  // until the end: enter, 1 ms of work, leave
  std::uint64_t worked() const;
  void stop();   // as if it was killed
  void start();  // again, on the same port
  // Called when a call comes, and again when it is done but not answered yet.
  using CallHook = std::function<void(const std::string& call, bool done)>;
  void on_call(CallHook hook);
  std::vector<std::string> calls() const;  // "CheckPaused", "Pause wait 30000", "Unpause", …
  int count(const std::string& call) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The services that these applications are, by their addresses.
Service service_of(const std::vector<const TestApplication*>& applications);

}  // namespace stillpoint::window
