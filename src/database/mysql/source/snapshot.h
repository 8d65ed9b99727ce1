// SPDX-License-Identifier: Apache-2.0
// One snapshot that several sessions share. MySQL has none that can be handed on: each session
// opens its own, and the art is to show, or to bring about, that they are the same.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/mysql/session/server_identity.h"
#include "database/mysql/source/privileges.h"

namespace stillpoint::database::mysql {

// From the gentlest to the least gentle:
//   position      MariaDB with a binary log: each snapshot tells its position in it; all are
//                 opened again until they agree. Nobody waits.
//   backup_stage  MariaDB: BACKUP STAGE BLOCK_COMMIT. Commits wait while the snapshots open.
//   read_lock     FLUSH TABLES WITH READ LOCK. Writers wait meanwhile; not tried while a long
//                 statement runs, behind which everybody would queue.
//   one           one session needs nobody else's agreement.
// MySQL has no gentler way than the lock: its log's end (also as performance_schema.log_status
// tells it) moves before the transactions are visible, by a sync of the log, so that two snapshots
// at the same end may differ.
enum class Way { position, backup_stage, read_lock, one };

std::string_view name_of(Way way);

struct Opened {
  Way way = Way::one;
  unsigned sessions = 0;  // the first so many have the snapshot; the others have none
  unsigned rounds = 0;    // of opening and comparing
  unsigned lock_attempts = 0;
  base::Duration held = {};  // how long others waited at most
  // Where the snapshot lies in the binary log; empty where unknown. MariaDB: once it is confirmed.
  std::string log_file = {};
  std::string log_position = {};
  std::string gtids = {};  // MySQL's
};

// The ways that are open to this user on this server, the gentlest first; `one` is always the last.
std::vector<Way> ways_for(const ServerIdentity& identity, const Grants& grants);

// What a session does for the first time takes the server twice as long: so it is done once before
// anybody waits for it.
Result<void> rehearse_snapshot(Connection& reader, const ServerIdentity& identity);

// Opens it on as many of `readers` as can be had in a bounded number of attempts, at least one.
// `control` is another session, for the locks. Nobody is made to wait for longer than a few hundred
// milliseconds, in several attempts.
Result<Opened> open_snapshot(std::vector<std::unique_ptr<Connection>>& readers, Connection& control,
                             const ServerIdentity& identity, const std::vector<Way>& ways,
                             base::Deadline deadline);

// What is left for when nobody waits any more: MariaDB's sessions are asked again, and all have to
// be where they were said to be; else `busy`. Before anything is read.
Result<void> confirm_snapshot(const std::vector<std::unique_ptr<Connection>>& readers,
                              const ServerIdentity& identity, Opened& opened);

// MariaDB: the end of the binary log as a snapshot opened now sees it. It differs from an earlier
// one when anybody committed in between. For write_mark().
Result<std::string> log_end(Connection& session);

}  // namespace stillpoint::database::mysql
