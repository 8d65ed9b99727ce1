// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/random.h"
#include "tests/fuzz/targets.h"

namespace stillpoint::fuzz {
namespace {

// A few changes of the kinds that break parsers: bits, cuts, repeated and inserted pieces.
Bytes mutate(ByteView example, base::Random& random) {
  Bytes bytes = base::copy_of(example);
  for (std::uint64_t changes = 1 + random.below(4); changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = random.below(bytes.size());
    switch (random.below(5)) {
      case 0:
        bytes[at] ^= static_cast<Byte>(1U << random.below(8));
        break;
      case 1:
        bytes[at] = static_cast<Byte>(random.next());
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     static_cast<Byte>(random.next()));
        break;
      default: {
        const Bytes piece =
            base::copy_of(ByteView(bytes).subspan(at, random.below(bytes.size() - at) + 1));
        base::append(bytes, piece);
      }
    }
  }
  return bytes;
}

class FuzzReplay : public ::testing::TestWithParam<std::size_t> {};

TEST_P(FuzzReplay, NoMutationOfAnExampleHarmsTheDecoder) {
  const Target& target = targets()[GetParam()];
  const std::uint64_t seed = 20261121;
  base::Random random(seed);
  target.decode(base::view_of(target.example));
  target.decode({});
  for (int i = 0; i < 5000; ++i) target.decode(mutate(base::view_of(target.example), random));
}

// What fuzzing kept: tests/fuzz/run.py.
TEST_P(FuzzReplay, NoInputThatWasKeptHarmsTheDecoder) {
  const Target& target = targets()[GetParam()];
  std::ifstream file(fmt::format("{}/{}.txt", STILLPOINT_FUZZ_CORPUS, target.name));
  if (!file) GTEST_SKIP() << "nothing was kept yet: ./dev fuzz 60 " << target.name;
  for (std::string line; std::getline(file, line);) {
    const auto input = base::from_base64(line);
    ASSERT_TRUE(input) << line;
    target.decode(*input);
  }
}

INSTANTIATE_TEST_SUITE_P(Decoders, FuzzReplay, ::testing::Range<std::size_t>(0, targets().size()),
                         [](const auto& made) { return std::string(targets()[made.param].name); });

}  // namespace
}  // namespace stillpoint::fuzz
