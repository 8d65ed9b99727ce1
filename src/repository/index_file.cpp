// SPDX-License-Identifier: Apache-2.0
#include "repository/index_file.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "repository/crypto.h"

namespace stillpoint::repository {
namespace {

using nlohmann::json;

// {"packs":[{"id":…,"blobs":[{…},…]},…]}: packs lie at depth 2, blobs at depth 4 of nesting.
class Reader : public nlohmann::json_sax<json> {
 public:
  explicit Reader(const std::function<void(IndexedPack)>& visit) : visit_(visit) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return complain("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return complain("a fraction"); }
  bool binary(binary_t&) override { return complain("binary"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (!in_blob()) return true;
    if (value > 0xFFFFFFFFU) return complain("a number that is too large");
    const auto number = static_cast<std::uint32_t>(value);
    if (key_ == "offset") blob_.offset = number;
    if (key_ == "length") blob_.length = number;
    if (key_ == "uncompressed_length") blob_.plain_bytes = number;
    return true;
  }

  bool string(string_t& value) override {
    if (in_blob() && key_ == "type") {
      if (value != "data" && value != "tree") return complain("a blob of unknown type");
      blob_.type = value == "tree" ? BlobType::tree : BlobType::data;
    } else if (key_ == "id" && (in_blob() || in_pack())) {
      Id& id = in_blob() ? blob_.id : pack_.id;
      if (!Id::parse(value, id)) return complain("an id that is none");
      (in_blob() ? blob_has_id_ : pack_has_id_) = true;
    }
    return true;
  }

  bool key(string_t& value) override {
    key_ = value;
    if (depth_ == 1) section_ = value;
    return true;
  }
  bool start_object(std::size_t) override {
    ++depth_;
    if (in_blob()) {
      blob_ = {};
      blob_has_id_ = false;
    } else if (in_pack()) {
      pack_ = {};
      pack_has_id_ = false;
    }
    return depth_ <= 8 || complain("too much nesting");
  }
  bool end_object() override {
    if (in_blob()) {
      if (!blob_has_id_ || blob_.length < seal_overhead) return complain("an incomplete blob");
      pack_.blobs.push_back(blob_);
    } else if (in_pack()) {
      if (!pack_has_id_) return complain("a pack without id");
      visit_(std::move(pack_));
    }
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return ++depth_ <= 8 || complain("too much nesting"); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t at, const std::string&, const json::exception&) override {
    return complain(fmt::format("no JSON at byte {}", at));
  }

  const std::string& complaint() const { return complaint_; }

 private:
  bool in_pack() const { return depth_ == 3 && section_ == "packs"; }
  bool in_blob() const { return depth_ == 5 && section_ == "packs"; }
  bool complain(std::string what) {
    complaint_ = std::move(what);
    return false;
  }

  const std::function<void(IndexedPack)>& visit_;
  int depth_ = 0;
  std::string section_;
  std::string key_;
  IndexedPack pack_;
  PackedBlob blob_;
  bool pack_has_id_ = false;
  bool blob_has_id_ = false;
  std::string complaint_ = "no JSON";
};

}  // namespace

std::string encode_index_file(const std::vector<IndexedPack>& packs) {
  std::string text = R"({"packs":[)";
  auto out = std::back_inserter(text);
  for (std::size_t p = 0; p < packs.size(); ++p) {
    fmt::format_to(out, R"({}{{"id":"{}","blobs":[)", p == 0 ? "" : ",", packs[p].id.hex());
    for (std::size_t b = 0; b < packs[p].blobs.size(); ++b) {
      const PackedBlob& blob = packs[p].blobs[b];
      fmt::format_to(out, R"({}{{"id":"{}","type":"{}","offset":{},"length":{})", b == 0 ? "" : ",",
                     blob.id.hex(), blob.type == BlobType::tree ? "tree" : "data", blob.offset,
                     blob.length);
      if (blob.plain_bytes != 0) {
        fmt::format_to(out, R"(,"uncompressed_length":{})", blob.plain_bytes);
      }
      text += '}';
    }
    text += "]}";
  }
  return text + "]}";
}

Result<void> decode_index_file(ByteView text, const std::function<void(IndexedPack)>& visit) {
  Reader reader(visit);
  if (json::sax_parse(text.begin(), text.end(), &reader)) return {};
  return fail(Errc::corrupt, "index file: {}", reader.complaint());
}

}  // namespace stillpoint::repository
