// SPDX-License-Identifier: Apache-2.0
#include "backup/layer_plan.h"

#include <charconv>

#include "base/text.h"

namespace stillpoint::backup {
namespace {

// Writers of a database that has them wait are held up until it has been read: about ten seconds
// at most, which is what ScalarDB's clients of SQLite usually wait.
constexpr std::uint64_t waiting_bytes_max = std::uint64_t{1} << 30;

std::uint64_t number_of(const std::vector<database::Setting>& settings, std::string_view name) {
  std::uint64_t number = 0;
  for (const database::Setting& one : settings) {
    if (one.name != name) continue;
    std::from_chars(one.value.data(), one.value.data() + one.value.size(), number);
  }
  return number;
}

// Of a file in pages; 0 where that is not known.
std::uint64_t bytes_of(const database::Database& database) {
  const std::vector<database::Setting> settings = database.settings();
  return number_of(settings, "page_size") * number_of(settings, "page_count");
}

Result<void> check_waiting_writers(const Plan& plan) {
  for (const PlannedDatabase& planned : plan.databases) {
    const std::uint64_t bytes = bytes_of(*planned.database);
    if (!planned.database->capabilities().writers_wait || bytes <= waiting_bytes_max) continue;
    return fail(Error{Errc::unsupported,
                      fmt::format("{} is {}, and its writers would wait until all of it has been "
                                  "read: too long for applications that go on meanwhile",
                                  planned.spec.name, base::display_bytes(bytes)),
                      "use SQLite's write-ahead log: PRAGMA journal_mode=WAL; applications need no "
                      "change"});
  }
  return {};
}

// A transaction that is committed by the captured coordinator would be missing, even as prepared,
// in a copy that has not come so far.
Result<void> check_up_to_date(const Plan& plan) {
  for (const PlannedDatabase& planned : plan.databases) {
    if (!planned.database->capabilities().behind) continue;
    return fail(Error{
        Errc::unsupported,
        planned.spec.name + " is a standby, a replica or one of a cluster: what was committed may "
                            "show there late, and would be missing beside the other databases",
        "name the primary: databases: {" + planned.spec.name + ": {url: ...}} in stillpoint.yaml"});
  }
  return {};
}

// Why the gate will not do; empty where it will.
std::string gate_refusal(const Plan& plan) {
  if (plan.layer->always_pauses()) {
    return "the layer " + plan.layer->name() + " is always paused";
  }
  if (std::string why = plan.layer->gate_refusal(); !why.empty()) return why;
  for (const PlannedDatabase& planned : plan.databases) {
    const database::Capabilities can = planned.database->capabilities();
    if (!plan.gate_tables.contains(planned.spec.name) || can.hold_writes) continue;
    return "writes to the coordinator's table cannot be held in " + planned.spec.name +
           ": this kind cannot";
  }
  return {};
}

tl::unexpected<Error> refuse(const std::string& why, bool pause_would_do) {
  return fail(Error{Errc::unsupported, why,
                    pause_would_do
                        ? "name the applications that can be paused: window: {pause: {srv: NAME}} "
                          "in stillpoint.yaml, or --srv NAME, or --addresses HOST:PORT"
                        : "leave it to stillpoint: --window auto"});
}

Result<void> choose_gate(Plan& plan) {
  plan.branch = Branch::commit_gate;
  std::vector<std::string> tables;
  for (const auto& [name, held] : plan.gate_tables) {
    tables.push_back(base::join(held, ", ") + " of " + name);
  }
  plan.reason = fmt::format(
      "layer {} over {} databases, each opens a snapshot quickly, and {} can be held: while nobody "
      "can write there nothing commits, and every snapshot is opened in that time",
      plan.layer->name(), plan.databases.size(), base::join(tables, ", "));
  return {};
}

Result<void> choose(Plan& plan) {
  const WindowSpec& window = plan.system.window;
  const bool can_pause = !window.services.empty();
  const std::string name = plan.layer->name();
  if (plan.databases.size() == 1 && !plan.layer->always_pauses() &&
      window.kind == WindowKind::automatic) {
    plan.branch = Branch::one_snapshot;
    plan.reason = "layer " + name +
                  " on one database with transactions, the coordinator included: its snapshot is "
                  "one instant, nobody is held";
    return {};
  }
  const std::string against = gate_refusal(plan);
  if (window.kind == WindowKind::gate) {
    if (against.empty()) return choose_gate(plan);
    return refuse("the commit gate was asked for, but " + against, plan.layer->always_pauses());
  }
  if (window.kind == WindowKind::automatic && against.empty()) return choose_gate(plan);
  if (!can_pause) {
    return refuse(window.kind == WindowKind::pause
                      ? "a pause was asked for, but nobody is known who could be paused"
                      : "no commit gate: " + against + "; and nobody is known who could be paused",
                  true);
  }
  plan_pause(plan, window.kind == WindowKind::pause
                       ? "layer " + name + ", and a pause was asked for"
                       : "layer " + name + ", and no commit gate: " + against);
  return {};
}

}  // namespace

void plan_pause(Plan& plan, const std::string& reason) {
  plan.branch = Branch::pause;
  plan.reason = reason + ". Every snapshot is opened while all instances are drained and paused";
}

Result<void> watch_for_layer(Plan& plan, PlannedDatabase& planned) {
  if (plan.layer == nullptr) return {};
  const layer::Member member{planned.spec.name, planned.database.get()};
  TRY_DURING("watch the records of " + planned.spec.name,
             planned.database->watch(plan.layer->watches(member)));
  return {};
}

Result<void> plan_layer(Plan& plan) {
  std::vector<layer::Member> members;
  for (const PlannedDatabase& planned : plan.databases) {
    members.push_back({planned.spec.name, planned.database.get()});
  }
  if (plan.databases.size() > 1) TRY(check_up_to_date(plan));
  TRY(plan.layer->examine(members));
  plan.gate_tables = plan.layer->gate_tables();
  for (const std::string& warning : plan.layer->warnings()) plan.warnings.push_back(warning);
  TRY(choose(plan));
  if (plan.branch != Branch::one_snapshot) TRY(check_waiting_writers(plan));
  for (PlannedDatabase& planned : plan.databases) {
    planned.first = plan.gate_tables.contains(planned.spec.name);
    TRY(watch_for_layer(plan, planned));
  }
  return {};
}

}  // namespace stillpoint::backup
