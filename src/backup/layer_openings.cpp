// SPDX-License-Identifier: Apache-2.0
#include "backup/layer_openings.h"

#include <algorithm>

#include "base/text.h"
#include "window/clocks.h"

namespace stillpoint::backup {
namespace {

// Only the checksum and the number of rows are wanted.
class NoSink final : public database::Sink {
 public:
  Result<void> write(std::uint64_t, ByteView) override { return {}; }
};

const database::Object* find_object(const std::vector<database::Object>& objects,
                                    const std::string& name) {
  const auto at = std::find_if(objects.begin(), objects.end(),
                               [&](const database::Object& object) { return object.name == name; });
  return at == objects.end() ? nullptr : &*at;
}

std::string rows_of(const database::Object* object) {
  if (object == nullptr || !object->checksum || !object->rows) return "nothing";
  return fmt::format("{} rows, checksum {:016x}", *object->rows, *object->checksum);
}

}  // namespace

Result<void> GateTables::before_try(std::stop_token stop) {
  shut_marks_.clear();
  marks_.clear();
  for (PlannedDatabase& planned : plan_.databases) {
    const std::string& name = planned.spec.name;
    const auto tables = plan_.gate_tables.find(name);
    if (tables == plan_.gate_tables.end() || planned.database->capabilities().hold_whole) continue;
    Second& second = seconds_[name];
    if (second.planned.database && !second.open) continue;
    second.planned.spec = planned.spec;
    database::ReadOptions options = options_;
    options.choice = {tables->second, {}};
    options.readers = 1;  // one session is opened sooner than several at one instant
    TRY_DURING("second snapshot of the coordinator",
               prepare_database(second.planned, options, stop));
    second.open = false;
  }
  return {};
}

Result<void> GateTables::gate_is_shut(base::Deadline) {
  for (PlannedDatabase& planned : plan_.databases) {
    if (!plan_.gate_tables.contains(planned.spec.name) ||
        !planned.database->capabilities().hold_whole) {
      continue;
    }
    shut_marks_[planned.spec.name] =
        TRY_DURING("write mark of " + planned.spec.name, planned.database->write_mark());
  }
  return {};
}

Result<void> GateTables::snapshots_are_open(base::Deadline deadline) {
  for (auto& [name, second] : seconds_) {
    second.open = true;
    TRY_DURING("open a second snapshot of the coordinator in " + name,
               second.planned.database->open(deadline));
  }
  for (PlannedDatabase& planned : plan_.databases) {
    const std::string& name = planned.spec.name;
    if (!shut_marks_.contains(name)) continue;
    const std::string after = TRY_DURING("write mark of " + name, planned.database->write_mark());
    const bool holds = shut_marks_[name] == after;
    marks_.push_back({"coordinator_unchanged", name, shut_marks_[name], after, holds,
                      name + (holds ? ", which has the coordinator, was not written while the gate "
                                      "was shut"
                                    : ", which has the coordinator, was written while the gate "
                                      "was said to be shut")});
  }
  return {};
}

Result<std::vector<Evidence>> GateTables::judge(std::stop_token) {
  return std::move(marks_);
}

Result<std::vector<Evidence>> GateTables::compare(const std::string& name,
                                                  const std::vector<database::Object>& objects,
                                                  std::stop_token stop) {
  std::vector<Evidence> evidence;
  const auto at = seconds_.find(name);
  if (at == seconds_.end()) return evidence;
  database::Database& second = *at->second.planned.database;
  std::vector<database::Object> again = TRY(second.objects());
  for (const std::string& table : plan_.gate_tables.at(name)) {
    NoSink sink;
    for (database::Object& object : again) {
      if (object.name != table) continue;
      for (const database::Part& part : object.parts) {
        object.add(TRY(second.read(part, sink, stop)));
      }
    }
    const std::string before = rows_of(find_object(objects, table));
    const std::string after = rows_of(find_object(again, table));
    const bool holds = before == after && before != rows_of(nullptr);
    evidence.push_back(
        {"coordinator_unchanged", name, before, after, holds,
         table + " of " + name +
             (holds ? " was the same at the first opening and after the last: nothing committed "
                      "in between"
                    : " was not the same at the first opening and after the last: somebody "
                      "committed although the gate was shut")});
  }
  seconds_.erase(at);
  return evidence;
}

Result<Openings> open_in_commit_gate(Plan& plan, GateTables& tables,
                                     const database::ReadOptions& options, std::stop_token stop) {
  GateRequest request;
  request.tables = plan.gate_tables;
  request.limits.wait_max = plan.system.window.wait_max;
  request.limits.hold_max = plan.system.window.hold_max;
  request.witness = &tables;
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

Result<Openings> open_in_pause(Plan& plan, window::PauseOptions options, std::stop_token stop) {
  const WindowSpec& spec = plan.system.window;
  options.drain_max = spec.drain_max;
  options.hold_max = spec.pause_max;
  HeldWindow window;
  window.rule = "openings";
  window.own_clock = window::own_clock();
  const auto pause = TRY(window::Pause::begin(spec.services, options, std::move(stop)));
  Result<Openings> opened = open_together(plan);
  const Result<void> held = pause->end();
  TRY(held);
  Openings all = TRY(std::move(opened));
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
