// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/point_marker.h"

#include <optional>
#include <thread>

#include "database/postgresql/session/connection.h"
#include "database/postgresql/session/location.h"
#include "database/postgresql/session/server_identity.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::chrono::milliseconds flush_look{10};

class Marker final : public PointMarker {
 public:
  explicit Marker(Address address) : address_(std::move(address)) {}

  std::string kind() const override { return "postgresql"; }
  std::string url() const override { return shown_url(address_.url); }
  std::vector<Setting> settings() const override { return settings_; }
  std::vector<std::string> warnings() const override { return warnings_; }

  Result<void> prepare(std::stop_token stop) override {
    session_ = TRY(Connection::connect(address_, {.stop = stop}));
    const ServerIdentity identity = TRY(identify_server(*session_));
    if (identity.standby) {
      return fail(Error{Errc::unsupported, "it is a standby: points are marked on its primary",
                        "name the primary in the URL"});
    }
    version_ = identity.version;
    const Row row =
        TRY(session_->row("SELECT current_setting('wal_level'), current_setting('archive_mode'),"
                          " has_function_privilege('pg_create_restore_point(text)', 'execute'),"
                          " quote_ident(current_user), current_setting('server_version'),"
                          " (SELECT count(*) FROM pg_stat_replication)"));
    if (row.text(0) == "minimal") {
      return fail(Error{Errc::unsupported, "its log cannot be restored by: wal_level is minimal",
                        "set wal_level = replica, and archive the log"});
    }
    if (!row.flag(2)) {
      return fail(Error{Errc::denied, "marking a point needs a right",
                        "as a superuser, in this database: GRANT EXECUTE ON FUNCTION "
                        "pg_create_restore_point(text) TO " +
                            row.text(3) + ";"});
    }
    if (row.text(1) == "off" && row.number(5) == 0) {
      warnings_.emplace_back(
          "its log is neither archived (archive_mode = off) nor streamed to anybody: without it "
          "nothing leads to the point");
    }
    settings_ = {{"server_version", row.text(4)},
                 {"wal_level", row.text(0)},
                 {"archive_mode", row.text(1)},
                 {"database", identity.database}};
    if (!identity.system.empty()) settings_.push_back({"system_identifier", identity.system});
    return {};
  }

  Result<base::Time> clock(base::Deadline deadline) override {
    session_->limit(deadline);
    const Result<Row> row = session_->row(
        "SELECT trunc(extract(epoch FROM t) * 1000000)::bigint FROM clock_timestamp() t");
    session_->unlimit();
    if (!row) return fail(Error(row.error()).during("ask for its time"));
    return base::Time(std::chrono::microseconds(row->number(0)));
  }
  std::chrono::nanoseconds granularity() const override { return std::chrono::microseconds(1); }

  // The whole of it, as PostgresqlDatabase::write_mark() says. It is of all databases of the
  // server.
  Result<std::string> write_mark(base::Deadline deadline) override {
    session_->limit(deadline);
    Result<std::string> mark = session_->value(
        version_ >= 130000 ? "SELECT pg_current_snapshot()" : "SELECT txid_current_snapshot()");
    session_->unlimit();
    return mark;
  }

  Result<RestorePoint> mark(const std::string& name, base::Deadline deadline) override {
    session_->limit(deadline);
    const Result<Row> row = session_->row(
        "SELECT lsn, pg_walfile_name(lsn) FROM pg_create_restore_point($1) lsn", {name});
    session_->unlimit();
    if (!row) return fail(Error(row.error()).during("mark a restore point"));
    marked_ = row->text(0);
    return RestorePoint{"log_position", name + " at " + row->text(0) + " in " + row->text(1)};
  }

  // A restore point is written like a commit with synchronous_commit = off: the server's WAL writer
  // brings it to disk within a moment.
  Result<void> settle(base::Deadline deadline) override {
    session_->limit(deadline);
    for (;;) {
      const std::string flushed =
          TRY_DURING("wait until the restore point is on disk",
                     session_->value("SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn", {marked_}));
      if (flushed == "t") break;
      if (deadline.passed()) {
        return fail(Errc::unavailable, "the restore point at {} is not on the server's disk yet",
                    marked_);
      }
      std::this_thread::sleep_for(flush_look);
    }
    session_->unlimit();
    return {};
  }

 private:
  Address address_;
  std::optional<Connection> session_;
  int version_ = 0;
  std::string marked_;
  std::vector<Setting> settings_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<std::unique_ptr<PointMarker>> open_marker(const Address& address) {
  TRY(check_url(address.url));
  return std::make_unique<Marker>(address);
}

}  // namespace stillpoint::database::postgresql
