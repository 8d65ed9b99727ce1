// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/verify_records.h"

#include <chrono>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

using layer::scalardb::ReplayReport;
using layer::scalardb::Suspect;
using layer::scalardb::Wrong;

bool is_of_doubt(Wrong wrong) {
  return wrong == Wrong::without_state || wrong == Wrong::before_without_state;
}

// What a person is told of it, behind the number of records.
std::string_view text_of(Wrong wrong) {
  switch (wrong) {
    case Wrong::torn:
      return "committed, while others of the same transaction are only prepared and the "
             "coordinator does not know it";
    case Wrong::aborted:
      return "committed, although the coordinator says that the transaction was aborted";
    case Wrong::before_aborted:
      return "made from an image whose transaction was aborted";
    case Wrong::without_state:
      return "committed without a row in the coordinator (in one phase, by another coordinator, "
             "or its row was cleaned up)";
    case Wrong::before_without_state:
      return "made from an image whose transaction has no row in the coordinator";
    case Wrong::state:
      return "in a state that ScalarDB does not write";
    case Wrong::version:
      return "of a version that does not follow the one before";
    case Wrong::image:
      return "committed, but with an image from before that should be gone";
  }
  return "";
}

struct Judgement {
  bool contradicted = false;
  bool doubtful = false;
  std::string_view word() const {
    return contradicted ? "contradicted" : doubtful ? "doubtful" : "sound";
  }
  int exit_code() const {
    return contradicted ? exit_failed : doubtful ? exit_unproven : exit_done;
  }
};

Judgement judge(const backup::ReplayedRecords& replayed) {
  Judgement judgement;
  for (std::size_t i = 0; i < replayed.report.wrong.size(); ++i) {
    if (replayed.report.wrong[i] == 0) continue;
    const bool doubt = is_of_doubt(static_cast<Wrong>(i));
    if (!doubt) judgement.contradicted = true;
    if (doubt && !replayed.one_phase_commit) judgement.doubtful = true;
  }
  return judgement;
}

Json json_of(const backup::ReplayedRecords& replayed) {
  const ReplayReport& report = replayed.report;
  Json json = {{"states", report.states},
               {"records", report.records},
               {"imported", report.imported},
               {"committed", report.committed},
               {"older_than_states", report.older_than_states},
               {"forward", report.forward},
               {"back", report.back},
               {"expired", report.expired},
               {"in_flight", report.unresolvable}};
  Json wrong = Json::object();
  for (std::size_t i = 0; i < report.wrong.size(); ++i) {
    wrong[std::string(name_of(static_cast<Wrong>(i)))] = report.wrong[i];
  }
  json["wrong"] = wrong;
  json["named"] = Json::array();
  for (std::size_t i = 0; i < replayed.names.size(); ++i) {
    json["named"].push_back(
        {{"wrong", name_of(report.suspects[i].wrong)}, {"record", replayed.names[i]}});
  }
  return json;
}

std::string counts_text(const ReplayReport& report) {
  const auto count = [](std::uint64_t number) { return base::display_count(number); };
  std::string text = fmt::format("  records:    {}, by the states of {} transactions\n",
                                 count(report.records + report.imported), count(report.states));
  text += fmt::format("  committed:  {}\n", count(report.committed + report.older_than_states));
  if (report.older_than_states > 0) {
    text += fmt::format("              {} of them before the oldest state that is there\n",
                        count(report.older_than_states));
  }
  if (report.imported > 0) {
    text +=
        fmt::format("  imported:   {}, never written by a transaction\n", count(report.imported));
  }
  text += fmt::format("  unfinished: {}\n",
                      count(report.forward + report.back + report.expired + report.unresolvable));
  if (report.forward > 0) {
    text += fmt::format("              {} go forward: their transactions were committed\n",
                        count(report.forward));
  }
  if (const std::uint64_t back = report.back + report.expired + report.unresolvable; back > 0) {
    text +=
        fmt::format("              {} go back: {} aborted, {} expired, {} in flight\n", count(back),
                    count(report.back), count(report.expired), count(report.unresolvable));
  }
  return text;
}

std::string problems_text(const backup::ReplayedRecords& replayed) {
  constexpr std::size_t named_max = 5;
  std::string text;
  for (std::size_t i = 0; i < replayed.report.wrong.size(); ++i) {
    const auto wrong = static_cast<Wrong>(i);
    if (replayed.report.count(wrong) == 0) continue;
    text += fmt::format("{}: {} {}\n", name_of(wrong),
                        base::display_count(replayed.report.count(wrong)), text_of(wrong));
    std::size_t named = 0;
    for (std::size_t at = 0; at < replayed.names.size() && named < named_max; ++at) {
      if (replayed.report.suspects[at].wrong != wrong) continue;
      text += "  " + replayed.names[at] + "\n";
      ++named;
    }
  }
  return text;
}

}  // namespace

Result<int> verify_records(const Session& session, const repository::Repository& repository,
                           const backup::Listed& backup, const backup::Manifest& manifest,
                           const std::string& scratch) {
  const auto begin = std::chrono::steady_clock::now();
  backup::ReplayedRecords replayed;
  TRY(run_job(session, "verify", [&](job::Job::Context& context) -> Result<void> {
    replayed = TRY_DURING("verify backup " + backup.record.id.brief(),
                          backup::replay_records(repository, backup, manifest, scratch, context));
    return {};
  }));
  const auto took = std::chrono::steady_clock::now() - begin;
  const Judgement judgement = judge(replayed);
  if (session.options.json) {
    print_json({{"type", "summary"},
                {"backup", backup.record.id.hex()},
                {"verdict", backup.verdict},
                {"judgement", judgement.word()},
                {"records", json_of(replayed)},
                {"seconds", std::chrono::duration<double>(took).count()}});
    return judgement.exit_code();
  }
  if (session.options.quiet && judgement.exit_code() == exit_done) return exit_done;
  print(fmt::format("backup {} of {} ({}) is {}; it took {}\n", backup.record.id.brief(),
                    backup.system, backup.verdict, judgement.word(), base::display_duration(took)));
  print(counts_text(replayed.report));
  print(problems_text(replayed));
  return judgement.exit_code();
}

}  // namespace stillpoint::cli
