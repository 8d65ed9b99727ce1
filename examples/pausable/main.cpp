// SPDX-License-Identifier: Apache-2.0
// An application that backups can pause: accounts in memory, transfers between them on several
// threads, each inside the gate. It prints its port; each line on stdin is answered by what it has
// done. usage: pausable_example ADDRESS [CERTIFICATE KEY]
#include <atomic>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <stillpoint/admin_server.h>

namespace {

std::string content_of(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  if (argc != 2 && argc != 4) {
    std::cerr << "usage: " << argv[0] << " ADDRESS [CERTIFICATE KEY]\n";
    return 2;
  }
  stillpoint::gate::Gate gate;
  stillpoint::gate::ServerOptions options;
  options.address = argv[1];
  if (argc == 4) {
    options.certificate = content_of(argv[2]);
    options.private_key = content_of(argv[3]);
  }
  const auto server = stillpoint::gate::AdminServer::start(gate, options);
  if (!server) {
    std::cerr << "cannot listen on " << argv[1] << "\n";
    return 1;
  }
  std::cout << "port " << server->port() << std::endl;

  std::atomic<long> from = 1'000'000;
  std::atomic<long> to = 0;
  std::atomic<long> transfers = 0;
  std::atomic<bool> end = false;
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      while (!end) {
        const auto pass = gate.enter(100ms);
        if (!pass) continue;  // paused; a server would tell its caller to try again
        --from;
        std::this_thread::sleep_for(5ms);  // half a transfer: nobody should look now
        ++to;
        ++transfers;
      }
    });
  }
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << transfers << " transfers, sum " << from + to << std::endl;
  }
  end = true;
  for (std::thread& worker : workers) worker.join();
  return 0;
}
