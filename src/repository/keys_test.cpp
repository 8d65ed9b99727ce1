// SPDX-License-Identifier: Apache-2.0
#include "repository/keys.h"

#include <set>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "repository/key_file.h"
#include "repository/testing.h"

namespace stillpoint::repository {
namespace {

using storage::PutMode;

base::Secret secret(const std::string& text) {
  return base::Secret(std::string(text));
}

class KeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    name_ = "keys-" + base::random_token();
    repository_ = init_test_repository(backend());
    record_ = back_up_bytes(*repository_, bytes_).value();
  }

  std::unique_ptr<storage::Backend> backend() const {
    return std::move(*storage::open("memory:" + name_));
  }
  // Whether the password opens the repository, and what is in it.
  bool opens(const base::Secret& password) const {
    const auto opened = Repository::open(backend(), password);
    if (!opened) {
      EXPECT_EQ(opened.error().code, Errc::wrong_password) << opened.error().message;
      return false;
    }
    EXPECT_TRUE((*opened)->load_index({}));
    EXPECT_EQ(read_back(**opened, record_).value(), bytes_);
    return true;
  }
  std::unique_ptr<Repository> open_with(const std::string& password) const {
    return std::move(*Repository::open(backend(), secret(password)));
  }

  const Bytes bytes_ = random_bytes(3, 10'000);
  std::string name_;
  std::unique_ptr<Repository> repository_;
  Record record_;
};

TEST_F(KeysTest, APasswordThatWasAddedOpensTheRepositoryBesideTheOther) {
  const Id added = add_key(*repository_, secret("second"), cheap_cost).value();
  EXPECT_TRUE(opens(secret("second")));
  EXPECT_TRUE(opens(test_password()));
  EXPECT_FALSE(opens(secret("third")));
  EXPECT_EQ(open_with("second")->key_in_use(), added);
}

TEST_F(KeysTest, TheListSaysWhichIsInUseAndWhichCannotBeRead) {
  const Id added = add_key(*repository_, secret("second"), cheap_cost).value();
  const std::string text = "{}";
  const Id damaged = base::sha256(base::view_of(text));
  ASSERT_TRUE(backend()->put(name_of_file(FileKind::key, damaged), base::view_of(text),
                             PutMode::create_only));
  const std::vector<KeyInfo> keys = list_keys(*repository_).value();
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].id, repository_->key_in_use());
  EXPECT_TRUE(keys[0].in_use);
  EXPECT_FALSE(keys[0].user.empty());
  EXPECT_EQ(keys[1].id, added);
  EXPECT_FALSE(keys[1].in_use);
  EXPECT_EQ(keys[2].id, damaged);
  EXPECT_FALSE(keys[2].problem.empty());
}

TEST_F(KeysTest, AKeyIsFoundByTheFrontOfItsId) {
  const Id own = repository_->key_in_use();
  EXPECT_EQ(find_key(*repository_, own.brief()).value(), own);
  EXPECT_EQ(find_key(*repository_, own.hex()).value(), own);
  EXPECT_EQ(find_key(*repository_, "").error().code, Errc::not_found);
  EXPECT_EQ(find_key(*repository_, "xyz").error().code, Errc::not_found);
  std::set<char> fronts = {own.hex()[0]};
  char twice = 0;
  for (int i = 0; twice == 0; ++i) {  // at the latest the 17th has a digit that another has
    const Id id = add_key(*repository_, secret("p"), cheap_cost).value();
    if (!fronts.insert(id.hex()[0]).second) twice = id.hex()[0];
    ASSERT_LT(i, 17);
  }
  EXPECT_EQ(find_key(*repository_, std::string(1, twice)).error().code, Errc::invalid);
}

TEST_F(KeysTest, OneInUseIsRemovedOnlyForAnotherThatWasTried) {
  const Id own = repository_->key_in_use();
  EXPECT_EQ(remove_key(*repository_, own).error().code, Errc::invalid);
  EXPECT_EQ(remove_key(*repository_, own, test_password()).error().code, Errc::wrong_password);
  EXPECT_TRUE(opens(test_password()));
  add_key(*repository_, secret("second"), cheap_cost).value();
  EXPECT_EQ(remove_key(*repository_, own, secret("third")).error().code, Errc::wrong_password);
  EXPECT_TRUE(opens(test_password()));
  ASSERT_TRUE(remove_key(*repository_, own, secret("second")));
  EXPECT_FALSE(opens(test_password()));
  EXPECT_TRUE(opens(secret("second")));
}

TEST_F(KeysTest, AKeyOfAnotherRepositoryDoesNotCount) {
  const std::string text = encode_key_file(random_key(), secret("second"), cheap_cost).value();
  const Id id = base::sha256(base::view_of(text));
  ASSERT_TRUE(
      backend()->put(name_of_file(FileKind::key, id), base::view_of(text), PutMode::create_only));
  EXPECT_EQ(remove_key(*repository_, repository_->key_in_use(), secret("second")).error().code,
            Errc::wrong_password);
  EXPECT_TRUE(opens(test_password()));
}

TEST_F(KeysTest, ADamagedKeyDoesNotHideTheOneThatStays) {
  for (const char* text : {"{}", "x", R"({"kdf":"argon"})"}) {
    const std::string bytes = text;
    const Id id = base::sha256(base::view_of(bytes));
    ASSERT_TRUE(backend()->put(name_of_file(FileKind::key, id), base::view_of(bytes),
                               PutMode::create_only));
  }
  add_key(*repository_, secret("second"), cheap_cost).value();
  ASSERT_TRUE(remove_key(*repository_, repository_->key_in_use(), secret("second")));
  EXPECT_TRUE(opens(secret("second")));
}

TEST_F(KeysTest, NoKeyIsRemovedWhenTheOneInUseIsGone) {
  const Id added = add_key(*repository_, secret("second"), cheap_cost).value();
  ASSERT_TRUE(backend()->remove(name_of_file(FileKind::key, repository_->key_in_use())));
  EXPECT_EQ(remove_key(*repository_, added).error().code, Errc::not_found);
  EXPECT_TRUE(opens(secret("second")));
}

TEST_F(KeysTest, ToChangeIsToAddAndThenToRemove) {
  const Id old = repository_->key_in_use();
  const Id changed = change_key(*repository_, secret("new"), cheap_cost).value();
  EXPECT_NE(changed, old);
  EXPECT_TRUE(opens(secret("new")));
  EXPECT_FALSE(opens(test_password()));
  EXPECT_EQ(repository_->list_files(FileKind::key).value(), std::vector<Id>{changed});
}

TEST_F(KeysTest, ThereAreNoMoreKeysThanAreTried) {
  for (std::size_t i = 1; i < limits::key_files_max; ++i) {
    ASSERT_TRUE(add_key(*repository_, secret("p" + std::to_string(i)), cheap_cost));
  }
  EXPECT_EQ(add_key(*repository_, secret("more"), cheap_cost).error().code, Errc::invalid);
  EXPECT_TRUE(opens(test_password()));
  EXPECT_TRUE(opens(secret("p19")));
}

}  // namespace
}  // namespace stillpoint::repository
