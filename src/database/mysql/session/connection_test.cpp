// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/connection.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "base/program.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/testing.h"
#include "database/sqlite/testing.h"
#include "database/testing.h"

namespace stillpoint::database::mysql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Server;

using database::testing::said;

std::string running_sql(const std::string& pattern) {
  return "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query' AND info "
         "LIKE " +
         quote_text(pattern) + " AND id <> CONNECTION_ID()";
}

// Until the server shows a session that runs this, or no more.
bool wait_until_running(const Server& server, const std::string& pattern, bool running = true) {
  for (const base::Deadline deadline(seconds(20)); !deadline.passed();) {
    if ((server.value(running_sql(pattern)) != "0") == running) return true;
  }
  return false;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0600);
}

TEST(MysqlConnection, AsksAndGetsRows) {
  const Server server;
  Connection session = server.session();
  ASSERT_EQ(said(session.execute("CREATE DATABASE s; CREATE TABLE s.t(i int, x text);"
                                 "INSERT INTO s.t VALUES(1, 'one'), (2, NULL), (3, '')")),
            "ok");
  const auto rows = session.query("SELECT i, x AS Name FROM s.t WHERE i >= 2 ORDER BY i");
  ASSERT_EQ(said(rows), "ok");
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].number(0), 2);
  EXPECT_TRUE((*rows)[0].is_null(1));
  EXPECT_FALSE((*rows)[1].is_null(1));
  EXPECT_EQ((*rows)[1].text("NAME"), "");
  EXPECT_EQ((*rows)[1].number("i"), 3);
  EXPECT_EQ((*rows)[1].text("none"), "");
  EXPECT_EQ(session.value("SELECT x FROM s.t WHERE i = 1").value(), "one");
  EXPECT_EQ(said(session.value("SELECT x FROM s.t WHERE i = 4")),
            "not_found: the server knows none such | ");
  // Of several statements, the last one's rows.
  EXPECT_EQ(session.query("SELECT 1; SELECT 2, 3").value().at(0).text(1), "3");
  EXPECT_EQ(session.value("SELECT '💰'").value(), "💰");
}

TEST(MysqlConnection, HasTheSameSettingsWhateverTheServersAre) {
  const Server server;
  server.run(
      "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH',"
      " time_zone = '+05:45', autocommit = 0, sql_select_limit = 1, wait_timeout = 1,"
      " character_set_results = latin1; SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED");
  Connection session = server.session();
  std::this_thread::sleep_for(milliseconds(1500));  // longer than the server's wait_timeout
  EXPECT_EQ(session
                .value("SELECT CONCAT_WS('|', @@sql_mode, @@time_zone, @@autocommit = 1,"
                       " @@character_set_results, @@character_set_client)")
                .value_or("?"),
            "|+00:00|1|utf8mb4|utf8mb4");
  EXPECT_EQ(session.query("SELECT 1 UNION ALL SELECT 2").value().size(), 2U);
  EXPECT_EQ(session.value("SELECT @@transaction_isolation")
                .value_or(session.value("SELECT @@tx_isolation").value_or("?")),
            "REPEATABLE-READ");
}

TEST(MysqlConnection, TellsFailuresApart) {
  const Server server;
  server.run(
      "CREATE DATABASE s; CREATE TABLE s.t(i int PRIMARY KEY); INSERT INTO s.t VALUES(7);"
      "CREATE USER weak@'127.0.0.1'");
  Connection session = server.session();
  const auto code = [&](const std::string& sql) {
    const auto done = session.execute(sql);
    return done ? std::string("ok") : std::string(base::name_of(done.error().code));
  };
  EXPECT_EQ(code("SELECT * FROM s.none"), "not_found");
  EXPECT_EQ(code("SELECT * FROM none.t"), testing::is_mysql() ? "not_found" : "not_found");
  EXPECT_EQ(code("CREATE DATABASE s"), "already_exists");
  EXPECT_EQ(code("CREATE TABLE s.t(i int)"), "already_exists");
  EXPECT_EQ(code("nonsense"), "invalid");
  // A statement after one that fails is not run, and the session goes on.
  EXPECT_EQ(code("SELECT 1; SELECT * FROM s.none; DROP TABLE s.t"), "not_found");
  EXPECT_EQ(code("SELECT * FROM s.t"), "ok");
  EXPECT_EQ(said(server.session("weak").execute("SELECT * FROM s.t")).substr(0, 7), "denied:");
  EXPECT_THAT(said(Connection::connect(server.address("", "nobody"))),
              AllOf(HasSubstr("denied:"), HasSubstr("connect to the server at 127.0.0.1:")));
  EXPECT_THAT(said(Connection::connect(Address{"mysql://root@127.0.0.1:1/", {}, {}})),
              HasSubstr("unavailable:"));
  EXPECT_THAT(said(Connection::connect(Address{"mysql:///?socket=%2fnone", {}, {}})),
              HasSubstr("unavailable:"));
}

// Values of rows belong to the user.
TEST(MysqlConnection, QuotesNoDataInErrors) {
  const Server server;
  server.run(
      "CREATE DATABASE s; CREATE TABLE s.t(x varchar(40) PRIMARY KEY, i int);"
      "INSERT INTO s.t VALUES('it''s se''cret', 1)");
  Connection session = server.session();
  for (const char* sql :
       {"INSERT INTO s.t VALUES('it''s se''cret', 1)",
        "SET sql_mode = 'STRICT_ALL_TABLES'; INSERT INTO s.t VALUES('x', 'secret')",
        "UPDATE s.t SET i = 'secret' WHERE i = 1"}) {
    const auto done = session.execute(sql);
    ASSERT_FALSE(done) << sql;
    EXPECT_THAT(done.error().message, AllOf(Not(HasSubstr("cret")), HasSubstr("…"))) << sql;
  }
}

// A certificate for 127.0.0.1 and another address.
class Certificates {
 public:
  Certificates() {
    for (const std::string host : {"127.0.0.1", "127.0.0.2"}) {
      run("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout " + host + ".key -out " +
          host + ".pem -subj /CN=test -addext subjectAltName=IP:" + host + " 2>/dev/null");
    }
    run("chmod 644 *; chmod 755 .");
  }
  testing::ServerOptions options(const std::string& host) const {
    const std::string base = folder_.path() + "/" + host;
    return {true, {"--ssl-cert=" + base + ".pem", "--ssl-key=" + base + ".key"}};
  }
  std::string authority(const std::string& host) const {
    return "&ssl-ca=" + folder_.path() + "/" + host + ".pem";
  }

 private:
  void run(const std::string& command) const {
    const auto ran =
        base::run_program({{"sh", "-c", "cd " + folder_.path() + " && " + command}, {}, {}},
                          [](ByteView) -> Result<void> { return {}; }, {});
    ASSERT_TRUE(ran) << ran.error().message;
  }
  sqlite::testing::Folder folder_;
};

// libmariadb waits in another way over TLS.
class MysqlWaits : public ::testing::TestWithParam<bool> {
 protected:
  const Certificates certificates_;
  const Server server{GetParam() ? certificates_.options("127.0.0.1") : testing::ServerOptions{}};
  Connection session_over_it(std::stop_token stop = {}) const {
    const std::string mode = GetParam() ? "?ssl-mode=required" : "?ssl-mode=disabled";
    auto session =
        Connection::connect({server.url("", "root", "", mode), {}, {}}, {.stop = std::move(stop)});
    EXPECT_EQ(said(session), "ok");
    EXPECT_EQ(session->over_tls(), GetParam());
    return std::move(*session);
  }
};
INSTANTIATE_TEST_SUITE_P(Wires, MysqlWaits, ::testing::Bool(), [](const auto& test) {
  return std::string(test.param ? "Tls" : "Plain");
});

TEST_P(MysqlWaits, AStopRequestEndsTheStatementOnTheServer) {
  std::stop_source stop;
  Connection session = session_over_it(stop.get_token());
  std::jthread stopper([&] {
    EXPECT_TRUE(wait_until_running(server, "SELECT SLEEP(100)%"));
    stop.request_stop();
  });
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(said(session.execute("SELECT SLEEP(100)")), "cancelled: stopped on request | ");
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(30));
  EXPECT_TRUE(wait_until_running(server, "SELECT SLEEP(100)%", false));
  session.obey({});
  EXPECT_EQ(session.value("SELECT 1").value_or("?"), "1");
}

TEST_P(MysqlWaits, ADeadlineEndsTheStatementOnTheServer) {
  server.run("CREATE DATABASE s; CREATE TABLE s.t(i int)");
  Connection other = server.session();
  ASSERT_EQ(said(other.execute("LOCK TABLES s.t WRITE")), "ok");
  Connection session = session_over_it();
  for (int round = 0; round < 20; ++round) {
    session.limit(base::Deadline(milliseconds(30)));
    const auto began = std::chrono::steady_clock::now();
    EXPECT_THAT(said(session.execute("SELECT * FROM s.t")), HasSubstr("busy: it was not done"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(3));
    session.unlimit();
    // Nothing of the order to cancel is left for the next statement.
    EXPECT_EQ(session.value("SELECT 'next'").value_or("?"), "next");
  }
}

TEST(MysqlConnection, StreamsRows) {
  const Server server;
  server.run(
      "CREATE DATABASE s; CREATE TABLE s.t(i int PRIMARY KEY, x varchar(100));"
      "INSERT INTO s.t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
      "WHERE i < 900) SELECT a.i * 1000 + b.i, IF(b.i % 2 = 0, NULL, REPEAT('x', b.i % 50)) "
      "FROM n a, n b WHERE a.i <= 100");
  Connection session = server.session();
  std::uint64_t seen = 0;
  std::uint64_t nulls = 0;
  const auto rows = session.stream("SELECT i, x FROM s.t", [&](const Cells& row) -> Result<void> {
    ++seen;
    EXPECT_EQ(row.count, 2U);
    if (row.values[1] == nullptr) ++nulls;
    return {};
  });
  ASSERT_EQ(said(rows), "ok");
  EXPECT_EQ(*rows, 90'000U);
  EXPECT_EQ(seen, 90'000U);
  EXPECT_EQ(nulls, 45'000U);
}

TEST_P(MysqlWaits, EndsAStreamThatIsNotWanted) {
  server.run(
      "CREATE DATABASE s; CREATE TABLE s.t(x text); INSERT INTO s.t WITH RECURSIVE n(i) AS "
      "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT REPEAT('x', 1000) FROM n");
  Connection session = session_over_it();
  const std::string endless = "SELECT a.x FROM s.t a, s.t b, s.t c, s.t d";
  int seen = 0;
  const auto refused = session.stream(endless, [&](const Cells&) -> Result<void> {
    if (++seen == 10'000) return fail(Errc::no_space, "the sink is full");
    return {};
  });
  EXPECT_EQ(said(refused), "no_space: the sink is full | ");
  EXPECT_EQ(session.value("SELECT 1").value_or("?"), "1");
  std::stop_source stop;
  session.obey(stop.get_token());
  const auto stopped = session.stream(endless, [&](const Cells&) -> Result<void> {
    stop.request_stop();
    return {};
  });
  EXPECT_EQ(said(stopped), "cancelled: stopped on request | ");
  session.obey({});
  session.limit(base::Deadline(milliseconds(200)));
  EXPECT_THAT(said(session.stream(endless, [](const Cells&) -> Result<void> { return {}; })),
              HasSubstr("busy:"));
  session.unlimit();
  EXPECT_EQ(session.value("SELECT 1").value_or("?"), "1");
  EXPECT_TRUE(wait_until_running(server, "SELECT a.x%", false));
}

TEST(MysqlConnection, SaysThatTheServerWentAway) {
  Server server;
  Connection session = server.session();
  server.kill();
  EXPECT_THAT(said(session.execute("SELECT 1")), HasSubstr("unavailable:"));
  EXPECT_FALSE(session.usable());
  EXPECT_THAT(said(session.execute("SELECT 1")), HasSubstr("unavailable:"));
  server.start();
  session = server.session();
  Connection other = server.session();
  EXPECT_EQ(said(other.execute("KILL " + std::to_string(session.id()))), "ok");
  EXPECT_THAT(said(session.execute("SELECT 1")), HasSubstr("unavailable:"));
}

// A server that takes the connection and says nothing.
TEST(MysqlConnection, DoesNotWaitForeverForAConnection) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place = {};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&place), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&place), &size), 0);
  const Address address{"mysql://root@127.0.0.1:" + std::to_string(ntohs(place.sin_port)), {}, {}};
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(said(Connection::connect(address, {.time_max = milliseconds(200)})),
              HasSubstr("busy:"));
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(200));
    stop.request_stop();
  });
  EXPECT_THAT(said(Connection::connect(address, {.stop = stop.get_token()})),
              HasSubstr("cancelled:"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
  ::close(listener);
}

class MysqlPasswords : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.run("CREATE USER guarded@'127.0.0.1' IDENTIFIED BY 'se''sa:me \\\\x'");
    ::setenv("HOME", server_.folder().c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("MYSQL_PWD");
    ::setenv("HOME", "/", 1);
  }
  std::string tried(const Address& address) { return said(Connection::connect(address)); }
  Server server_;
  const std::string password_ = "se'sa:me \\x";
};

TEST_F(MysqlPasswords, ComeFromManyPlaces) {
  const std::string file = server_.folder() + "/password";
  write_file(file, password_ + "\n");
  EXPECT_EQ(tried({server_.url("", "guarded", password_), {}, {}}), "ok");
  EXPECT_EQ(tried({server_.url("", "guarded"), file, {}}), "ok");
  EXPECT_EQ(tried({server_.url("", "guarded"), {}, "cat " + file}), "ok");
  ::setenv("MYSQL_PWD", password_.c_str(), 1);
  EXPECT_EQ(tried({server_.url("", "guarded"), {}, {}}), "ok");
  ::setenv("MYSQL_PWD", "wrong", 1);
  EXPECT_EQ(tried({server_.url("", "guarded"), file, {}}), "ok");
  EXPECT_EQ(tried({server_.url("", "guarded", password_), {}, {}}), "ok");
  const std::string defaults = server_.folder() + "/defaults";
  write_file(defaults,
             "[mysqld]\npassword=no\n[client]\n# a comment\nuser = guarded\n"
             "password = \"se'sa:me \\\\x\" # another\n[mysqldump]\npassword=no\n");
  const std::string named = "?defaults-file=" + defaults;
  EXPECT_EQ(tried({server_.url("", "guarded", "", named), {}, {}}), "ok");
  EXPECT_EQ(tried({"mysql://127.0.0.1:" + std::to_string(server_.port()) + named, {}, {}}), "ok");
  ::unsetenv("MYSQL_PWD");
  EXPECT_THAT(tried({server_.url("", "guarded"), {}, {}}), HasSubstr("denied:"));
  write_file(server_.folder() + "/.my.cnf", "[client]\npassword=se'sa:me\\s\\\\x\n");
  EXPECT_EQ(tried({server_.url("", "guarded"), {}, {}}), "ok");
}

TEST_F(MysqlPasswords, AreInNoError) {
  for (const Address& address : std::vector<Address>{
           {server_.url("", "guarded", "wrong-secret"), {}, {}},
           {server_.url("", "guarded", "wrong-secret", "?ssl-mode=secret"), {}, {}},
           {"mysql://guarded:wrong-secret@127.0.0.1:1/", {}, {}},
           {"mysql://guarded:wrong/secret@127.0.0.1:1/", {}, {}},
           {server_.url("", "guarded"), {}, "echo wrong-secret"}}) {
    EXPECT_THAT(tried(address), AllOf(Not(HasSubstr("secret")), Not(HasSubstr("ok"))));
  }
}

TEST(MysqlConnection, ChecksTheCertificateWhereTheUrlAsksForIt) {
  const Certificates certificates;
  const auto connects = [&](const Server& server, const std::string& parameters) {
    auto session = Connection::connect({server.url("", "root", "", parameters), {}, {}});
    if (!session) return said(session).substr(0, 6);
    return std::string(session->over_tls() ? "tls" : "plain");
  };
  const std::string right = certificates.authority("127.0.0.1");
  const std::string wrong = certificates.authority("127.0.0.2");
  {
    const Server server(certificates.options("127.0.0.1"));
    EXPECT_EQ(connects(server, "?ssl-mode=verify_identity" + right), "tls");
    EXPECT_EQ(connects(server, "?ssl-mode=verify_identity" + wrong), "denied");
    EXPECT_EQ(connects(server, "?ssl-mode=verify_identity"), "denied");
    EXPECT_EQ(connects(server, "?ssl-mode=required"), "tls");
    EXPECT_EQ(connects(server, ""), "tls");
    EXPECT_EQ(connects(server, "?ssl-mode=disabled"), "plain");
  }
  {
    const Server server(certificates.options("127.0.0.2"));
    EXPECT_EQ(connects(server, "?ssl-mode=verify_identity" + wrong), "denied");
    EXPECT_EQ(connects(server, "?ssl-mode=required"), "tls");
  }
  if (testing::is_mysql()) return;  // it makes a certificate by itself
  const Server server;
  EXPECT_EQ(connects(server, ""), "plain");
  EXPECT_EQ(connects(server, "?ssl-mode=required"), "denied");
}

// A test that is killed leaves neither a server nor files.
TEST(MysqlServer, GoesWithAKilledTest) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const Server server;
    const std::string folder = server.folder();
    (void)!::write(pipe_ends[1], folder.data(), folder.size());
    for (;;) ::pause();
  }
  char folder[256] = {};
  ASSERT_GT(::read(pipe_ends[0], folder, sizeof folder - 1), 0);
  int process = 0;
  std::ifstream(std::string(folder) + "/process") >> process;
  ASSERT_GT(process, 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  struct stat status = {};
  for (const base::Deadline deadline(seconds(20)); !deadline.passed();) {
    if (!base::process_exists(process) && ::stat(folder, &status) != 0) break;
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_FALSE(base::process_exists(process));
  EXPECT_NE(::stat(folder, &status), 0);
}

}  // namespace
}  // namespace stillpoint::database::mysql
