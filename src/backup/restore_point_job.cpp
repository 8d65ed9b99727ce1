// SPDX-License-Identifier: Apache-2.0
#include "backup/restore_point_job.h"

#include <algorithm>
#include <set>

#include "backup/catalogue.h"
#include "backup/version.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/random.h"
#include "base/sleep.h"
#include "base/text.h"
#include "database/target.h"
#include "repository/backup_writer.h"
#include "window/parallel.h"

namespace stillpoint::backup {
namespace {

using std::chrono::nanoseconds;

// For constant work in the window; what takes longer hangs.
constexpr std::chrono::seconds mark_max{5};
constexpr std::chrono::seconds settle_max{10};
constexpr std::chrono::seconds measure_max{15};
// What the offsets may differ by when they are measured again after the window.
constexpr std::chrono::milliseconds rule_margin{20};
// Two of our own clocks that run apart by more than this in one window: one was set.
constexpr std::chrono::milliseconds own_clock_jump{10};

struct Member {
  std::string name = {};
  std::string url = {};
  std::unique_ptr<database::PointMarker> marker;  // none: an endpoint
  window::Clock clock = {};
  window::Offset before = {};
  std::optional<window::Offset> offset = {};  // in the window
  base::Time asked = {};
  base::Duration took = {};
  database::RestorePoint point = {};
  std::string mark_before = {};
  std::string mark_after = {};
};

// Both of our clocks, so that a jump of one is seen.
struct Instant {
  base::Time time = base::now();
  std::chrono::steady_clock::time_point steady = std::chrono::steady_clock::now();
};

// Until the time is over, or one of them is requested.
void sleep_until(std::chrono::steady_clock::time_point end, const std::stop_token& stop,
                 const std::stop_token& voided) {
  std::stop_source either;
  const std::stop_callback on_stop(stop, [&] { either.request_stop(); });
  const std::stop_callback on_void(voided, [&] { either.request_stop(); });
  (void)base::sleep_for(end - std::chrono::steady_clock::now(), either.get_token());
}

class RestorePointRun {
 public:
  RestorePointRun(const RestorePointRequest& request, job::Job::Context& job)
      : request_(request), job_(job) {}

  Result<void> run() {
    TRY(connect());
    job_.phase("measure the clocks");
    TRY(each([&](Member& member) { return measure(member); }));
    std::vector<MeasuredClock> clocks;
    for (const Member& member : members_) {
      clocks.push_back({member.before, member.clock.granularity});
    }
    rule_ = hold_rule(request_.hold, clocks);
    explain_rule();
    TRY(hold());
    job_.phase("measure the clocks again");
    measure_again();
    TRY(each([](Member& member) -> Result<void> {
      return member.marker ? member.marker->settle(base::Deadline(settle_max)) : Result<void>();
    }));
    judge();
    return {};
  }
  Manifest& manifest() { return manifest_; }
  std::vector<std::string>& warnings() { return warnings_; }

 private:
  // All at the same time; the first error, by the order of the members, with its name.
  Result<void> each(const std::function<Result<void>(Member&)>& work) {
    std::vector<Result<void>> done(members_.size());
    window::all_at_once(members_.size(), [&](std::size_t i) { done[i] = work(members_[i]); });
    for (std::size_t i = 0; i < members_.size(); ++i) {
      TRY_DURING("database " + members_[i].name, std::move(done[i]));
    }
    return {};
  }

  Result<void> connect() {
    job_.phase("connect");
    for (const DatabaseSpec& spec : request_.databases) {
      const std::string doing = "database " + spec.name;
      const database::Kind* kind = TRY_DURING(doing, database::kind_of(spec.address.url));
      Member& member = members_.emplace_back();
      member.name = spec.name;
      member.marker = TRY_DURING(doing, kind->open_marker(spec.address));
      member.url = member.marker->url();
      member.clock = {member.marker->granularity(),
                      [raw = member.marker.get()](const base::Deadline& deadline, std::stop_token) {
                        return raw->clock(deadline);
                      }};
    }
    for (const EndpointSpec& spec : request_.endpoints) {
      Member& member = members_.emplace_back();
      member.name = spec.name;
      member.url = spec.url.substr(0, spec.url.find_first_of("?#"));
      member.clock =
          TRY_DURING("clock " + spec.name, window::http_clock(spec.url, request_.endpoints_ca));
    }
    std::set<std::string> names;
    for (const Member& member : members_) {
      TRY(check_system_name(member.name));
      if (names.insert(member.name).second) continue;
      return fail(Error{Errc::invalid, "two databases have the name " + member.name,
                        "name clocks so: --clock NAME=URL; databases in stillpoint.yaml"});
    }
    return each([&](Member& member) -> Result<void> {
      return member.marker ? member.marker->prepare(job_.stop()) : Result<void>();
    });
  }

  Result<void> measure(Member& member) const {
    member.before =
        TRY_DURING("measure its clock",
                   window::measure_offset(member.clock, base::Deadline(measure_max), job_.stop()));
    return {};
  }

  void warn(std::string text) {
    log(LogLevel::warning, "{}", text);
    warnings_.push_back(std::move(text));
  }

  void explain_rule() {
    for (const Member& member : members_) {
      if (!member.marker) continue;
      for (const std::string& warning : member.marker->warnings()) {
        warn(member.name + ": " + warning);
      }
    }
    own_clock_ = window::own_clock();
    if (!own_clock_.synchronised) {
      warn(
          "the clock of this machine is not synchronised (NTP): times in UTC may be wrong, and "
          "with them the restore times of databases whose clock was not measured");
    }
    if (rule_.name != "unmeasured") return;
    warn("no clock of a database could be asked: everybody stands still for " +
         base::display_duration(rule_.time) + ", as nothing is known of how clocks differ");
  }

  Result<void> hold() {
    job_.phase("pause");
    window::PauseOptions options = request_.pause;
    options.hold_max = rule_.time + 3 * mark_max;
    const auto pause = TRY(window::Pause::begin(request_.services, options, job_.stop()));
    const Instant begin;
    Result<void> done = mark_all(begin, *pause);
    const Instant end;
    const Result<void> held = pause->end();
    window_.pause = pause->evidence();
    window_.rule = rule_.name;
    window_.held = window_.pause.end - window_.pause.begin;
    window_.own_clock = own_clock_;
    TRY(held);
    TRY(std::move(done));
    const auto apart = (end.time - begin.time) - (end.steady - begin.steady);
    own_clock_was_set_ = std::chrono::abs(apart) > own_clock_jump;
    return {};
  }

  Result<void> mark_all(const Instant& begin, const window::Pause& pause) {
    job_.phase("mark");
    const std::string name =
        "stillpoint_" + base::compact_time(begin.time) + "_" + base::random_token();
    TRY(each([&](Member& member) -> Result<void> {
      if (!member.marker) return {};
      const base::Deadline deadline(mark_max);
      member.mark_before = TRY(member.marker->write_mark(deadline));
      const Instant asked;
      member.point = TRY(member.marker->mark(name, deadline));
      member.asked = asked.time;
      member.took = std::chrono::steady_clock::now() - asked.steady;
      return {};
    }));
    job_.phase("hold");
    sleep_until(begin.steady + rule_.time, job_.stop(), pause.voided());
    if (job_.stop().stop_requested()) return fail(Errc::cancelled, "interrupted");
    return each([&](Member& member) -> Result<void> {
      if (!member.marker) return {};
      member.mark_after = TRY(member.marker->write_mark(base::Deadline(mark_max)));
      return {};
    });
  }

  void measure_again() {
    std::vector<std::string> problems(members_.size());
    window::all_at_once(members_.size(), [&](std::size_t i) {
      Member& member = members_[i];
      const auto after =
          window::measure_offset(member.clock, base::Deadline(measure_max), job_.stop());
      if (!after) {
        problems[i] = after.error().message;
      } else if (after->low > member.before.high || after->high < member.before.low) {
        problems[i] = "it was set meanwhile, or ours was";
      } else {
        member.offset = window::offset_between(member.before, *after, base::now() - begun_);
      }
    });
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (problems[i].empty()) continue;
      warn(members_[i].name + ": its clock tells no restore time: " + problems[i]);
    }
    if (!own_clock_was_set_) return;
    warn("the clock of this machine was set during the window: there are no restore times");
    for (Member& member : members_) member.offset.reset();
  }

  void judge() {
    Manifest& m = manifest_;
    m.program = program_version();
    m.system = request_.system;
    m.label = request_.label;
    m.created = window_.pause.begin;
    m.consistency = Consistency::together;
    m.branch = Branch::restore_point;
    m.reason = "no data is read: a point is marked in every database while all services are paused";
    m.window = window_;
    m.evidence.push_back(
        {"pause",
         {},
         {},
         {},
         true,
         fmt::format(
             "{} instances were drained and paused for {}", window_.pause.instances.size(),
             base::display_duration(std::chrono::duration_cast<base::Duration>(window_.held)))});
    for (const Member& member : members_) {
      m.databases.push_back(entry_of(member));
      m.evidence.push_back(evidence_of(member));
    }
    for (const layer::Elsewhere& one : request_.elsewhere) {
      const bool asked = std::any_of(members_.begin(), members_.end(),
                                     [&](const Member& member) { return member.name == one.name; });
      if (asked) continue;
      m.evidence.push_back({"not_examined",
                            one.name,
                            {},
                            {},
                            false,
                            one.name + " (" + one.kind +
                                ") was not examined: restore it to a time within the window by "
                                "the means of its service"});
    }
    if (members_.empty() && request_.elsewhere.empty()) {
      m.evidence.push_back(
          {"not_examined",
           {},
           {},
           {},
           false,
           "no database was named, so none was examined: that all writers were "
           "paused, and how the databases' clocks differ from ours, is not known"});
    }
    const auto holds = [&](const char* kind) {
      return std::all_of(m.evidence.begin(), m.evidence.end(),
                         [&](const Evidence& e) { return e.kind != kind || e.holds; });
    };
    m.verdict = !holds("not_examined") ? Verdict::unproven
                : !holds("write_mark") ? Verdict::paused
                                       : Verdict::proven;
    for (const Evidence& e : m.evidence) {
      if (!e.holds) warn((e.kind == "not_examined" ? "unproven: " : "") + e.text);
    }
  }

  Evidence evidence_of(const Member& member) const {
    const std::string& name = member.name;
    if (!member.marker) {
      return {"not_examined",
              name,
              {},
              {},
              false,
              name +
                  " was not examined: only the clock of the endpoint in front of it is known, "
                  "and that of its own nodes is taken to be the same"};
    }
    const bool holds = member.mark_before == member.mark_after;
    return {"write_mark",
            name,
            member.mark_before,
            member.mark_after,
            holds,
            holds ? name + " was not written in the window"
                  : name +
                        "'s server was written in the window: by a writer that is not paused, "
                        "by another database of the server, or by itself"};
  }

  DatabaseEntry entry_of(const Member& member) {
    DatabaseEntry entry;
    entry.name = member.name;
    entry.url = member.url;
    entry.folder = base::percent_encode(member.name);
    entry.opened = member.marker ? member.asked : window_.pause.begin;
    entry.open_time = std::chrono::duration_cast<std::chrono::microseconds>(member.took);
    entry.kind = member.marker ? member.marker->kind() : "endpoint";
    entry.point = member.marker ? member.point : database::RestorePoint{"clock_time", {}};
    entry.capabilities.snapshot = false;
    if (member.marker) {
      entry.settings = member.marker->settings();
      entry.warnings = member.marker->warnings();
    }
    if (!member.offset) return entry;
    const auto restore = window::restore_time(window_.pause.begin, window_.pause.end,
                                              *member.offset, member.clock.granularity);
    entry.clock = ClockFacts{*member.offset, member.clock.granularity, restore};
    if (!restore) {
      const auto needed = window::hold_needed(*member.offset, member.clock.granularity);
      warn(fmt::format(
          "{}: no time by its clock lies in the window for sure, which lasted {}: give "
          "--hold {} or more",
          member.name,
          base::display_duration(std::chrono::duration_cast<base::Duration>(window_.held)),
          base::display_duration(std::chrono::duration_cast<base::Duration>(needed))));
    }
    return entry;
  }

  const RestorePointRequest& request_;
  job::Job::Context& job_;
  const base::Time begun_ = base::now();
  std::vector<Member> members_;
  HoldRule rule_;
  window::OwnClock own_clock_;
  HeldWindow window_;
  bool own_clock_was_set_ = false;
  Manifest manifest_;
  std::vector<std::string> warnings_;
};

}  // namespace

HoldRule hold_rule(const std::optional<base::Duration>& given,
                   const std::vector<MeasuredClock>& clocks) {
  if (given) return {"given", *given};
  if (clocks.empty()) return {"unmeasured", window::hold_unmeasured};
  nanoseconds needed{0};
  for (const MeasuredClock& one : clocks) {
    // measured again afterwards, the bounds may be as wide once more
    needed = std::max(needed, window::hold_needed(one.offset, one.granularity) +
                                  one.offset.width() + rule_margin);
  }
  return {"measured", needed};
}

Result<RestorePointOutcome> take_restore_point(const RestorePointRequest& request,
                                               repository::Repository* repository,
                                               job::Job::Context& job) {
  const std::string doing = "restore point of " + request.system;
  TRY_DURING(doing, check_system_name(request.system));
  if (!request.label.empty()) TRY_DURING(doing, check_label(request.label));
  std::unique_ptr<repository::BackupWriter> writer;
  if (repository != nullptr) {
    job.phase("lock the repository and read its index");
    writer = TRY_DURING(doing, repository::BackupWriter::begin(*repository, {}, job.stop()));
  }
  RestorePointRun run(request, job);
  TRY_DURING(doing, run.run());
  RestorePointOutcome outcome{{}, std::move(run.manifest()), std::move(run.warnings())};
  if (!writer) return outcome;
  job.phase("write the manifest");
  TRY_DURING(doing, writer->add_text(manifest_path, encode_manifest(outcome.manifest)));
  outcome.record = TRY_DURING(doing, writer->finish(record_of(outcome.manifest)));
  return outcome;
}

}  // namespace stillpoint::backup
