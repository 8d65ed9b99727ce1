// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <string>
#include <thread>

#include <admin.grpc.pb.h>
#include <details.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <stillpoint/admin_server.h>

#include "base/random.h"

namespace stillpoint::gate {
namespace {

using namespace std::chrono_literals;
using google::protobuf::Empty;

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() {
    channel_ = grpc::CreateChannel("ipv4:127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::InsecureChannelCredentials());
    stub_ = rpc::Admin::NewStub(channel_);
  }

  static void limit(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + 20s);
  }
  grpc::Status pause(bool drain, std::optional<std::int64_t> time) {
    grpc::ClientContext context;
    limit(context);
    rpc::PauseRequest request;
    request.set_wait_outstanding(drain);
    if (time) request.set_max_pause_wait_time(*time);
    Empty answer;
    return stub_->Pause(&context, request, &answer);
  }
  static std::string reason_in(const grpc::Status& status) {
    wire::Status details;
    wire::ErrorInfo info;
    if (!details.ParseFromString(status.error_details()) || details.details_size() != 1) return {};
    info.ParseFromString(details.details(0).value());
    return info.reason();
  }

  Gate gate_;
  std::unique_ptr<AdminServer> server_ = AdminServer::start(gate_, {.address = "127.0.0.1:0"});
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<rpc::Admin::Stub> stub_;
};

TEST_F(AdminServerTest, EveryOutcomeHasItsCodeAndReason) {
  EXPECT_TRUE(pause(true, 1000).ok());
  gate_.unpause();
  EXPECT_TRUE(pause(false, {}).ok());
  gate_.unpause();

  auto pass = gate_.enter();
  grpc::Status status = pause(true, 20);
  EXPECT_EQ(status.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_EQ(reason_in(status), "TIMED_OUT");
  EXPECT_FALSE(gate_.paused());

  EXPECT_TRUE(pause(false, {}).ok());
  status = pause(true, 20);
  EXPECT_EQ(status.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_EQ(reason_in(status), "TIMED_OUT_STILL_PAUSED");
  EXPECT_TRUE(gate_.paused());
  gate_.unpause();

  std::jthread draining([&] {
    const grpc::Status undone = pause(true, 20000);
    EXPECT_EQ(undone.error_code(), grpc::ABORTED);
    EXPECT_EQ(reason_in(undone), "GATE_OPEN");
  });
  while (!gate_.paused()) std::this_thread::sleep_for(1ms);
  status = pause(false, {});
  EXPECT_EQ(status.error_code(), grpc::ABORTED);
  EXPECT_EQ(reason_in(status), "PAUSE_IN_PROGRESS");
  gate_.unpause();
}

TEST_F(AdminServerTest, TimesThatAreNoneAreRefused) {
  for (const std::int64_t time : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    EXPECT_EQ(pause(true, time).error_code(), grpc::INVALID_ARGUMENT);
    EXPECT_FALSE(gate_.paused());
  }
  EXPECT_TRUE(pause(true, INT64_MAX).ok());
}

TEST_F(AdminServerTest, AClientThatIsGoneHasPausedNobody) {
  auto pass = gate_.enter();
  grpc::ClientContext context;
  std::jthread pausing([&] {
    rpc::PauseRequest request;
    request.set_wait_outstanding(true);
    request.set_max_pause_wait_time(3'600'000);
    Empty answer;
    (void)stub_->Pause(&context, request, &answer);
  });
  while (!gate_.paused()) std::this_thread::sleep_for(1ms);
  context.TryCancel();
  while (gate_.paused()) std::this_thread::sleep_for(1ms);
}

// A pool of threads that pauses could use up would leave nobody to unpause.
TEST_F(AdminServerTest, UnpauseIsHeardAmongManyPauses) {
  auto pass = gate_.enter();
  std::vector<std::jthread> pausing;
  for (int i = 0; i < 40; ++i) pausing.emplace_back([&] { (void)pause(true, 15'000); });
  while (!gate_.paused()) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(50ms);
  grpc::ClientContext context;
  limit(context);
  Empty answer;
  EXPECT_TRUE(stub_->Unpause(&context, Empty(), &answer).ok());
}

// Any bytes as messages: an answer or an error, and a server that goes on.
TEST_F(AdminServerTest, AnyBytesAreAnsweredOrRefused) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  base::Random random(seed);
  grpc::GenericStub stub(channel_);
  for (int i = 0; i < 400; ++i) {
    std::string bytes(random.below(40), '\0');
    for (char& c : bytes) c = static_cast<char>(random.next());
    if (random.below(3) == 0) bytes.insert(0, "\x08\x01\x10");
    const char* methods[] = {"/rpc.Admin/Pause", "/rpc.Admin/Unpause", "/rpc.Admin/CheckPaused",
                             "/rpc.Admin/Stats", "/rpc.Admin/None"};
    grpc::ClientContext context;
    limit(context);
    grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer answer;
    grpc::Status status;
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareUnaryCall(&context, methods[random.below(5)], request, &queue);
    call->StartCall();
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    ASSERT_NE(status.error_code(), grpc::DEADLINE_EXCEEDED);
    gate_.unpause();
  }
  EXPECT_TRUE(pause(true, 1000).ok());
}

TEST(AdminServer, AnAddressThatIsInUseIsRefused) {
  Gate gate;
  const auto first = AdminServer::start(gate, {.address = "127.0.0.1:0"});
  ASSERT_TRUE(first);
  EXPECT_FALSE(AdminServer::start(gate, {.address = "127.0.0.1:" + std::to_string(first->port())}));
}

}  // namespace
}  // namespace stillpoint::gate
