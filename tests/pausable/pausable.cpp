// SPDX-License-Identifier: Apache-2.0
// An application that can be paused, for the end-to-end tests: window::TestApplication as a
// process. stdin has a command a line, each is answered by a line; its end ends the program. usage:
// pausable IP [CERTIFICATE KEY]
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>

#include <sys/prctl.h>

#include "window/scalar_admin/testing.h"

namespace {

using stillpoint::window::Behaviour;
using stillpoint::window::TestApplication;

std::string content_of(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Behaviour behaviour_named(const std::string& name) {
  if (name == "old") return {.old_gate = true};
  if (name == "pause_hangs") return {.pause_hangs = true};
  if (name == "check_hangs") return {.check_hangs = true};
  if (name == "unpause_hangs") return {.unpause_hangs = true};
  if (name == "version_1") return {.has_check = false};
  if (name == "pause_in_progress") return {.pause = {{10, "PAUSE_IN_PROGRESS"}}};
  return {};
}

// Kills a process when it makes a call for the NUMBERth time from now: when the call comes, or when
// it is done but not answered.
void strike(TestApplication& application, std::istream& words) {
  pid_t process = 0;
  std::string call;
  int number = 0;
  bool done = false;
  words >> call >> process >> number >> done;
  application.on_call([=, left = number](const std::string& made, bool made_done) mutable {
    if (made.starts_with(call) && made_done == done && --left == 0) ::kill(process, SIGKILL);
  });
}

std::string answer(TestApplication& application, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  std::string argument;
  words >> command;
  if (command == "strike") {
    strike(application, words);
    return "done";
  }
  words >> argument;
  if (command == "behave") application.behave(behaviour_named(argument));
  if (command == "in") application.enter();
  if (command == "all") application.leave_all();
  if (command == "pause") application.pause();
  if (command == "unpause") application.unpause();
  if (command == "work") application.work(std::stoi(argument));
  if (command == "restart") {
    application.stop();
    application.start();
  }
  if (command == "paused") return application.paused() ? "true" : "false";
  if (command == "worked") return std::to_string(application.worked());
  if (command == "calls") {
    std::string all;
    for (const std::string& call : application.calls()) all += call + ";";
    return all;
  }
  return "done";
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 2 && argc != 4) return 2;
  TestApplication application(argv[1], {}, argc == 4 ? content_of(argv[2]) : "",
                              argc == 4 ? content_of(argv[3]) : "");
  std::cout << "port " << application.address().port << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << answer(application, line) << std::endl;
  }
  return 0;
}
