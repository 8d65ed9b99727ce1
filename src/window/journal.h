// SPDX-License-Identifier: Apache-2.0
// What is written down before anybody is paused, so that whoever finds it can let them go: a file
// of JSON lines in the state folder, locked (flock) for as long as somebody looks after the window.
//
//   {"version":1,"id":…,"host":…,"pid":…,"begun":…,"let_go_by":…,"services":[…]}     first, synced
//   {"not_ours":"10.0.0.7:60053"}                 this one answered that we have not paused it
//   {"let_go":"10.0.0.7:60053"}
//   {"given_up":true}                             the window is over; the guard goes on trying
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "window/scalar_admin/instance.h"

namespace stillpoint::window {

struct JournalService {
  Tls tls = {};
  std::vector<Endpoint> endpoints = {};
};

struct Record {
  std::string id = {};
  std::string host = {};
  int pid = 0;
  base::Time begun = {};
  base::Time let_go_by = {};
  std::vector<JournalService> services = {};
};

std::string encode_record(const Record& record);  // the first line
// The whole file: what is still to be let go. `corrupt` where even the first line is not whole,
// which means that nobody was asked to pause yet.
Result<Record> decode_journal(std::string_view text);

// A second place for journals, for the loss of this machine: a repository. Thread-safe.
class JournalCopies {
 public:
  virtual ~JournalCopies() = default;
  virtual Result<void> put(const std::string& id, const std::string& first_line) = 0;
  virtual Result<void> remove(const std::string& id) = 0;
};

class Journal {
 public:
  // Durable when it returns, in the folder and in the copies.
  static Result<Journal> create(const std::filesystem::path& folder, const Record& record,
                                JournalCopies* copies);
  // One that somebody has left. None where it is looked after, or gone.
  static Result<std::optional<Journal>> take_over(const std::filesystem::path& path);
  // The same, and also one whose window was given up although its guard still tries.
  static Result<std::optional<Journal>> join(const std::filesystem::path& path);

  // One that may be looked after: to note in it that somebody was let go by hand.
  static Result<Journal> open(const std::filesystem::path& path);
  // In a process that was started with the locked file as this descriptor.
  static Result<Journal> inherited(const std::filesystem::path& path, int descriptor);

  void note_not_ours(const Endpoint& endpoint);
  void note_let_go(const Endpoint& endpoint);
  void note_given_up();              // the window is over, and whoever wants may try to let go
  bool given_up() const;             // or gone already
  Result<std::string> text() const;  // the whole file
  bool exists() const;               // false when somebody else has done the work
  Result<void> remove();

  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return file_.descriptor(); }

 private:
  Journal(std::filesystem::path path, base::File file)
      : path_(std::move(path)), file_(std::move(file)) {}
  void note(const std::string& line);
  std::filesystem::path path_;
  base::File file_;
  std::string id_ = {};
  JournalCopies* copies_ = nullptr;
  // Behind a pointer: a journal moves.
  std::unique_ptr<base::Guarded<int>> order_ = std::make_unique<base::Guarded<int>>();
};

std::string host_name();
std::string file_of(const std::string& id);  // the journal's name in the folder

// The journals in the folder, oldest first; none where there is no folder.
std::vector<std::filesystem::path> journals_in(const std::filesystem::path& folder);

}  // namespace stillpoint::window
