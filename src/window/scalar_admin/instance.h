// SPDX-License-Identifier: Apache-2.0
// One instance of an application that can be paused, as its admin service is spoken to.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/address.h"

namespace stillpoint::window {

struct Tls {
  bool on = false;
  std::string ca_pem = {};     // empty: the system's certificates
  std::string authority = {};  // the name in the certificate; empty: that of the address
};

// Where an instance is. Two are the same instance when name and IP address are.
struct Endpoint {
  net::HostPort address = {};  // as it was given or as the SRV record says
  std::string ip = {};
  auto operator<=>(const Endpoint&) const = default;
};
std::string to_text(const Endpoint& endpoint);  // "bank-0.bank:60053 (10.0.0.7)"

enum class Gate {
  open,
  closed,   // paused, or still draining
  unknown,  // it answers, but is too old to tell
};

// What became of a request to pause.
enum class PauseOutcome {
  paused,      // its gate is closed by us, and drained if that was asked for
  not_paused,  // by its own word it is not, or not by us: nothing is to be undone
  unsure,      // no answer, or one that does not tell: it may end up paused by us
};

struct PauseAnswer {
  PauseOutcome outcome = PauseOutcome::unsure;
  std::string reason = {};  // of google.rpc.ErrorInfo: "TIMED_OUT_STILL_PAUSED"
  Error error = {};         // unless paused
};

// A connection to an instance. Calls may come from several threads. Every call ends by its
// deadline, and soon after a stop request; a call that fails is not tried again.
class Instance {
 public:
  virtual ~Instance() = default;
  virtual const Endpoint& endpoint() const = 0;

  virtual Result<Gate> check(base::Duration time, std::stop_token stop) = 0;
  // `wait_max` set: waits until all that runs has ended, at most so long, by the server's clock.
  virtual PauseAnswer pause(std::optional<base::Duration> wait_max, base::Duration time,
                            std::stop_token stop) = 0;
  virtual Result<void> unpause(base::Duration time) = 0;
  // JSON that servers before version 2 tell of themselves; `unsupported` of later ones.
  virtual Result<std::string> stats(base::Duration time, std::stop_token stop) = 0;

  // After an answer: from now on the connection must hold. One that ended may have been the
  // server's end, and a server that starts again is not paused.
  virtual void watch_connection() = 0;
  virtual bool connection_held() = 0;  // since then
};

// The first question to an instance: as check(), but where no connection can be made it is tried
// again for a moment. gRPC now and then takes a connection that is still being made for one that
// failed; and asking holds nobody.
Result<Gate> first_check(Instance& instance, base::Duration time, const std::stop_token& stop);

// Connects at the first call.
Result<std::unique_ptr<Instance>> make_instance(const Endpoint& endpoint, const Tls& tls);

}  // namespace stillpoint::window
