// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/connection.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "database/postgresql/testing.h"
#include "database/testing.h"

namespace stillpoint::database::postgresql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Server;
using testing::ServerOptions;

using database::testing::said;

// Until the server shows a session that runs this.
bool wait_for_activity(const Server& server, const std::string& query) {
  for (const base::Deadline deadline(seconds(20)); !deadline.passed();) {
    if (server.value(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE " +
            quote_text(query) + " AND pid <> pg_backend_pid()") != "0") {
      return true;
    }
  }
  return false;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0600);
}

TEST(PostgresqlConnection, AsksAndGetsRows) {
  const Server server;
  Connection session = server.session();
  ASSERT_EQ(said(session.execute("CREATE TABLE public.t(i int, x text); INSERT INTO public.t "
                                 "VALUES(1, 'one'), (2, NULL), (3, '')")),
            "ok");
  const auto rows = session.query("SELECT * FROM public.t WHERE i >= $1 ORDER BY i", {"2"});
  ASSERT_EQ(said(rows), "ok");
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].number(0), 2);
  EXPECT_TRUE((*rows)[0].is_null(1));
  EXPECT_FALSE((*rows)[1].is_null(1));
  EXPECT_EQ((*rows)[1].text(1), "");
  EXPECT_EQ(session.value("SELECT $1::text", {"it's \\ 💰"}).value(), "it's \\ 💰");
  EXPECT_TRUE(session.row("SELECT $1::text IS NULL", {std::nullopt}).value().flag(0));
  EXPECT_EQ(session.value("SELECT 1 WHERE false").error().code, Errc::not_found);
  EXPECT_EQ(session.value("SELECT pg_backend_pid()").value(),
            std::to_string(session.server_process()));
}

TEST(PostgresqlConnection, HasTheSameSettingsWhateverRoleAndDatabaseAreSetTo) {
  const Server server;
  server.run(
      "CREATE ROLE odd LOGIN; ALTER ROLE odd SET statement_timeout = '80ms';"
      "ALTER ROLE odd SET lock_timeout = 1; ALTER ROLE odd SET DateStyle = 'SQL, DMY';"
      "ALTER ROLE odd SET TimeZone = 'Asia/Tokyo'; ALTER ROLE odd SET bytea_output = 'escape';"
      "ALTER ROLE odd SET extra_float_digits = -5; ALTER ROLE odd SET search_path = public;"
      "ALTER ROLE odd SET IntervalStyle = 'iso_8601'; ALTER ROLE odd SET client_encoding = LATIN1;"
      "ALTER ROLE odd SET idle_in_transaction_session_timeout = 1");
  Connection session = server.session("postgres", "odd");
  EXPECT_EQ(said(session.execute("SELECT pg_sleep(0.3)")), "ok");
  EXPECT_EQ(session
                .value("SELECT concat_ws('|', timestamptz '2020-02-01 00:00+00', '\\x00ff'::bytea,"
                       " 0.1::float8 + 0.2::float8, interval '1 day 2 hours', 'é',"
                       " current_setting('search_path'), current_setting('lock_timeout'),"
                       " current_setting('row_security'), current_setting('application_name'))")
                .value(),
            "2020-02-01 00:00:00+00|\\x00ff|0.30000000000000004|1 day 02:00:00|é|\"\"|0|off|"
            "stillpoint");
  // A timeout that is there all the same is named.
  EXPECT_THAT(said(session.execute("SET statement_timeout = 20")), "ok");
  EXPECT_THAT(said(session.execute("SELECT pg_sleep(10)")),
              AllOf(HasSubstr("unavailable"), HasSubstr("statement_timeout")));
  EXPECT_EQ(session.last_state(), "57014");
}

TEST(PostgresqlConnection, TellsFailuresApart) {
  const Server server;
  server.run(
      "CREATE ROLE poor LOGIN; CREATE TABLE public.t(i int PRIMARY KEY); "
      "INSERT INTO public.t VALUES(4711)");
  Connection session = server.session();
  const auto code_of = [&](const std::string& sql) {
    const auto ran = session.execute(sql);
    return ran ? std::string("ok") : std::string(base::name_of(ran.error().code));
  };
  EXPECT_EQ(code_of("SELECT * FROM public.none"), "not_found");
  EXPECT_EQ(code_of("CREATE DATABASE postgres"), "already_exists");
  EXPECT_EQ(code_of("DROP DATABASE template2"), "not_found");
  EXPECT_EQ(code_of("SELEKT"), "invalid");
  EXPECT_EQ(code_of("BEGIN READ ONLY; DELETE FROM public.t"), "denied");
  EXPECT_EQ(code_of("ROLLBACK"), "ok");
  Connection poor = server.session("postgres", "poor");
  EXPECT_THAT(said(poor.query("TABLE public.t")),
              HasSubstr("denied: permission denied for table t"));
  Connection other = server.session();
  ASSERT_EQ(said(other.execute("BEGIN; LOCK TABLE public.t")), "ok");
  EXPECT_EQ(code_of("LOCK TABLE public.t NOWAIT"), "invalid");  // outside of a transaction
  EXPECT_EQ(code_of("BEGIN; LOCK TABLE public.t NOWAIT"), "busy");
  EXPECT_EQ(code_of("ROLLBACK"), "ok");
  EXPECT_THAT(said(session.execute("ALTER DATABASE postgres RENAME TO b")),
              HasSubstr("unsupported"));
  // Values of rows are nobody's business.
  ASSERT_EQ(said(other.execute("ROLLBACK")), "ok");
  EXPECT_THAT(said(session.execute("INSERT INTO public.t VALUES(4711)")),
              AllOf(HasSubstr("t_pkey"), Not(HasSubstr("4711"))));
  EXPECT_THAT(said(session.execute("SELECT '47x11'::int")), Not(HasSubstr("47x11")));
  // The session is as good as before.
  EXPECT_EQ(session.value("SELECT 42").value(), "42");
}

TEST(PostgresqlConnection, AStopRequestEndsTheStatementOnTheServer) {
  const Server server;
  std::stop_source stop;
  auto session = Connection::connect(server.address(), {.stop = stop.get_token()});
  ASSERT_EQ(said(session), "ok");
  std::jthread later([&] {
    EXPECT_TRUE(wait_for_activity(server, "SELECT pg_sleep(1000)%"));
    stop.request_stop();
  });
  EXPECT_THAT(said(session->execute("SELECT pg_sleep(1000)")), HasSubstr("cancelled"));
  EXPECT_EQ(server.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
                         "pid <> pg_backend_pid()"),
            "0");
  EXPECT_THAT(said(session->execute("SELECT 1")), HasSubstr("cancelled"));
  session->obey({});
  EXPECT_EQ(said(session->execute("SELECT 1")), "ok");
}

TEST(PostgresqlConnection, ADeadlineEndsTheStatementOnTheServer) {
  const Server server;
  Connection session = server.session();
  for (int i = 0; i < 3; ++i) {
    session.limit(base::Deadline(milliseconds(30)));
    EXPECT_THAT(said(session.execute("SELECT pg_sleep(1000)")), HasSubstr("busy"));
    EXPECT_THAT(said(session.execute("SELECT 1")), HasSubstr("busy"));
    session.unlimit();
    EXPECT_EQ(session.value("SELECT 42").value(), "42");
  }
}

TEST(PostgresqlConnection, CopiesRowsOut) {
  const Server server;
  server.run(
      "CREATE TABLE public.t(i int, x text); "
      "INSERT INTO public.t SELECT i, repeat('x', i) FROM generate_series(0, 2000) i;"
      "INSERT INTO public.t VALUES(-1, repeat('long', 5000000))");
  Connection session = server.session();
  std::vector<std::size_t> sizes;
  const auto keep = [&](ByteView row) -> Result<void> {
    sizes.push_back(row.size());
    EXPECT_EQ(row.back(), '\n');
    return {};
  };
  const auto rows = session.copy_out("COPY public.t TO STDOUT", keep);
  ASSERT_EQ(said(rows), "ok");
  EXPECT_EQ(*rows, 2002U);
  ASSERT_EQ(sizes.size(), 2002U);
  EXPECT_EQ(sizes[1000], 4 + 1 + 1000 + 1);
  EXPECT_EQ(sizes.back(), 2 + 1 + 20'000'000 + 1);
  EXPECT_THAT(said(session.copy_out("COPY public.none TO STDOUT", keep)), HasSubstr("not_found"));
  EXPECT_THAT(said(session.copy_out("SELECT 1", keep)), HasSubstr("internal"));
  // An error in the middle.
  EXPECT_THAT(said(session.copy_out("COPY (SELECT 1/(1500-i) FROM public.t) TO STDOUT", keep)),
              HasSubstr("division by zero"));
  EXPECT_EQ(session.value("SELECT 42").value(), "42");
}

TEST(PostgresqlConnection, EndsACopyThatIsNotWanted) {
  const Server server;
  Connection session = server.session();
  const std::string endless =
      "COPY (SELECT repeat('x', 1000), generate_series(1, 1000000000)) TO STDOUT";
  int seen = 0;
  const auto full = [&](ByteView) -> Result<void> {
    if (++seen < 1000) return {};
    return fail(Errc::no_space, "full");
  };
  EXPECT_THAT(said(session.copy_out(endless, full)), HasSubstr("no_space: full"));
  EXPECT_EQ(session.value("SELECT 42").value(), "42");
  std::stop_source stop;
  session.obey(stop.get_token());
  seen = 0;
  const auto stopping = [&](ByteView) -> Result<void> {
    if (++seen == 100'000) stop.request_stop();
    return {};
  };
  EXPECT_THAT(said(session.copy_out(endless, stopping)), HasSubstr("cancelled"));
  EXPECT_LE(seen, 100'064);  // stop requests are not looked at for every row
  EXPECT_TRUE(session.usable());
}

TEST(PostgresqlConnection, CopiesRowsIn) {
  const Server server;
  server.run("CREATE TABLE public.t(i int, x text)");
  Connection session = server.session();
  const std::string copy = "COPY public.t FROM STDIN";
  ASSERT_EQ(said(session.copy_begin(copy)), "ok");
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += std::to_string(i) + "\trow " + std::to_string(i) + "\n";
  for (std::size_t at = 0; at < many.size(); at += 70'001) {
    ASSERT_EQ(said(session.copy_write(base::view_of(std::string_view(many).substr(at, 70'001)))),
              "ok");
  }
  const auto rows = session.copy_end();
  ASSERT_EQ(said(rows), "ok");
  EXPECT_EQ(*rows, 200'000U);
  EXPECT_EQ(session.value("SELECT sum(i) FROM public.t").value(), "19999900000");
  // Dropped by us.
  ASSERT_EQ(said(session.copy_begin(copy)), "ok");
  ASSERT_EQ(said(session.copy_write(base::view_of("1\tone\n"))), "ok");
  session.copy_abort("not wanted");
  EXPECT_EQ(session.value("SELECT count(*) FROM public.t").value(), "200000");
  // Refused by the server, which does not say what the row was.
  ASSERT_EQ(said(session.copy_begin(copy)), "ok");
  const std::string bad = "1\tsecret\n2x\tsecret\n";
  Result<void> written = session.copy_write(base::view_of(bad));
  for (int i = 0; i < 100 && written; ++i) written = session.copy_write(base::view_of(many));
  const std::string why = written ? said(session.copy_end()) : said(written);
  EXPECT_THAT(why, AllOf(HasSubstr("COPY t, line 2, column i"), Not(HasSubstr("secret"))));
  EXPECT_THAT(why, Not(HasSubstr("2x")));
  EXPECT_EQ(session.value("SELECT count(*) FROM public.t").value(), "200000");
}

TEST(PostgresqlConnection, AStopRequestEndsACopyInThatWaits) {
  const Server server;
  server.run("CREATE TABLE public.t(i int, x text)");
  Connection session = server.session();
  std::stop_source stop;
  session.obey(stop.get_token());
  ASSERT_EQ(said(session.copy_begin("COPY public.t FROM STDIN")), "ok");
  ASSERT_EQ(said(session.copy_write(base::view_of("1\tone\n"))), "ok");
  stop.request_stop();
  EXPECT_THAT(said(session.copy_write(base::view_of("2\ttwo\n"))), HasSubstr("cancelled"));
  session.obey({});
  EXPECT_EQ(session.value("SELECT count(*) FROM public.t").value(), "0");
}

TEST(PostgresqlConnection, WorksInAnotherEncoding) {
  const Server server({.encoding = "LATIN1"});
  Connection session = server.session();
  EXPECT_EQ(session.server_encoding(), "LATIN1");
  ASSERT_EQ(said(session.execute("CREATE TABLE public.größe(x text); "
                                 "INSERT INTO public.größe VALUES('äöü')")),
            "ok");
  EXPECT_EQ(
      session.value("SELECT relname FROM pg_catalog.pg_class WHERE relname LIKE 'gr%e'").value(),
      "größe");
  std::string row;
  const auto keep = [&](ByteView bytes) -> Result<void> {
    row = base::text_of(bytes);
    return {};
  };
  ASSERT_EQ(said(session.copy_out("COPY public.größe TO STDOUT (ENCODING 'LATIN1')", keep)), "ok");
  EXPECT_EQ(row, "\xe4\xf6\xfc\n");
}

TEST(PostgresqlConnection, SaysThatTheServerWentAway) {
  Server server;
  Connection session = server.session();
  Connection idle = server.session();
  std::jthread killer([&] {
    EXPECT_TRUE(wait_for_activity(server, "SELECT pg_sleep(1000)%"));
    server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
        "'SELECT pg_sleep(1000)%'");
  });
  EXPECT_THAT(said(session.execute("SELECT pg_sleep(1000)")),
              AllOf(HasSubstr("unavailable"), HasSubstr("57P01")));
  EXPECT_FALSE(session.usable());
  EXPECT_THAT(said(session.execute("SELECT 1")), HasSubstr("unavailable"));
  killer.join();
  server.kill();
  EXPECT_THAT(said(idle.execute("SELECT 1")), HasSubstr("unavailable"));
  EXPECT_THAT(said(Connection::connect(server.address())),
              AllOf(HasSubstr("unavailable"), HasSubstr("check that the server runs")));
  server.start();
  EXPECT_EQ(server.value("SELECT 42"), "42");
}

// Sets a variable of the environment for a scope.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

class PostgresqlPasswords : public ::testing::Test {
 protected:
  PostgresqlPasswords() : server_({.access = {"host all guarded 127.0.0.1/32 scram-sha-256"}}) {
    server_.run("CREATE ROLE guarded LOGIN PASSWORD 'sesame:\\1'");
  }
  std::string connect(const std::string& url) { return connect(Address{url, {}, {}}); }
  std::string connect(const Address& address) {
    auto connection = Connection::connect(address);
    if (!connection) return said(connection);
    EXPECT_THAT(connection->connection_text(), Not(HasSubstr("sesame")));
    EXPECT_EQ(connection->password(), "sesame:\\1");
    auto another = Connection::connect(address, {.database = "template1", .like = &*connection});
    if (!another) return "another: " + said(another);
    return another->value("SELECT current_user || ' ' || current_database()").value();
  }
  std::string port() const { return std::to_string(server_.port()); }
  std::string in_folder(const std::string& name) const { return server_.folder() + "/" + name; }

  Server server_;
  const std::string ok_ = "guarded template1";
};

TEST_F(PostgresqlPasswords, ComeFromManyPlaces) {
  const std::string url = server_.url("postgres", "guarded");
  EXPECT_EQ(connect(server_.url("postgres", "guarded", "sesame:\\1")), ok_);
  EXPECT_EQ(connect(url + "?password=sesame%3a%5c1"), ok_);
  {
    const Variable password("PGPASSWORD", "sesame:\\1");
    EXPECT_EQ(connect(url), ok_);
  }
  write_file(in_folder("pgpass"), "127.0.0.1:*:*:guarded:sesame\\:\\\\1\n");
  EXPECT_EQ(connect(url + "?passfile=" + in_folder("pgpass")), ok_);
  {
    const Variable file("PGPASSFILE", in_folder("pgpass"));
    EXPECT_EQ(connect(url), ok_);
  }
  write_file(in_folder("services"), "[bank]\nhost=127.0.0.1\nport=" + port() +
                                        "\nuser=guarded\ndbname=postgres\npassword=sesame:\\1\n");
  {
    const Variable file("PGSERVICEFILE", in_folder("services"));
    EXPECT_EQ(connect("postgresql:///?service=bank"), ok_);
    EXPECT_THAT(connect("postgresql:///?service=none"), HasSubstr("not_found"));
  }
  write_file(in_folder("password"), "sesame:\\1\nsecond line\n");
  EXPECT_EQ(connect({url, in_folder("password"), {}}), ok_);
  EXPECT_EQ(connect({url, {}, "cat " + in_folder("password")}), ok_);
  // The file wins.
  EXPECT_EQ(connect({server_.url("postgres", "guarded", "wrong"), in_folder("password"), {}}), ok_);
}

TEST_F(PostgresqlPasswords, AreInNoError) {
  const auto refused = [&](const std::string& url) {
    const std::string message = connect(url);
    EXPECT_THAT(message, Not(HasSubstr("open"))) << url;
    return message;
  };
  EXPECT_THAT(refused(server_.url("postgres", "guarded", "open:4711")),
              AllOf(HasSubstr("denied"), HasSubstr("password authentication failed"),
                    HasSubstr("28P01"), Not(HasSubstr("LOCATION"))));
  EXPECT_THAT(refused(server_.url("postgres", "guarded")), HasSubstr("denied"));
  EXPECT_THAT(refused(server_.url("none", "postgres", "open:4711")), HasSubstr("not_found"));
  EXPECT_THAT(refused(server_.url("postgres", "postgres", "open") + "?sslmode=require"),
              HasSubstr("denied"));
  EXPECT_THAT(refused("postgresql://u:open@no.such.host.invalid/x"), HasSubstr("unavailable"));
  EXPECT_THAT(refused("postgresql://u:open@127.0.0.1:1/x"), HasSubstr("unavailable"));
  EXPECT_THAT(refused("postgresql://u:o/open@127.0.0.1:1/x"), HasSubstr("invalid"));
  EXPECT_THAT(refused("postgresql://u:o@open@127.0.0.1:1/x"), HasSubstr("invalid"));
  EXPECT_THAT(refused("postgresql://u:op%open@127.0.0.1:1/x"), HasSubstr("invalid"));
}

TEST(PostgresqlConnection, TakesTheHostThatAnswers) {
  const Server server;
  const std::string port = std::to_string(server.port());
  // 192.0.2.1 is nobody's (RFC 5737); 127.0.0.1:1 refuses at once.
  auto connection = Connection::connect(
      Address{"postgresql://postgres@127.0.0.1:1,127.0.0.1:" + port + "/postgres", {}, {}});
  ASSERT_EQ(said(connection), "ok");
  EXPECT_THAT(connection->connection_text(), HasSubstr("port='" + port + "'"));
  auto late = Connection::connect(
      Address{"postgresql://postgres@192.0.2.1:1,127.0.0.1:" + port + "/postgres", {}, {}},
      {.time_max = milliseconds(200)});
  EXPECT_EQ(said(late), "ok");
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  auto never = Connection::connect(Address{"postgresql://postgres@192.0.2.1/postgres", {}, {}},
                                   {.stop = stop.get_token()});
  EXPECT_THAT(said(never), ::testing::AnyOf(HasSubstr("cancelled"), HasSubstr("unavailable")));
  auto unix_socket = Connection::connect(Address{server.socket_url(), {}, {}});
  ASSERT_EQ(said(unix_socket), "ok");
  auto another = Connection::connect({}, {.database = "template1", .like = &*unix_socket});
  EXPECT_EQ(said(another), "ok");
}

TEST(PostgresqlConnection, ChecksTheCertificateWhereTheUrlAsksForIt) {
  Server server;
  const std::string key = server.data_folder() + "/server.key";
  const std::string certificate = server.folder() + "/certificate.pem";
  const std::string make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bank "
      "-addext subjectAltName=DNS:localhost -keyout " +
      key + " -out " + certificate + " 2>/dev/null && cp " + certificate + " " +
      server.data_folder() + "/server.crt && " + "chown --reference=" + server.data_folder() + " " +
      server.data_folder() + "/server.* && " + "chmod 600 " + key;
  ASSERT_EQ(std::system(make.c_str()), 0);
  server.run("ALTER SYSTEM SET ssl = on");
  server.restart();
  const std::string port = std::to_string(server.port());
  const auto connect = [&](const std::string& host, const std::string& root) {
    return said(Connection::connect(
        Address{"postgresql://postgres@" + host + ":" + port +
                    "/postgres?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=" + root,
                {},
                {}}));
  };
  EXPECT_EQ(connect("localhost", certificate), "ok");
  EXPECT_THAT(connect("bank.example", certificate), HasSubstr("denied"));
  EXPECT_THAT(connect("localhost", "/etc/hostname"), HasSubstr("sslrootcert"));
}

}  // namespace
}  // namespace stillpoint::database::postgresql
