// SPDX-License-Identifier: Apache-2.0
// Words and files that users write, and lines that they read. The program as a whole: tests/e2e.
#include <gtest/gtest.h>

#include "cli/arguments.h"
#include "cli/config.h"
#include "cli/output.h"
#include "cli/progress_display.h"

namespace stillpoint::cli {
namespace {

Arguments parse(const std::vector<const char*>& words) {
  std::vector<const char*> all = {"stillpoint"};
  all.insert(all.end(), words.begin(), words.end());
  return parse_arguments(static_cast<int>(all.size()), all.data());
}

TEST(Arguments, BecomeThePlainStructOfTheirCommand) {
  const Arguments got = parse({"backup", "shop", "/a.db", "--label", "x", "--json", "-r", "/repo"});
  ASSERT_TRUE(got.command) << got.text;
  const auto& command = std::get<BackupCommand>(*got.command);
  EXPECT_EQ(command.what, (std::vector<std::string>{"shop", "/a.db"}));
  EXPECT_EQ(command.label, "x");
  EXPECT_TRUE(got.global.json);
  EXPECT_EQ(got.global.repository, "/repo");
  EXPECT_EQ(std::get<VerifyCommand>(*parse({"verify"}).command).backup, "latest");
  EXPECT_EQ(std::get<StorageCheckCommand>(*parse({"storage", "check", "/x"}).command).url, "/x");
}

TEST(Arguments, MistakesAreUsageErrorsThatSayWhatWasMeant) {
  EXPECT_EQ(parse({}).exit_code, 2);
  EXPECT_EQ(parse({"show"}).exit_code, 2);
  const Arguments typo = parse({"bakcup", "shop"});
  EXPECT_EQ(typo.exit_code, 2);
  EXPECT_NE(typo.text.find("did you mean 'backup'?"), std::string::npos);
  EXPECT_NE(parse({"check", "--read-dta"}).text.find("'--read-data'"), std::string::npos);
  EXPECT_EQ(parse({"backup", "x", "--pack-size", "1000"}).exit_code, 2);
}

TEST(Arguments, TimesSizesAndSharesOfPruneAreReadWithTheirUnits) {
  const auto prune_of = [](const std::vector<const char*>& words) {
    return std::get<PruneCommand>(*parse(words).command);
  };
  EXPECT_EQ(prune_of({"prune"}).grace_seconds, 86400);
  EXPECT_EQ(prune_of({"prune", "--grace", "7d"}).grace_seconds, 7 * 86400);
  EXPECT_EQ(prune_of({"prune", "--grace", "90m"}).grace_seconds, 5400);
  EXPECT_EQ(prune_of({"prune", "--grace", "0"}).grace_seconds, 0);
  EXPECT_EQ(prune_of({"prune", "--max-repack", "2GiB"}).max_repack_bytes, 2ULL << 30);
  EXPECT_EQ(prune_of({"prune", "--max-unused", "1%"}).max_unused, "1%");
  for (const char* wrong : {"10", "-1h", "1y", "", "h"}) {
    EXPECT_EQ(parse({"prune", "--grace", wrong}).exit_code, 2) << wrong;
  }
}

TEST(Arguments, OfRepairSayWhatIsRepaired) {
  EXPECT_TRUE(std::get<RepairIndexCommand>(*parse({"repair", "index", "--read-all-packs"}).command)
                  .read_all_packs);
  const auto packs_of = [](const std::vector<const char*>& words) {
    return std::get<RepairPacksCommand>(*parse(words).command);
  };
  EXPECT_EQ(packs_of({"repair", "packs", "9b3c", "77"}).packs,
            (std::vector<std::string>{"9b3c", "77"}));
  EXPECT_TRUE(packs_of({"repair", "packs", "--damaged", "--dry-run"}).dry_run);
  EXPECT_EQ(parse({"repair", "packs"}).exit_code, 2);
  EXPECT_EQ(parse({"repair", "packs", "--dry-run"}).exit_code, 2);
  EXPECT_EQ(parse({"repair", "packs", "9b3c", "--damaged"}).exit_code, 2);
  EXPECT_EQ(parse({"repair"}).exit_code, 2);
  const auto snapshots = std::get<RepairSnapshotsCommand>(
      *parse({"repair", "snapshots", "--forget", "latest"}).command);
  EXPECT_TRUE(snapshots.forget);
  EXPECT_EQ(snapshots.backups, std::vector<std::string>{"latest"});
}

TEST(Arguments, OfForgetAreCountsAgesAndTags) {
  const Arguments got =
      parse({"forget", "--keep-last", "3", "--keep-daily=unlimited", "--keep-weekly", "-1",
             "--keep-yearly", "2", "--keep-within", "2y5m7d3h", "--keep-within-monthly", "1y",
             "--keep-tag", "a,b", "--keep-tag", "c", "--system", "bank", "-n"});
  ASSERT_TRUE(got.command) << got.text;
  const auto& command = std::get<ForgetCommand>(*got.command);
  EXPECT_EQ(command.keep_last, 3);
  EXPECT_EQ(command.keep, (std::array<int, 5>{0, -1, -1, 0, 2}));
  EXPECT_EQ(command.keep_within, "2y5m7d3h");
  EXPECT_EQ(command.keep_within_each[3], "1y");
  EXPECT_EQ(command.keep_within_each[4], "");
  EXPECT_EQ(command.keep_tags, (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(command.systems, std::vector<std::string>{"bank"});
  EXPECT_TRUE(command.dry_run);
  EXPECT_FALSE(command.foreign || command.allow_empty);
  const auto named = parse({"forget", "monday", "d96051cb"});
  EXPECT_EQ(std::get<ForgetCommand>(*named.command).backups,
            (std::vector<std::string>{"monday", "d96051cb"}));
  for (const std::vector<const char*>& wrong :
       {std::vector<const char*>{"forget", "--keep-last", "-2"},
        {"forget", "--keep-last", "all"},
        {"forget", "--keep-daily", "1.5"},
        {"forget", "--keep-within", "7"},
        {"forget", "--keep-within-daily", "1w"}}) {
    EXPECT_EQ(parse(wrong).exit_code, 2) << wrong[2];
  }
}

TEST(Arguments, OfKeysUnlockAndDiff) {
  const auto key = [](const std::vector<const char*>& words) {
    const Arguments got = parse(words);
    EXPECT_TRUE(got.command) << got.text;
    return std::get<KeyCommand>(*got.command);
  };
  EXPECT_EQ(key({"key", "list"}).action, KeyAction::list);
  const KeyCommand add = key({"key", "add", "--new-password-file", "/p"});
  EXPECT_EQ(add.action, KeyAction::add);
  EXPECT_EQ(add.new_password.file, "/p");
  EXPECT_EQ(key({"key", "change", "--new-password-command", "pw"}).new_password.command, "pw");
  const KeyCommand remove = key({"key", "remove", "4f2a", "--other-password-file", "/o"});
  EXPECT_EQ(remove.action, KeyAction::remove);
  EXPECT_EQ(remove.key, "4f2a");
  EXPECT_EQ(remove.other_password.file, "/o");
  EXPECT_EQ(parse({"key"}).exit_code, 2);
  EXPECT_EQ(parse({"key", "remove"}).exit_code, 2);
  EXPECT_FALSE(std::get<UnlockCommand>(*parse({"unlock"}).command).all);
  EXPECT_TRUE(std::get<UnlockCommand>(*parse({"unlock", "--all"}).command).all);
  EXPECT_EQ(std::get<DiffCommand>(*parse({"diff", "a", "b"}).command).after, "b");
  EXPECT_EQ(parse({"diff", "a"}).exit_code, 2);
}

TEST(Arguments, OfCheckSayWhichPartToRead) {
  const Arguments got = parse({"check", "--read-data-subset", "2.5%", "--seed", "77"});
  ASSERT_TRUE(got.command) << got.text;
  EXPECT_EQ(std::get<CheckCommand>(*got.command).subset, "2.5%");
  EXPECT_EQ(std::get<CheckCommand>(*got.command).seed, 77U);
  EXPECT_EQ(parse({"check", "--read-data-subset", "3/2"}).exit_code, 2);
  EXPECT_EQ(parse({"check", "--read-data-subset", "1/2", "--read-data"}).exit_code, 2);
}

TEST(Arguments, HelpAndVersionSucceed) {
  EXPECT_EQ(parse({"--help"}).exit_code, 0);
  EXPECT_NE(parse({"backup", "--help"}).text.find("Examples"), std::string::npos);
  EXPECT_EQ(parse({"--version"}).text.rfind("stillpoint ", 0), 0U);
}

TEST(Config, ADatabaseMayBeAMapThatSaysMore) {
  const Config config = parse_config(
                            "systems: {shop: {databases: {a: {url: 'postgresql://h/a', "
                            "password_file: /p, tables: [public.x, 'log.*'], "
                            "exclude_tables: [log.old]}, b: /srv/b.db}}}",
                            "f.yaml")
                            .value();
  const backup::DatabaseSpec& spec = config.systems.at(0).system.databases.at(0);
  EXPECT_EQ(spec.address.url, "postgresql://h/a");
  EXPECT_EQ(spec.address.password_file, "/p");
  EXPECT_EQ(spec.choice.tables, (std::vector<std::string>{"public.x", "log.*"}));
  EXPECT_EQ(spec.choice.exclude, std::vector<std::string>{"log.old"});
  EXPECT_TRUE(config.systems.at(0).system.databases.at(1).choice.everything());
  const auto wrong = [](const std::string& database) {
    return parse_config("systems: {s: {databases: {a: " + database + "}}}", "f.yaml").error();
  };
  EXPECT_NE(wrong("{tables: [x]}").message.find("database a has no url"), std::string::npos);
  EXPECT_NE(wrong("{url: /x.db, tables: x}").message.find("list"), std::string::npos);
  EXPECT_NE(wrong("{url: /x.db, pasword_file: x}").advice.find("password_file"), std::string::npos);
}

TEST(Config, DescribesRepositoryAndSystems) {
  const Config config = parse_config(R"(
repository: {url: /backups, password_file: /etc/pw, compression: max, pack_size: 16}
state_dir: /state
systems:
  shop:
    layer: none
    consistency: together
    databases: {a: /a.db, b: "sqlite:///b.db"}
)",
                                     "f.yaml")
                            .value();
  EXPECT_EQ(config.repository, "/backups");
  EXPECT_EQ(config.pack_mib, 16);
  ASSERT_EQ(config.systems.size(), 1U);
  EXPECT_EQ(config.systems[0].system.consistency, backup::Consistency::together);
  EXPECT_EQ(config.systems[0].system.databases.at(1).address.url, "sqlite:///b.db");
  EXPECT_TRUE(parse_config("", "f.yaml"));
}

TEST(Config, DescribesLayersAndWindows) {
  const Config config = parse_config(R"(
systems:
  bank:
    layer: scalardb
    properties: /etc/a.properties
    window: {use: gate, wait_max: 50ms, hold_max: 2s}
    databases: {ledger: {password_file: /p}}
  books:
    layer: scalardl
    ledger: [/etc/l.properties]
    auditor: /etc/a.properties
    window:
      pause: {srv: _x._tcp.y, addresses: ["a:1", "b:2"], tls: true, drain_max: 5s, hold_max: 2m}
)",
                                     "f.yaml")
                            .value();
  const backup::System& bank = config.systems.at(0).system;
  EXPECT_EQ(bank.layer.kind, "scalardb");
  EXPECT_EQ(bank.layer.properties, std::vector<std::string>{"/etc/a.properties"});
  EXPECT_EQ(bank.window.kind, backup::WindowKind::gate);
  EXPECT_EQ(bank.window.wait_max, std::chrono::milliseconds(50));
  EXPECT_EQ(bank.window.hold_max, std::chrono::seconds(2));
  EXPECT_EQ(bank.databases.at(0).address.password_file, "/p");
  EXPECT_FALSE(config.systems[0].pause.any());
  const backup::System& books = config.systems.at(1).system;
  EXPECT_EQ(books.layer.auditor_properties, std::vector<std::string>{"/etc/a.properties"});
  EXPECT_EQ(books.window.drain_max, std::chrono::seconds(5));
  EXPECT_EQ(books.window.pause_max, std::chrono::minutes(2));
  const PauseTarget& pause = config.systems[1].pause;
  EXPECT_EQ(pause.srv, std::vector<std::string>{"_x._tcp.y"});
  EXPECT_EQ(pause.addresses, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_TRUE(pause.tls);
}

TEST(Config, WhatALayerNeedsIsAskedFor) {
  const auto error_of = [](const std::string& system) {
    return parse_config("systems: {s: {" + system + "}}", "f.yaml").error().message;
  };
  EXPECT_NE(error_of("layer: scalardb").find("has no properties"), std::string::npos);
  EXPECT_NE(error_of("layer: scalardb, properties: /p, auditor: /a").find("layer scalardl"),
            std::string::npos);
  EXPECT_NE(error_of("properties: /p").find("no layer"), std::string::npos);
  EXPECT_NE(error_of("layer: atlas").find("not supported"), std::string::npos);
  for (const char* time : {"10", "0s", "-1s", "1d", "2000h", "s", "1e9s"}) {
    EXPECT_NE(
        error_of("layer: scalardb, properties: /p, window: {hold_max: " + std::string(time) + "}")
            .find("no time up to a day"),
        std::string::npos)
        << time;
  }
}

TEST(Config, MistakesAreNamedWithLineAndColumn) {
  const auto error_of = [](const std::string& text) {
    const auto config = parse_config(text, "f.yaml");
    return config ? std::string("none") : config.error().message;
  };
  EXPECT_EQ(error_of("repositry: {}").rfind("f.yaml:1:1: ", 0), 0U);
  EXPECT_EQ(parse_config("repositry: {}", "f").error().advice, "did you mean 'repository'?");
  EXPECT_EQ(error_of("systems:\n  s:\n    databases: {}\n").rfind("f.yaml:2:3: ", 0), 0U);
  EXPECT_EQ(error_of("repository:\n  pack_size: 1000\n").rfind("f.yaml:2:14: ", 0), 0U);
  EXPECT_EQ(error_of("systems:\n  s: {layer: atlas}\n").rfind("f.yaml:2:14: ", 0), 0U);
  EXPECT_EQ(error_of("systems: [a").rfind("f.yaml:", 0), 0U);
  for (const char* text :
       {"[]", "x", "systems: 3", "? [a]\n: b", "repository: {url: [1]}",
        "systems:\n  'a/b': {databases: {x: y}}", "state_dir: a\nstate_dir: b"}) {
    EXPECT_EQ(error_of(text).rfind("f.yaml:1", 0) == 0 || error_of(text).rfind("f.yaml:2", 0) == 0,
              true)
        << text << ": " << error_of(text);
  }
}

TEST(Output, ATableIsAsWideAsItsContent) {
  EXPECT_EQ(table({{"ID", "NAME"}, {"1", "été"}, {"22", "x"}}), "ID  NAME\n1   été\n22  x\n");
}

TEST(Progress, SaysPhaseShareRateAndRemainingTime) {
  job::Status status;
  status.phase = "read bank";
  EXPECT_EQ(describe_progress(status), "read bank");
  status.bytes_total = 4 << 20;
  status.bytes_done = 1 << 20;
  status.elapsed = std::chrono::seconds(1);
  EXPECT_EQ(describe_progress(status),
            "read bank  25 %  1.0 MiB of 4.0 MiB  1.0 MiB/s  3.0 s left");
  status.bytes_done = 8 << 20;  // it grew meanwhile
  EXPECT_EQ(describe_progress(status), "read bank  100 %  8.0 MiB of 8.0 MiB  8.0 MiB/s");
}

}  // namespace
}  // namespace stillpoint::cli
