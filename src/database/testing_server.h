// SPDX-License-Identifier: Apache-2.0
// What tests need of a real server of whatever kind: a folder and a port of its own, and a process
// that is stopped and removed with the test, also when the test is killed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace stillpoint::database::testing {

[[noreturn]] void give_up(const std::string& what);
bool is_root();
int free_port();

// Failures end the program: nothing can be tested then.
class ServerProcess {
 public:
  // The folder is made in the place for temporary files. Where we are root, it belongs to `user`,
  // and programs run as that user.
  ServerProcess(std::string name, std::string user);
  ~ServerProcess();  // kills the server and removes the folder
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& folder() const { return folder_; }
  // Runs a program to its end.
  void run(std::vector<std::string> arguments) const;
  // Starts the server and waits until it is ready.
  void start(const std::vector<std::string>& arguments, const std::function<bool()>& ready);
  void signal(int number) const;
  void end(int number);  // and waits until it is gone
  bool running() const { return process_ != 0; }
  std::string log_text() const;

 private:
  void guard();
  std::vector<std::string> as_user(std::vector<std::string> arguments) const;
  bool spawn_and_wait(const std::vector<std::string>& arguments,
                      const std::function<bool()>& ready);

  std::string name_;
  std::string user_;
  std::string folder_;
  pid_t process_ = 0;
  int guard_pipe_ = -1;  // the guard cleans up when it closes
  pid_t guard_ = 0;
};

}  // namespace stillpoint::database::testing
