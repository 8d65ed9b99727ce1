// SPDX-License-Identifier: Apache-2.0
// How several databases are switched to restored data so that all of them are, or none.
#pragma once

#include <string>

#include "base/result.h"

namespace stillpoint::database {

// The switch of one database, for which nothing is missing but the switch itself. A ticket
// (Target::hand_over) tells which; it is kept in a journal, and whoever has it, also another
// process on another day, goes on from what is there. No member remembers anything: each looks
// first, and does only what was not done before, so that it may be called again after a kill at any
// point. The order is close, swap, open for all databases together; or back: swap_back, open,
// discard. Promises, checked by tests/conformance/switchover_test.cpp for every kind:
//   1. Between close() and open() no client reads or writes the old data or the new. Where
//      closed_for_good() that holds also when this process is gone, else only while it lives.
//   2. swap() and swap_back() are one step, as Target::swap() is.
//   3. After swap_back() and open() the old data is as it was before close(); after discard()
//      nothing of ours is left.
// One thread at a time.
class Switchover {
 public:
  virtual ~Switchover() = default;
  // Nobody gets in any more. `busy`, naming them, while others use the old data, unless their
  // sessions are to be cut; then those who were not in the database yet are kept out nonetheless,
  // until open().
  virtual Result<void> close(bool force) = 0;
  virtual bool closed_for_good() const = 0;
  // Puts the new data in the place of the old. Returns where the old is kept, empty where there was
  // none.
  virtual Result<std::string> swap() = 0;
  // Puts the old data back. `busy` while others use the new data; `invalid` where clients were let
  // into it, or wrote to it, since.
  virtual Result<void> swap_back() = 0;
  // Lets clients into what is in place.
  virtual Result<void> open() = 0;
  // Removes the new data, where it is not in place.
  virtual Result<void> discard() = 0;
};

}  // namespace stillpoint::database
