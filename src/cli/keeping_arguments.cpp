// SPDX-License-Identifier: Apache-2.0
#include "cli/keeping_arguments.h"

#include <string>

#include <CLI/CLI.hpp>

#include "repository/retention.h"
#include "repository/subset.h"

namespace stillpoint::cli {
namespace {

// "unlimited" means -1, as in restic; -1 itself as well.
std::string count_or_unlimited(std::string& text) {
  if (text == "unlimited") text = "-1";
  return CLI::Range(-1, 1'000'000)(text);
}

std::string check_age(std::string& text) {
  const auto age = repository::parse_age(text);
  return age ? "" : age.error().message + " (" + age.error().advice + ")";
}

std::string check_subset(std::string& text) {
  const auto subset = repository::parse_subset(text);
  return subset ? "" : subset.error().message;
}

void add_password_options(CLI::App& command, const std::string& name, const std::string& whose,
                          PasswordOptions& options) {
  command.add_option("--" + name + "-file", options.file, "file whose first line is " + whose);
  command.add_option("--" + name + "-command", options.command, "command that prints " + whose);
}

}  // namespace

void add_check_options(CLI::App& command, CheckCommand& options) {
  auto* all = command.add_flag("--read-data", options.read_data, "read and open every stored byte");
  auto* some = command.add_option("--read-data-subset", options.subset,
                                  "read a part of the packs: n/t (part n of t), x% or a size such "
                                  "as 10G, chosen at random");
  some->check(CLI::Validator(check_subset, "n/t|x%|SIZE"))->excludes(all);
  command.add_option("--seed", options.seed, "choose the same again: the number it printed")
      ->needs(some);
}

void add_forget_options(CLI::App& command, ForgetCommand& options) {
  command
      .add_option("--system", options.systems,
                  "apply the policy to this system only (repeatable); else to each by itself")
      ->allow_extra_args(false);
  const CLI::Validator count(count_or_unlimited, "N|unlimited");
  const CLI::Validator age(check_age, "AGE");
  command.add_option("--keep-last", options.keep_last, "keep the newest N backups")
      ->transform(count);
  for (std::size_t i = 0; i < repository::period_count; ++i) {
    const std::string period(repository::period_nouns[i]);
    command
        .add_option("--keep-" + std::string(repository::period_adverbs[i]), options.keep[i],
                    "the newest of each of the last N " + period + "s that have any")
        ->transform(count);
  }
  command
      .add_option("--keep-within", options.keep_within,
                  "all that are at most so much older than the newest: 2y5m7d3h")
      ->check(age);
  for (std::size_t i = 0; i < repository::period_count; ++i) {
    const std::string period(repository::period_nouns[i]);
    command
        .add_option("--keep-within-" + std::string(repository::period_adverbs[i]),
                    options.keep_within_each[i], "the newest of each " + period + " in that time")
        ->check(age);
  }
  command
      .add_option("--keep-tag", options.keep_tags,
                  "all that have this tag (repeatable), or every one of a,b: labels and verdicts "
                  "are tags")
      ->allow_extra_args(false);
  command.add_flag("-n,--dry-run", options.dry_run, "show what would be forgotten, and stop");
  command.add_flag("--foreign", options.foreign, "also backups that other programs made");
  command.add_flag("--allow-empty", options.allow_empty,
                   "a policy may leave a system without any backup");
  command.footer(
      "\nDays begin at midnight UTC. What any of the rules keeps is kept.\n\nExamples:\n"
      "  stillpoint forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run\n"
      "  stillpoint forget --system bank --keep-within 30d --keep-tag before-upgrade\n"
      "  stillpoint forget d96051cb      # this one");
}

void add_repair_options(CLI::App& command, RepairIndexCommand& options) {
  command.add_flag("--read-all-packs", options.read_all_packs,
                   "read every pack's header, also of packs that prune has retired");
  command.add_flag("--dry-run", options.dry_run, "show what would be done, and stop");
  command.footer(
      "\nExamples:\n  stillpoint repair index --dry-run\n"
      "  stillpoint repair index && stillpoint check");
}

void add_repair_options(CLI::App& command, RepairPacksCommand& options) {
  auto* packs = command.add_option("PACK", options.packs,
                                   "the front of a pack's id, as check --read-data tells it");
  command
      .add_flag("--damaged", options.damaged,
                "every pack that is damaged or missing: all of them are read")
      ->excludes(packs);
  command.add_flag("--dry-run", options.dry_run, "show what would be done, and stop");
  command.parse_complete_callback([&options] {
    if (options.packs.empty() && !options.damaged) throw CLI::RequiredError("PACK or --damaged");
  });
  command.footer(
      "\nWhat can be read is copied into new packs; the damaged ones leave the index, and a later"
      "\nprune deletes them. Packs that are sound are left as they are. The exit code is 3 where"
      "\nsomething is lost.\n\nExamples:\n"
      "  stillpoint repair packs --damaged --dry-run\n"
      "  stillpoint repair packs 9b3c7777 && stillpoint backup && stillpoint check");
}

void add_repair_options(CLI::App& command, RepairSnapshotsCommand& options) {
  command.add_option("BACKUP", options.backups,
                     "'latest', a label, or the front of an id; none: all backups");
  command.add_flag("--forget", options.forget,
                   "forget the originals; kept, they keep prune from working");
  command.add_flag("--dry-run", options.dry_run, "show what would be done, and stop");
  command.footer(
      "\nA backup that lacks something is written again without the files that are not complete."
      "\nIts verdict is 'damaged', and a database that lacks a file is not restored from it. Back"
      "\nup first: a new backup may store again what is missing. Backups that are whole are left as"
      "\nthey are.\n\nExamples:\n"
      "  stillpoint repair snapshots --dry-run\n"
      "  stillpoint repair snapshots --forget && stillpoint check --read-data");
}

void add_key_options(CLI::App& command, KeyCommand& options) {
  const std::string sources =
      "\nThe new password is taken from --new-password-file, --new-password-command, or the "
      "environment\n(STILLPOINT_NEW_PASSWORD, _FILE, _COMMAND), else it is asked for.\n\n";
  switch (options.action) {
    case KeyAction::list:
      return;
    case KeyAction::add:
      add_password_options(command, "new-password", "the new password", options.new_password);
      command.footer(sources + "Example:\n  stillpoint key add --new-password-file /etc/second");
      return;
    case KeyAction::change:
      add_password_options(command, "new-password", "the new password", options.new_password);
      command.footer(sources + "Example:\n  stillpoint key change --new-password-file /etc/new");
      return;
    case KeyAction::remove:
      command.add_option("KEY", options.key, "the front of its id (see: stillpoint key list)")
          ->required();
      add_password_options(command, "other-password", "a password that stays",
                           options.other_password);
      command.footer(
          "\nTo remove the key in use, give a password that stays, by --other-password-file: it is "
          "tried\nfirst. Whoever had the password may have kept what it opened: see "
          "docs/user/keys.md.\n\nExample:\n  stillpoint key remove 4f2a1c09");
      return;
  }
}

}  // namespace stillpoint::cli
