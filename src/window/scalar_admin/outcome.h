// SPDX-License-Identifier: Apache-2.0
// What the answers of admin services mean. Two generations of servers differ in them.
#pragma once

#include <string>
#include <string_view>

#include "window/scalar_admin/instance.h"

namespace stillpoint::window {

// A failed call: gRPC's status code, its text, and the bytes of grpc-status-details-bin.
struct CallFailure {
  int code = 0;
  std::string text = {};
  std::string details = {};
};

// The reason of google.rpc.ErrorInfo in a domain of Scalar's, or empty. Any bytes may come in.
std::string reason_of(std::string_view details);

PauseAnswer judge_failed_pause(const CallFailure& failure);
Error error_of(const CallFailure& failure);

}  // namespace stillpoint::window
