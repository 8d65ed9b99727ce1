// SPDX-License-Identifier: Apache-2.0
// Debian's gRPC and Abseil are not built for ThreadSanitizer, which does not see how they
// synchronise. Races with one of their functions on the stack are not told; ours alone are.
#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libgrpc.so\n"
         "race:libgrpc++.so\n"
         "race:libgpr.so\n"
         "race:libabsl_\n"
         "race:grpc::\n"
         "race:rpc::Admin\n";
}
#endif
