// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/point_marker.h"

#include <optional>

#include "database/mysql/session/connection.h"
#include "database/mysql/session/location.h"
#include "database/mysql/session/server_identity.h"
#include "database/mysql/source/privileges.h"

namespace stillpoint::database::mysql {
namespace {

// Where the log ends: nothing that has committed is behind that.
struct LogEnd {
  std::string file = {};
  std::string position = {};
  std::string gtids = {};  // empty where the server gives none
};

class Marker final : public PointMarker {
 public:
  explicit Marker(Address address) : address_(std::move(address)) {}

  std::string kind() const override { return "mysql"; }
  std::string url() const override { return shown_url(address_.url); }
  std::vector<Setting> settings() const override { return settings_; }
  std::vector<std::string> warnings() const override { return {}; }

  Result<void> prepare(std::stop_token stop) override {
    session_ = TRY(Connection::connect(address_, {.stop = stop}));
    identity_ = TRY(identify_server(*session_));
    TRY(check_its_log());
    const std::string sync = TRY(session_->value("SELECT @@GLOBAL.sync_binlog"));
    synced_ = sync == "1";
    if (!synced_ && !TRY(read_grants(*session_)).everywhere("RELOAD")) {
      return lacks("RELOAD",
                   "its log is not on disk at once (sync_binlog is not 1), and to bring it there "
                   "needs a right");
    }
    settings_ = TRY(read_settings(*session_, identity_));
    return {};
  }

  Result<base::Time> clock(base::Deadline deadline) override {
    session_->limit(deadline);
    const Result<Row> row =
        session_->row("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)");
    session_->unlimit();
    if (!row) return fail(Error(row.error()).during("ask for its time"));
    return base::Time(std::chrono::microseconds(row->number(0)));
  }
  // As the log has times, and mysqlbinlog's --stop-datetime.
  std::chrono::nanoseconds granularity() const override { return std::chrono::seconds(1); }

  // That the log runs ahead of what can be seen does not matter to those who restore by it. It is
  // of all schemas of the server.
  Result<std::string> write_mark(base::Deadline deadline) override {
    const LogEnd end = TRY(end_of_log(deadline));
    return end.gtids.empty() ? end.file + ":" + end.position : end.gtids;
  }

  Result<RestorePoint> mark(const std::string& /*name*/, base::Deadline deadline) override {
    const LogEnd end = TRY_DURING("mark a restore point", end_of_log(deadline));
    std::string text = end.file + ":" + end.position;
    if (!end.gtids.empty()) text += ", GTID " + end.gtids;
    return RestorePoint{"log_position", std::move(text)};
  }

  // A new file of the log is begun, and the old one synced.
  Result<void> settle(base::Deadline deadline) override {
    if (synced_) return {};
    session_->limit(deadline);
    const Result<void> done = session_->execute("FLUSH BINARY LOGS");
    session_->unlimit();
    if (!done) return fail(Error(done.error()).during("bring the log to the server's disk"));
    return {};
  }

 private:
  Result<void> lacks(const std::string& right, std::string why) {
    const std::string account = TRY(account_of(*session_));
    return fail(Error{Errc::denied, std::move(why), "GRANT " + right + " ON *.* TO " + account});
  }

  Result<void> check_its_log() {
    if (identity_.cluster) {
      return fail(Error{Errc::unsupported,
                        "it is a member of a cluster: its log may still lack what another member "
                        "has committed",
                        "back the databases up inside of a window: stillpoint hold ... -- "
                        "stillpoint backup ..."});
    }
    if (identity_.replica) {
      return fail(Error{Errc::unsupported, "it is a replica: points are marked on its primary",
                        "name the primary in the URL"});
    }
    if (identity_.log_sees_all) return {};
    if (!identity_.log_right.empty()) {
      return lacks(identity_.log_right, "to see where its log ends needs a right");
    }
    return fail(Error{Errc::unsupported, "its log cannot be restored by: " + identity_.log_doubt,
                      "turn log_bin on, without filters"});
  }

  Result<LogEnd> end_of_log(base::Deadline deadline) {
    session_->limit(deadline);
    const Result<Row> row = session_->row(log_status_sql(identity_));
    Result<std::string> gtids = std::string();
    if (row) {
      gtids = identity_.mariadb ? session_->value("SELECT @@GLOBAL.gtid_binlog_pos")
                                : Result<std::string>(row->text("Executed_Gtid_Set"));
    }
    session_->unlimit();
    if (!row) return fail(Error(row.error()).during("ask where its log ends"));
    std::string known = TRY_DURING("ask for its GTIDs", std::move(gtids));
    std::erase(known, '\n');
    return LogEnd{row->text("File"), row->text("Position"), std::move(known)};
  }

  Address address_;
  std::optional<Connection> session_;
  ServerIdentity identity_;
  bool synced_ = false;
  std::vector<Setting> settings_;
};

}  // namespace

Result<std::unique_ptr<PointMarker>> open_marker(const Address& address) {
  (void)TRY(parse_url(address.url));
  return std::make_unique<Marker>(address);
}

}  // namespace stillpoint::database::mysql
