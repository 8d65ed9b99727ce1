// SPDX-License-Identifier: Apache-2.0
#include "backup/layer_openings.h"

#include <algorithm>

#include "base/text.h"
#include "window/clocks.h"

namespace stillpoint::backup {
namespace {

// Only the checksum and the number of rows are wanted, at the pace of everything else.
class NoSink final : public database::Sink {
 public:
  NoSink(pipeline::RateLimit& rate, const std::stop_token& stop) : rate_(rate), stop_(stop) {}
  Result<void> write(std::uint64_t, ByteView bytes) override {
    if (!rate_.pass(bytes.size(), stop_)) return fail(Errc::cancelled, "interrupted");
    return {};
  }

 private:
  pipeline::RateLimit& rate_;
  const std::stop_token& stop_;
};

// Of those objects, as far as it is known.
std::string rows_of(const std::vector<database::Object>& objects, const std::string& name) {
  for (const database::Object& object : objects) {
    if (object.name != name || !object.rows) continue;
    std::string text = fmt::format("{} rows", *object.rows);
    if (object.checksum) text += fmt::format(", checksum {:016x}", *object.checksum);
    return text;
  }
  return {};
}

}  // namespace

Result<void> SecondSnapshots::before_try(std::stop_token stop) {
  for (PlannedDatabase& planned : plan_.databases) {
    const auto tables = plan_.gate_tables.find(planned.spec.name);
    if (tables == plan_.gate_tables.end()) continue;
    Second& second = seconds_[planned.spec.name];
    if (second.planned.database && !second.open) continue;
    second.open = false;
    second.planned.spec = planned.spec;
    database::ReadOptions options = options_;
    options.readers = 1;  // one session is opened sooner than several at one instant
    options.rows_only = true;
    if (planned.database->capabilities().choice) options.choice = {tables->second, {}};
    const std::string doing = "second snapshot of the coordinator";
    TRY_DURING(doing, prepare_database(second.planned, options, stop));
    database::Database& database = *second.planned.database;
    if (plan_.layer == nullptr) continue;
    TRY_DURING(doing, database.watch(plan_.layer->watches_again({planned.spec.name, &database})));
  }
  return {};
}

Result<void> SecondSnapshots::snapshots_are_open(base::Deadline deadline) {
  for (auto& [name, second] : seconds_) {
    second.open = true;
    TRY_DURING("open a second snapshot of the coordinator in " + name,
               second.planned.database->open(deadline));
  }
  return {};
}

Result<void> SecondSnapshots::read(const std::string& name, std::vector<database::Object>& objects,
                                   pipeline::RateLimit& rate, std::stop_token stop) {
  const std::vector<std::string>& tables = plan_.gate_tables.at(name);
  database::Database& database = *seconds_.at(name).planned.database;
  objects = TRY(database.objects());
  std::erase_if(objects, [&](const database::Object& object) {
    return std::find(tables.begin(), tables.end(), object.name) == tables.end();
  });
  NoSink sink(rate, stop);
  for (database::Object& object : objects) {
    for (const database::Part& part : object.parts) {
      object.add(TRY(database.read(part, sink, stop)));
    }
  }
  return database.count(objects, std::move(stop));
}

Evidence SecondSnapshots::judge(const std::string& name, const std::string& table,
                                const std::string& before, const std::string& after) const {
  Evidence evidence{"coordinator_unchanged", name, before, after, !before.empty(),
                    table + " of " + name};
  if (before == after) {
    evidence.text +=
        " was the same before the first opening and after the last: nobody committed in between";
  } else if (plan_.branch == Branch::pause) {
    // Whether it was a commit, the layer says by its rows.
    evidence.text +=
        " changed while the snapshots were opened, but by no commit: aborts are written, and old "
        "rows removed, also when nobody is at work";
  } else {
    evidence.holds = false;
    evidence.text += " changed between the first opening and the last, although it was held";
  }
  return evidence;
}

Result<std::vector<Evidence>> SecondSnapshots::compare(const std::string& name,
                                                       const std::vector<database::Object>& objects,
                                                       pipeline::RateLimit& rate,
                                                       std::stop_token stop) {
  std::vector<Evidence> evidence;
  if (!seconds_.contains(name)) return evidence;
  std::vector<database::Object> again;
  TRY_DURING("compare the coordinator in " + name, read(name, again, rate, std::move(stop)));
  for (const std::string& table : plan_.gate_tables.at(name)) {
    evidence.push_back(judge(name, table, rows_of(objects, table), rows_of(again, table)));
  }
  seconds_.erase(name);
  return evidence;
}

Result<Openings> open_in_commit_gate(Plan& plan, SecondSnapshots& seconds,
                                     const database::ReadOptions& options, std::stop_token stop) {
  GateRequest request;
  request.tables = plan.gate_tables;
  request.limits.wait_max = plan.system.window.wait_max;
  request.limits.hold_max = plan.system.window.hold_max;
  request.witness = &seconds;
  request.prepare_again = [&](PlannedDatabase& planned) -> Result<void> {
    TRY(prepare_database(planned, options, stop));
    return watch_for_layer(plan, planned);
  };
  GateRecord record = TRY(open_in_gate(plan.databases, request, stop));
  Openings all;
  all.openings = std::move(record.openings);
  all.evidence = std::move(record.evidence);
  all.gate = std::move(record.tries);
  all.verdict = std::all_of(all.evidence.begin(), all.evidence.end(),
                            [](const Evidence& e) { return e.holds; })
                    ? Verdict::proven
                    : Verdict::unproven;
  return all;
}

Result<Openings> open_in_pause(Plan& plan, SecondSnapshots& seconds, window::PauseOptions options,
                               std::stop_token stop) {
  const WindowSpec& spec = plan.system.window;
  options.drain_max = spec.drain_max;
  options.hold_max = spec.pause_max;
  HeldWindow window;
  window.rule = "openings";
  window.own_clock = window::own_clock();
  TRY(seconds.before_try(stop));
  const auto pause = TRY(window::Pause::begin(spec.services, options, std::move(stop)));
  Result<Openings> opened = open_together(
      plan, [&](const base::Deadline& deadline) { return seconds.snapshots_are_open(deadline); });
  const Result<void> held = pause->end();
  TRY(held);
  Openings all = TRY(std::move(opened));
  TRY(confirm_all(plan.databases));
  window.pause = pause->evidence();
  window.held = window.pause.end - window.pause.begin;
  const auto paused = std::chrono::duration_cast<base::Duration>(window.held);
  all.evidence.insert(all.evidence.begin(),
                      {"pause",
                       {},
                       {},
                       {},
                       true,
                       fmt::format("{} instances were drained and paused for {} while every "
                                   "snapshot was opened",
                                   window.pause.instances.size(), base::display_duration(paused))});
  all.window = std::move(window);
  if (all.verdict == Verdict::unproven) all.verdict = Verdict::paused;
  return all;
}

}  // namespace stillpoint::backup
