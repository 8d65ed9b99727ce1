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
  // and programs run as that user. `end_signal` ends the server when nobody cares for its data.
  ServerProcess(std::string name, std::string user, int end_signal);
  ~ServerProcess();  // ends the server and removes the folder
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& folder() const { return folder_; }
  // Puts what `make` makes at that place into our folder. Making it takes a second or more, and
  // every test is a process of its own: it is kept for the others, under a name that tells `key`.
  void make_or_copy(const std::string& place, const std::string& key,
                    const std::function<void()>& make) const;
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
  void copy(const std::string& from, const std::string& to) const;
  std::vector<std::string> as_user(std::vector<std::string> arguments) const;
  bool spawn_and_wait(const std::vector<std::string>& arguments,
                      const std::function<bool()>& ready);

  std::string name_;
  std::string user_;
  int end_signal_;
  std::string folder_;
  pid_t process_ = 0;
  int guard_pipe_ = -1;  // the guard cleans up when it closes
  pid_t guard_ = 0;
};

}  // namespace stillpoint::database::testing
