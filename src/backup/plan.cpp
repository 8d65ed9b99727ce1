// SPDX-License-Identifier: Apache-2.0
#include "backup/plan.h"

#include <set>

#include "backup/layer_plan.h"
#include "base/encoding.h"
#include "base/text.h"
#include "database/target.h"

namespace stillpoint::backup {
namespace {

void choose_branch(Plan& plan) {
  if (plan.databases.size() == 1) {
    plan.branch = Branch::one_snapshot;
    plan.reason = "one database with transactions holds everything: its snapshot is one instant";
  } else if (plan.system.consistency == Consistency::separate) {
    plan.branch = Branch::no_layer_separate;
    plan.reason =
        "no layer, consistency: separate. Each database is one instant of its own; nothing is "
        "claimed about how they agree";
  } else if (!plan.system.window.services.empty() && plan.system.window.kind != WindowKind::gate) {
    plan_pause(plan, "no layer, consistency: together, and it is known who can be paused");
  } else {
    plan.branch = Branch::no_layer_together;
    plan.reason =
        "no layer, consistency: together. All snapshots are opened side by side; the backup is "
        "proven when nobody wrote between the first and the last opening";
  }
}

// What is done before the first row is read.
std::vector<std::string> opening_steps(const Plan& plan) {
  const std::string open_all = "open a snapshot of every database, side by side";
  switch (plan.branch) {
    case Branch::no_layer_together:
      return {"note every database's write mark", open_all, "compare the write marks: the verdict"};
    case Branch::commit_gate:
      return {fmt::format("hold writes to the coordinator; a try waits for that for {}, and holds "
                          "for {}, at most",
                          base::display_duration(plan.system.window.wait_max),
                          base::display_duration(plan.system.window.hold_max)),
              open_all, "open a second snapshot of the coordinator, and let go"};
    case Branch::pause: {
      std::vector<std::string> who;
      for (const window::Service& one : plan.system.window.services) {
        who.push_back(window::to_text(one));
      }
      return {
          fmt::format("pause {}, and wait for {} at most until they are drained",
                      base::join(who, ", "), base::display_duration(plan.system.window.drain_max)),
          open_all, "let them go"};
    }
    default:
      return {};
  }
}

void describe_steps(Plan& plan) {
  plan.steps = opening_steps(plan);
  const bool one_by_one = plan.steps.empty();
  for (const PlannedDatabase& planned : plan.databases) {
    if (one_by_one) plan.steps.push_back("open a snapshot of " + planned.spec.name);
    plan.steps.push_back("read " + planned.spec.name + " (" + planned.database->url() +
                         ") and count its rows");
  }
  if (plan.layer != nullptr) {
    plan.steps.emplace_back(
        "compare the records that were committed of late with the captured coordinator");
  }
  plan.steps.emplace_back("write the manifest; the backup becomes visible");
}

}  // namespace

Result<void> prepare_database(PlannedDatabase& planned, const database::ReadOptions& options,
                              std::stop_token stop) {
  const std::string doing = "database " + planned.spec.name;
  planned.database.reset();  // its locks and sessions go first
  const database::Kind* kind = TRY_DURING(doing, database::kind_of(planned.spec.address.url));
  database::ReadOptions reading = options;
  if (reading.choice.everything()) reading.choice = planned.spec.choice;
  planned.database = TRY_DURING(doing, kind->open(planned.spec.address, reading));
  TRY_DURING(doing, planned.database->prepare(std::move(stop)));
  if (!planned.database->capabilities().snapshot) {
    return fail(Errc::unsupported, "{}: it cannot open a consistent snapshot", doing);
  }
  return {};
}

Result<Plan> make_plan(const System& system, const database::ReadOptions& options,
                       std::stop_token stop) {
  Plan plan;
  plan.system = system;
  if (system.databases.empty()) {
    return fail(Errc::invalid, "system {} has no databases", system.name);
  }
  std::set<std::string> names;
  for (const DatabaseSpec& spec : system.databases) {
    if (!names.insert(spec.name).second) {
      return fail(Error{Errc::invalid, "two databases have the name " + spec.name,
                        "give them names in stillpoint.yaml"});
    }
    PlannedDatabase planned;
    planned.spec = spec;
    planned.folder = base::percent_encode(spec.name);
    TRY(prepare_database(planned, options, stop));
    for (const std::string& warning : planned.database->warnings()) {
      plan.warnings.push_back(spec.name + ": " + warning);
    }
    plan.databases.push_back(std::move(planned));
  }
  if (system.layer.any()) {
    plan.layer = TRY(layer::make_layer(system.layer, layer::Unreadable::refused));
    TRY_DURING("layer " + system.layer.kind, plan_layer(plan));
  } else {
    choose_branch(plan);
  }
  describe_steps(plan);
  return plan;
}

}  // namespace stillpoint::backup
