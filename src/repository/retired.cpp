// SPDX-License-Identifier: Apache-2.0
#include "repository/retired.h"

#include <nlohmann/json.hpp>

#include "repository/json_read.h"

namespace stillpoint::repository {

std::string encode_retired(const Retired& retired) {
  Json packs = Json::array();
  for (const Id& pack : retired.packs) packs.push_back(pack.hex());
  Json json = {{"time", base::format_time(retired.time)}, {"packs", std::move(packs)}};
  if (retired.damaged) json["damaged"] = true;
  return write_json(json);
}

Result<Retired> decode_retired(ByteView text) {
  const Json json = TRY(parse_json(text));
  Retired retired;
  retired.time = TRY(time_of(json, "time"));
  const auto packs = json.find("packs");
  if (packs == json.end() || !packs->is_array()) {
    return fail(Errc::corrupt, "a list of retired packs without packs");
  }
  for (const Json& pack : *packs) {
    Id id;
    if (!pack.is_string() || !Id::parse(pack.get_ref<const std::string&>(), id)) {
      return fail(Errc::corrupt, "a retired pack whose id is none");
    }
    retired.packs.push_back(id);
  }
  const auto damaged = json.find("damaged");
  retired.damaged = damaged != json.end() && *damaged == true;
  return retired;
}

Result<std::vector<RetiredFile>> load_retired(const Repository& repository,
                                              const std::unordered_set<Id>& seen,
                                              std::vector<Id>* damaged) {
  std::vector<RetiredFile> files;
  for (const Id& id : TRY(repository.list_files(FileKind::retired))) {
    if (seen.contains(id)) continue;
    const Result<Bytes> text = repository.load_file(FileKind::retired, id);
    if (!text && text.error().code == Errc::not_found) continue;
    Result<Retired> retired;
    if (text) {
      retired = decode_retired(*text);
    } else {
      retired = fail(Error(text.error()));
    }
    if (!retired && damaged != nullptr && retired.error().code == Errc::corrupt) {
      damaged->push_back(id);
      continue;
    }
    if (!retired) {
      return fail(std::move(retired.error())
                      .during("retired packs " + id.brief())
                      .advise("it is written anew by: stillpoint prune"));
    }
    files.push_back({id, std::move(*retired)});
  }
  return files;
}

std::unordered_set<Id> damaged_packs(const std::vector<RetiredFile>& files) {
  std::unordered_set<Id> damaged;
  for (const RetiredFile& file : files) {
    if (!file.retired.damaged) continue;
    damaged.insert(file.retired.packs.begin(), file.retired.packs.end());
  }
  return damaged;
}

}  // namespace stillpoint::repository
