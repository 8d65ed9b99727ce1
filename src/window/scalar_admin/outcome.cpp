// SPDX-License-Identifier: Apache-2.0
#include "window/scalar_admin/outcome.h"

#include <details.pb.h>
#include <grpcpp/support/status.h>

#include "base/text.h"

namespace stillpoint::window {
namespace {

constexpr std::size_t details_bytes_max = 64 * 1024;
constexpr std::size_t text_bytes_max = 500;

std::string shown(const CallFailure& failure) {
  std::string text = base::printable(failure.text.substr(0, text_bytes_max));
  return text.empty() ? fmt::format("gRPC status {}", failure.code) : text;
}

}  // namespace

std::string reason_of(std::string_view details) {
  wire::Status status;
  if (details.size() > details_bytes_max ||
      !status.ParseFromArray(details.data(), static_cast<int>(details.size()))) {
    return {};
  }
  for (const wire::Detail& detail : status.details()) {
    wire::ErrorInfo info;
    if (!detail.type_url().ends_with("/google.rpc.ErrorInfo")) continue;
    if (!info.ParseFromString(detail.value())) continue;
    if (info.domain().rfind("com.scalar.", 0) == 0 || info.domain() == "stillpoint.gate") {
      return base::printable(info.reason().substr(0, text_bytes_max));
    }
  }
  return {};
}

Error error_of(const CallFailure& failure) {
  switch (failure.code) {
    case grpc::StatusCode::CANCELLED:
      return {Errc::cancelled, "interrupted", {}};
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {Errc::unavailable, "it does not answer", "see whether it runs and can be reached"};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {Errc::unsupported, shown(failure),
              "see whether the port is that of the admin service, and of which version it is"};
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return {Errc::denied, shown(failure), "see what the server demands of its clients"};
    case grpc::StatusCode::INVALID_ARGUMENT:
      return {Errc::invalid, shown(failure), "see the times and options that were given"};
    default:
      return {Errc::unavailable, shown(failure),
              "see whether it runs, and whether it wants TLS (--tls)"};
  }
}

// Servers up to ScalarDB 3.18 and Scalar DL 3.14 answer FAILED_PRECONDITION when the time was too
// short, and open their gate again. Later ones tell the outcome as a reason, besides ABORTED. Codes
// that gRPC itself makes say nothing of what the server did.
PauseAnswer judge_failed_pause(const CallFailure& failure) {
  PauseAnswer answer{PauseOutcome::unsure, reason_of(failure.details), error_of(failure)};
  switch (failure.code) {
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      answer.outcome = PauseOutcome::not_paused;
      break;
    default:
      break;
  }
  if (answer.reason == "TIMED_OUT" ||
      (answer.reason.empty() && failure.code == grpc::StatusCode::FAILED_PRECONDITION)) {
    answer.error.message = "what it works on did not end in time: " + shown(failure);
    answer.error.advice = "wait longer (--max-pause-wait-time), or at a quieter time";
  } else if (answer.reason == "TIMED_OUT_STILL_PAUSED") {
    answer.error.message = "it stays paused by somebody else, and did not drain in time";
    answer.error.advice = "wait until whoever paused it has let it go";
  } else if (answer.reason == "PAUSE_IN_PROGRESS") {
    answer.error.message = "somebody else is pausing it";
    answer.error.advice = "wait until whoever pauses it has let it go";
  } else if (answer.reason == "GATE_OPEN") {
    answer.error.message = "somebody else unpaused it meanwhile";
    answer.error.advice = "find out who unpauses it, and run it again";
  }
  return answer;
}

}  // namespace stillpoint::window
