// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <map>
#include <memory>
#include <sstream>
#include <vector>

#include <CLI/CLI.hpp>

#include "backup/version.h"
#include "base/text.h"
#include "cli/cache.h"
#include "cli/exit_code.h"
#include "cli/keeping_arguments.h"

namespace stillpoint::cli {
namespace {

constexpr const char* backup_help =
    "BACKUP: 'latest', 'latest:SYSTEM', a label, or the front of an id (see: stillpoint list)";

constexpr const char* overview = R"(
Examples:
  stillpoint init --repo /var/backups/bank
  stillpoint backup /srv/bank.db --repo /var/backups/bank
  stillpoint list --repo /var/backups/bank
  stillpoint restore latest --to /tmp/copy.db --repo /var/backups/bank

The password is taken from --password-file, --password-command, the environment
(STILLPOINT_PASSWORD, _FILE, _COMMAND, or restic's RESTIC_PASSWORD…) or stillpoint.yaml,
else it is asked for. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but for what was
named, 10 no repository, 11 locked, 12 wrong password, 20 refused as unproven, 21 could not be
held still, 22 somebody may still be held, 130 interrupted.)";

class Parser {
 public:
  Parser() : app_("Consistent backups of databases, and their restoration.", "stillpoint") {
    app_.footer(overview);
    app_.require_subcommand(1);
    app_.fallthrough();  // so that --json may stand behind the command as well
    app_.set_version_flag("--version", backup::program_version());
    add_global_options();
    add_writing_commands();
    add_reading_commands();
    add_restore_command();
    add_keeping_commands();
    add_storage_command();
    add_copy_command();
    add_prune_commands();
    add_admin_commands();
    add_hold_command();
    add_restore_point_command();
  }

  Arguments parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return ended(e, argc, argv);
    }
    return {global_, chosen_ ? chosen_() : std::optional<Command>(), {}, 0};
  }

 private:
  void add_global_options() {
    app_.add_option("-r,--repo", global_.repository,
                    "the repository: a folder or URL [STILLPOINT_REPOSITORY, RESTIC_REPOSITORY]");
    app_.add_option("--config", global_.config,
                    "configuration file; else ./stillpoint.yaml, /etc/stillpoint/stillpoint.yaml");
    app_.add_option("--password-file", global_.password_file,
                    "file whose first line is the password");
    app_.add_option("--password-command", global_.password_command,
                    "command that prints the password");
    app_.add_option("--state-dir", global_.state_dir, "where scratch files and journals are kept");
    app_.add_option("--cache", global_.cache,
                    "keep index and folders of the repository on this machine: auto (where its "
                    "storage is distant; default), on, off")
        ->check(CLI::IsMember({"auto", "on", "off"}));
    app_.add_option("--cache-dir", global_.cache_dir, "where; else in the state folder");
    app_.add_option("--cache-size", global_.cache_bytes,
                    "how much at most, of all repositories (default: 1GiB)")
        ->transform(CLI::Validator(cache_size, "SIZE"));
    app_.add_flag("--json", global_.json, "print JSON on stdout (docs/user/scripting.md)");
    app_.add_flag("-q,--quiet", global_.quiet, "no progress, no summary");
    app_.add_flag("-v,--verbose", global_.verbose, "say more on stderr");
  }

  static std::string cache_size(std::string& text) {
    const auto bytes = cache_size_named(text);
    if (!bytes) return bytes.error().message;
    text = std::to_string(*bytes);
    return {};
  }

  // A command: its name, what it does, and the options struct that it becomes.
  template <class T>
  std::pair<CLI::App*, std::shared_ptr<T>> add(const std::string& name, const std::string& text,
                                               CLI::App* parent = nullptr) {
    auto options = std::make_shared<T>();
    CLI::App* command = (parent == nullptr ? &app_ : parent)->add_subcommand(name, text);
    command->footer("");  // the overview's examples are not this command's
    command->callback([this, options] { chosen_ = [options] { return Command(*options); }; });
    return {command, options};
  }

  void add_writing_commands() {
    add<InitCommand>("init", "Create a repository");
    {
      auto [command, options] = add<BackupCommand>("backup", "Back up systems or databases");
      command->add_option("WHAT", options->what,
                          "systems of stillpoint.yaml, or URLs; else every system");
      command->add_option("-l,--label", options->label, "a name to find this backup by");
      command->add_option("--compression", options->compression, "off, auto or max (default: auto)")
          ->check(CLI::IsMember({"off", "auto", "max"}));
      command
          ->add_option("--pack-size", options->pack_mib,
                       "MiB of a stored object, 4 to 128 (default: 32)")
          ->check(CLI::Range(4, 128));
      command->add_flag("--allow-unproven", options->allow_unproven,
                        "keep the backup even where consistency could not be proven");
      command
          ->add_option("--limit-rate", options->bytes_per_second,
                       "read at most so much a second, for example 20MiB")
          ->transform(CLI::AsSizeValue(false));
      add_reading_options(command, options->reading);
      add_properties_options(command, options->properties);
      add_window_options(command, options->window);
      command->footer(
          "\nExamples:\n  stillpoint backup /srv/bank.db --label before-upgrade\n"
          "  stillpoint backup shop        # a system of stillpoint.yaml\n"
          "  stillpoint backup --properties database.properties      # ScalarDB's databases");
    }
    auto [command, options] =
        add<PlanCommand>("plan", "Show what a backup would do, and why; touch nothing");
    command->add_option("WHAT", options->what, "systems or URLs, as for backup");
    add_reading_options(command, options->reading);
    add_properties_options(command, options->properties);
    add_window_options(command, options->window);
  }

  static void add_properties_options(CLI::App* command, PropertiesOptions& options) {
    command
        ->add_option("--properties", options.properties,
                     "the databases that ScalarDB's properties in this file name (repeatable: one "
                     "system of several applications)")
        ->allow_extra_args(false);
    command->add_option("--system", options.system,
                        "the system's name with --properties; else that of the file");
  }

  static void add_window_options(CLI::App* command, WindowOptions& options) {
    command
        ->add_option("--window", options.kind,
                     "what holds commits still under a layer: auto, gate or pause (default: auto)")
        ->check(CLI::IsMember({"auto", "gate", "pause"}));
    add_target_options(command, options.target);
  }

  static void add_reading_options(CLI::App* command, ReadingOptions& options) {
    command->add_option("-t,--table", options.tables,
                        "only these tables: schema.table, or a pattern (repeatable)");
    command->add_option("--exclude-table", options.exclude_tables,
                        "all tables but these (repeatable)");
    command->add_option("-j,--jobs", options.jobs, "how much to read at once")
        ->check(CLI::Range(1, 64));
    command
        ->add_option("--lock-wait", options.lock_wait_seconds,
                     "seconds to wait for tables that somebody alters (default: 10)")
        ->check(CLI::Range(0.1, 86400.0));
    command
        ->add_option("--snapshot-max", options.snapshot_max_hours,
                     "hours after which an open snapshot is given up (default: 24)")
        ->check(CLI::Range(0.0, 8760.0));
  }

  void add_reading_commands() {
    {
      auto [command, options] = add<ListCommand>("list", "List the backups, oldest first");
      command->add_option("SYSTEM", options->system, "of this system only");
    }
    {
      auto [command, options] =
          add<ShowCommand>("show", "Show what a backup holds and its evidence");
      command->add_option("BACKUP", options->backup, backup_help)->required();
    }
    {
      auto [command, options] = add<LsCommand>("ls", "List the files in a backup");
      command->add_option("BACKUP", options->backup, backup_help)->required();
      command->add_option("PATH", options->path, "below this folder only");
    }
    {
      auto [command, options] = add<DumpCommand>("dump", "Print one file of a backup");
      command->add_option("BACKUP", options->backup, backup_help)->required();
      command->add_option("PATH", options->path, "the file, as ls shows it")->required();
      command->add_option("-o,--output", options->output, "write it to this new file instead");
    }
    {
      auto [command, options] = add<CheckCommand>("check", "Check the repository");
      add_check_options(*command, *options);
    }
    auto [command, options] = add<VerifyCommand>(
        "verify",
        "Of ScalarDB: replay its recovery over every record of a backup. Of others, or with "
        "--restore: restore to a scratch place, check, and remove it (a drill)");
    command->add_option("BACKUP", options->backup, std::string(backup_help) + ". Default: latest");
    command->add_flag("--restore", options->restore, "restore it for a try, ScalarDB's too");
    command->add_option("--scratch", options->scratch, "a folder with room for the databases");
    add_properties_options(command, options->properties);
    command->add_option("-j,--jobs", options->jobs, "how much to restore at once")
        ->check(CLI::Range(1, 64));
  }

  void add_restore_command() {
    auto [command, options] = add<RestoreCommand>(
        "restore", "Restore databases: staged and checked beside the old ones, then switched");
    command->add_option("BACKUP", options->backup,
                        backup_help + std::string("; not needed with --resume and --undo"));
    command->parse_complete_callback([options = options] {
      const bool goes_on = options->resume || options->undo;
      if (options->backup.empty() && !goes_on) throw CLI::RequiredError("BACKUP");
    });
    command->add_option("-d,--database", options->databases, "only this database (repeatable)");
    command->add_option("--to", options->to, "[DATABASE=]URL: somewhere else (repeatable)");
    command->add_flag("-y,--yes", options->yes, "do not ask before replacing what exists");
    command->add_flag("--dry-run", options->dry_run, "show what would be replaced, and stop");
    command->add_option("-t,--table", options->tables,
                        "TABLE[=NEW]: add this table to the database that exists (repeatable)");
    command->add_option("-j,--jobs", options->jobs, "how much to restore at once")
        ->check(CLI::Range(1, 64));
    command->add_flag("--force", options->force,
                      "cut the connections of those who use the old one");
    command->add_flag("--resume", options->resume,
                      "go on with what a killed restore of this backup has staged; without BACKUP, "
                      "complete the switch of several databases that was interrupted");
    command->add_flag("--undo", options->undo,
                      "undo the switch of several databases that was interrupted");
    command->add_flag("--in-place", options->in_place,
                      "fill the existing, empty database instead of replacing it");
    command->add_flag("--no-owner", options->no_owner,
                      "all belongs to who restores; no privileges are restored");
    command->add_flag("--alone", options->alone,
                      "although other databases of the backup's layer stay as they are");
    add_properties_options(command, options->properties);
    command->footer(
        "\nWhat is replaced is kept beside it as NAME_before_TIME.\n\nExamples:\n"
        "  stillpoint restore latest                       # to where it came from\n"
        "  stillpoint restore latest:bank --to /tmp/bank.db\n"
        "  stillpoint restore latest --table public.orders=public.orders_old\n"
        "  stillpoint restore --resume                     # an interrupted switch");
    add_cleanup_command();
  }

  void add_cleanup_command() {
    auto [command, options] = add<CleanupCommand>(
        "cleanup",
        "Show what restores have left beside databases, and unused caches; with --yes, remove it");
    command->add_option("WHAT", options->what, "systems or URLs, as for backup");
    command->add_flag("--old", options->old, "also what restores have replaced (NAME_before_TIME)");
    command->add_flag("-y,--yes", options->yes, "remove it");
  }

  static void add_target_options(CLI::App* command, PauseTarget& target) {
    command
        ->add_option("-s,--srv", target.srv,
                     "pause every instance that this SRV name has (repeatable)")
        ->allow_extra_args(false);
    command
        ->add_option("-a,--addresses", target.addresses,
                     "pause these instances: HOST:PORT,[IPV6]:PORT,...")
        ->allow_extra_args(false)
        ->delimiter(',');
    command->add_flag("--tls", target.tls, "speak TLS");
    command->add_option("--ca-root-cert-path", target.ca_path,
                        "file of the certificates to trust; else those of the system");
    command->add_option("--ca-root-cert-pem", target.ca_pem, "the same, as PEM");
    command->add_option("--override-authority", target.authority,
                        "the name in the server's certificate");
    command->add_option("--dns-server", target.dns_server,
                        "IP:PORT to ask instead of the system's DNS servers");
  }

  static void add_no_wait_option(CLI::App* command, bool& no_wait) {
    command->add_flag("-n,--no-wait", no_wait, "do not wait until running requests have ended");
  }

  static void add_drain_option(CLI::App* command, std::int64_t& drain_max_ms) {
    command
        ->add_option("-m,--max-pause-wait-time", drain_max_ms,
                     "milliseconds to wait until running requests have ended (default: 30000)")
        ->check(CLI::Range(1, 86'400'000));
  }

  static void add_timeout_option(CLI::App* command, double& seconds) {
    command->add_option("--timeout", seconds, "seconds to try to let go, or to ask (default: 30)")
        ->check(CLI::Range(0.1, 3600.0));
  }

  void add_admin_commands() {
    CLI::App* admin = app_.add_subcommand("admin", "Pause and unpause applications by hand");
    admin->require_subcommand(1);
    const auto add_action = [&](const char* name, const char* text, AdminAction action) {
      auto [command, options] = add<AdminCommand>(name, text, admin);
      options->action = action;
      add_target_options(command, options->target);
      add_timeout_option(command, options->timeout_seconds);
      return std::pair(command, options);
    };
    {
      auto [command, options] =
          add_action("pause", "Pause all instances, or none", AdminAction::pause);
      add_no_wait_option(command, options->no_wait);
      add_drain_option(command, options->drain_max_ms);
      command
          ->add_option("--for", options->for_seconds,
                       "seconds after which they are unpaused whatever happens")
          ->check(CLI::Range(1.0, 86400.0));
    }
    {
      auto [command, options] = add_action("unpause", "Unpause them", AdminAction::unpause);
      command->add_flag("--journal", options->journal,
                        "those that killed or failed runs have left paused");
      command->add_flag("--forget", options->forget,
                        "with --journal: forget those that cannot be reached");
    }
    add_action("check-paused", "Show which are paused", AdminAction::check_paused);
    add_action("stats", "Show what servers of version 1 tell of themselves", AdminAction::stats);
  }

  void add_hold_command() {
    auto [command, options] =
        add<HoldCommand>("hold", "Run a command while applications are paused");
    add_target_options(command, options->target);
    add_no_wait_option(command, options->no_wait);
    add_drain_option(command, options->drain_max_ms);
    add_timeout_option(command, options->timeout_seconds);
    command
        ->add_option("--hold-max", options->hold_max_seconds,
                     "seconds after which all are unpaused and the command is ended (default: 60)")
        ->check(CLI::Range(0.1, 86400.0));
    command->add_option("--evidence", options->evidence, "write what was seen into this file");
    command->add_option("COMMAND", options->command, "behind --: the command and its arguments")
        ->required();
    command->footer(
        "\nThe exit code is that of the command, or 21: not held for all of its time, or 22:"
        "\nsomebody may still be paused.\n\nExample:\n"
        "  stillpoint hold --srv _scalardb-cluster._tcp.bank-headless.default.svc.cluster.local"
        " \\\n    -- lvcreate --snapshot --name bank --size 10G vg/bank");
  }

  // "auto", or a time: "10s", "500ms", "2m", "10". What is negative means auto.
  static std::string time_or_auto(std::string& text) {
    if (text == "auto") {
      text = "-1";
      return {};
    }
    const std::map<std::string, double> units = {{"ms", 0.001}, {"s", 1}, {"m", 60}};
    const std::string wrong = CLI::AsNumberWithUnit(units)(text);
    return wrong.empty() && text.starts_with('-') ? "a time cannot be negative" : wrong;
  }

  // "24h", "7d", "90m", "30s", "0".
  static std::string span_of_time(std::string& text) {
    const std::map<std::string, double> units = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    const bool bare = text.find_first_not_of("0123456789.") == std::string::npos;
    if (bare && text != "0") return "a time needs a unit: s, m, h or d";
    if (text.find_first_of("0123456789") != 0) return "a time begins with a number";
    return CLI::AsNumberWithUnit(units)(text);
  }

  void add_restore_point_command() {
    auto [command, options] = add<RestorePointCommand>(
        "restore-point",
        "Pause all services and mark one instant in databases that are restored by their own logs");
    command->add_option("WHAT", options->what,
                        "the databases to mark it in: systems of stillpoint.yaml, or URLs");
    add_target_options(command, options->target);
    add_drain_option(command, options->drain_max_ms);
    add_timeout_option(command, options->timeout_seconds);
    command
        ->add_option("--hold", options->hold_seconds,
                     "how long all stand still: auto (as long as the clocks need; 10s where they "
                     "are not known), or a time such as 10s")
        ->transform(CLI::Validator(time_or_auto, "auto|TIME"));
    command
        ->add_option("--clock", options->clocks,
                     "[NAME=]URL: a database of which only the clock of its HTTP endpoint can be "
                     "asked (repeatable)")
        ->allow_extra_args(false);
    command->add_option("--clock-ca", options->clock_ca,
                        "file of the certificates to trust there; else those of the system");
    command->add_option("--system", options->system, "the name to keep it under");
    command->add_option("-l,--label", options->label, "a name to find it by");
    command->add_option("-z,--time-zone", options->time_zone,
                        "of pause_start_date_time in JSON (default: Etc/UTC)");
    command->add_flag("--print-only", options->print_only, "do not keep it in a repository");
    command->footer(
        "\nExample:\n  stillpoint restore-point postgresql://db1/ledger postgresql://db2/auditor "
        "\\\n"
        "    --srv _scalardl-admin._tcp.ledger-headless.default.svc.cluster.local \\\n"
        "    --srv _scalardl-auditor-admin._tcp.auditor-headless.default.svc.cluster.local");
  }

  void add_keeping_commands() {
    {
      auto [command, options] = add<ForgetCommand>(
          "forget", "Forget backups by name or by a policy; prune frees what only they held");
      command->add_option("BACKUP", options->backups,
                          backup_help + std::string("; else by a policy"));
      add_forget_options(*command, *options);
    }
    CLI::App* key = app_.add_subcommand("key", "The passwords of a repository");
    key->require_subcommand(1);
    for (const auto& [name, text, action] : key_actions) {
      auto [command, options] = add<KeyCommand>(std::string(name), std::string(text), key);
      options->action = action;
      add_key_options(*command, *options);
    }
    {
      auto [command, options] =
          add<UnlockCommand>("unlock", "Remove locks that the dead have left in the repository");
      command->add_flag("--all", options->all,
                        "also locks of those who may be alive: only when you know that nobody "
                        "works on the repository");
    }
    auto [command, options] = add<DiffCommand>(
        "diff", "Show what changed from one backup to another, and what they share");
    command->add_option("BEFORE", options->before, backup_help)->required();
    command->add_option("AFTER", options->after, "the other one")->required();
    command->footer("\nExample:\n  stillpoint diff monday latest:bank");
  }

  void add_storage_command() {
    CLI::App* storage = app_.add_subcommand("storage", "Work on storages");
    storage->require_subcommand(1);
    auto [command, options] = add<StorageCheckCommand>(
        "check", "Check that a storage keeps the promises that backups rest on", storage);
    command->add_option("URL", options->url, "the storage, as for --repo")->required();
  }

  void add_copy_command() {
    auto [command, options] =
        add<CopyCommand>("copy", "Copy backups into another repository, such as one elsewhere");
    command->add_option("BACKUP", options->backups,
                        backup_help + std::string("; none: all that are not there yet"));
    command->add_option("--system", options->system, "only backups of this system");
    command->add_option("--to", options->to, "the other repository; it has to be there")
        ->required();
    command
        ->add_option("--to-password-file", options->password_file,
                     "a file with its password; by default it has the same password")
        ->excludes(command->add_option("--to-password-command", options->password_command,
                                       "a command that prints its password"));
    command->add_flag("--dry-run", options->dry_run, "show which would be copied, and stop");
    command->footer(
        "\nWhat the other repository has already is not copied again, and every backup that has"
        "\nbeen copied is whole: run it again after an interruption."
        "\n\nExamples:\n"
        "  stillpoint copy --to /mnt/offsite/bank --to-password-file /etc/stillpoint/offsite\n"
        "  stillpoint copy latest:shop --to /media/disk/shop");
  }

  void add_prune_commands() {
    {
      auto [command, options] =
          add<PruneCommand>("prune", "Free the space of what no backup needs, while backups go on");
      command->add_option(
          "--max-unused", options->max_unused,
          "what may stay unneeded in packs that hold needed data too: 5% (default), "
          "1GiB, 0 or unlimited");
      command
          ->add_option("--max-repack", options->max_repack_bytes,
                       "rewrite packs of at most so many bytes, for example 10GiB")
          ->transform(CLI::AsSizeValue(false));
      command->add_flag("--repack-small", options->repack_small, "put small packs together");
      command
          ->add_option("--grace", options->grace_seconds,
                       "how long packs wait until a later prune deletes them: 24h (default), 7d, "
                       "90m. 0: delete at once, alone on the repository")
          ->transform(CLI::Validator(span_of_time, "TIME"));
      command->add_flag("--dry-run", options->dry_run, "show what would be done, and stop");
      command->footer(
          "\nPacks are retired first, and deleted by a later prune: run it regularly."
          "\nWith --grace 0 they are deleted in the same run. Nobody else may work on the"
          "\nrepository then, and whoever reads it without a lock may fail."
          "\n\nExamples:\n  stillpoint prune --dry-run\n"
          "  stillpoint prune                     # every day, after forget\n"
          "  stillpoint prune --max-repack 20GiB  # a bounded piece of it");
    }
    CLI::App* repair = app_.add_subcommand("repair", "Mend a damaged repository");
    repair->require_subcommand(1);
    {
      auto [command, options] = add<RepairIndexCommand>(
          "index", "Make the index say what the packs say; delete nothing", repair);
      add_repair_options(*command, *options);
    }
    {
      auto [command, options] = add<RepairPacksCommand>(
          "packs", "Save what can be read of damaged packs, and retire them", repair);
      add_repair_options(*command, *options);
    }
    auto [command, options] = add<RepairSnapshotsCommand>(
        "snapshots", "Make backups that do without what is lost", repair);
    add_repair_options(*command, *options);
  }

  Arguments ended(const CLI::ParseError& e, int argc, const char* const* argv) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app_.exit(e, out, err);
    if (code == 0) return {global_, {}, out.str(), 0};
    const std::string meant = suggestion(argc, argv);
    std::string text = "stillpoint: " + std::string(e.what());
    if (!meant.empty()) text += "\n  did you mean '" + meant + "'?";
    return {global_, {}, text + "\n  see: stillpoint --help", exit_usage};
  }

  // The command or option most like a word that is neither.
  std::string suggestion(int argc, const char* const* argv) {
    std::vector<std::string> known;
    const auto add_names = [&](const CLI::App& app) {
      for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
      }
    };
    add_names(app_);
    for (const CLI::App* command : app_.get_subcommands({})) {
      known.push_back(command->get_name());
      if (app_.got_subcommand(command->get_name())) add_names(*command);
    }
    for (int i = 1; i < argc; ++i) {
      const std::string word = base::split(argv[i], '=')[0];
      const std::string near = base::closest(word, known);
      if (!near.empty() && near != word) return near;
      if (near == word && word[0] != '-') break;  // a real command: what follows are its arguments
    }
    for (int i = 1; i < argc; ++i) {
      const std::string word = base::split(argv[i], '=')[0];
      const std::string near = word.rfind("--", 0) == 0 ? base::closest(word, known) : "";
      if (!near.empty() && near != word) return near;
    }
    return {};
  }

  CLI::App app_;
  GlobalOptions global_;
  std::function<std::optional<Command>()> chosen_;
};

}  // namespace

Arguments parse_arguments(int argc, const char* const* argv) {
  return Parser().parse(argc, argv);
}

}  // namespace stillpoint::cli
