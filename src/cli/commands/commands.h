// SPDX-License-Identifier: Apache-2.0
// Every command: what it was asked to do, done. The value is the exit code.
#pragma once

#include "base/result.h"
#include "cli/options.h"
#include "cli/session.h"

namespace stillpoint::cli {

Result<int> run(const InitCommand& command, const Session& session);
Result<int> run(const BackupCommand& command, const Session& session);
Result<int> run(const PlanCommand& command, const Session& session);
Result<int> run(const ListCommand& command, const Session& session);
Result<int> run(const ShowCommand& command, const Session& session);
Result<int> run(const LsCommand& command, const Session& session);
Result<int> run(const DumpCommand& command, const Session& session);
Result<int> run(const CheckCommand& command, const Session& session);
Result<int> run(const CopyCommand& command, const Session& session);
Result<int> run(const PruneCommand& command, const Session& session);
Result<int> run(const RepairIndexCommand& command, const Session& session);
Result<int> run(const RepairPacksCommand& command, const Session& session);
Result<int> run(const RepairSnapshotsCommand& command, const Session& session);
Result<int> run(const VerifyCommand& command, const Session& session);
Result<int> run(const RestoreCommand& command, const Session& session);
Result<int> run(const CleanupCommand& command, const Session& session);
Result<int> run(const ForgetCommand& command, const Session& session);
Result<int> run(const KeyCommand& command, const Session& session);
Result<int> run(const UnlockCommand& command, const Session& session);
Result<int> run(const DiffCommand& command, const Session& session);
Result<int> run(const StorageCheckCommand& command, const Session& session);
Result<int> run(const AdminCommand& command, const Session& session);
Result<int> run(const HoldCommand& command, const Session& session);
Result<int> run(const RestorePointCommand& command, const Session& session);

}  // namespace stillpoint::cli
