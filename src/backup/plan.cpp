// SPDX-License-Identifier: Apache-2.0
#include "backup/plan.h"

#include <set>

#include "base/encoding.h"
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
  } else {
    plan.branch = Branch::no_layer_together;
    plan.reason =
        "no layer, consistency: together. All snapshots are opened side by side; the backup is "
        "proven when nobody wrote between the first and the last opening";
  }
}

void describe_steps(Plan& plan) {
  const bool together = plan.branch == Branch::no_layer_together;
  if (together) {
    plan.steps.emplace_back("note every database's write mark");
    plan.steps.emplace_back("open a snapshot of every database, side by side");
    plan.steps.emplace_back("compare the write marks: the verdict");
  }
  for (const PlannedDatabase& planned : plan.databases) {
    if (!together) plan.steps.push_back("open a snapshot of " + planned.spec.name);
    plan.steps.push_back("read " + planned.spec.name + " (" + planned.database->url() +
                         ") and count its rows");
  }
  plan.steps.emplace_back("write the manifest; the backup becomes visible");
}

}  // namespace

Result<Plan> make_plan(const System& system, const database::ReadOptions& options,
                       std::stop_token stop) {
  Plan plan;
  plan.system = system;
  if (system.databases.empty()) {
    return fail(Errc::invalid, "system {} has no databases", system.name);
  }
  std::set<std::string> names;
  for (const DatabaseSpec& spec : system.databases) {
    const std::string doing = "database " + spec.name;
    if (!names.insert(spec.name).second) {
      return fail(Error{Errc::invalid, "two databases have the name " + spec.name,
                        "give them names in stillpoint.yaml"});
    }
    const database::Kind* kind = TRY_DURING(doing, database::kind_of(spec.address.url));
    database::ReadOptions reading = options;
    if (reading.choice.everything()) reading.choice = spec.choice;
    PlannedDatabase planned;
    planned.spec = spec;
    planned.folder = base::percent_encode(spec.name);
    planned.database = TRY_DURING(doing, kind->open(spec.address, reading));
    TRY_DURING(doing, planned.database->prepare(stop));
    if (!planned.database->capabilities().snapshot) {
      return fail(Errc::unsupported, "{}: it cannot open a consistent snapshot", doing);
    }
    for (const std::string& warning : planned.database->warnings()) {
      plan.warnings.push_back(spec.name + ": " + warning);
    }
    plan.databases.push_back(std::move(planned));
  }
  choose_branch(plan);
  describe_steps(plan);
  return plan;
}

}  // namespace stillpoint::backup
