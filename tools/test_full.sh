# SPDX-License-Identifier: Apache-2.0
# To be sourced by tools/test.sh: the long tests. A label that passed is not run again for the same
# commit, so that an interrupted run goes on where it was.

run_full() {
  install_packages "${packages_fresh[@]}"
  build_stage dev || return 0
  fetch_restic
  fetch_jars
  local labels label
  labels=$(ctest --test-dir build/dev --print-labels | sed -nE 's/^ +((full|fresh).*)$/\1/p')
  if [[ -n $1 ]]; then
    labels=$(grep -xF "$1" <<<"$labels") || usage_error "there is no long test labelled $1"
  fi
  mkdir -p build/full
  for label in $labels; do
    run_full_label dev "$label" "^$label\$" 1
  done
  if [[ -z $1 ]]; then
    run_full_sanitizer asan
    run_full_sanitizer tsan
  fi
}

# All that run_sanitizer leaves out too.
run_full_sanitizer() {
  build_stage "$1" test_programs || return 0
  run_full_label "$1" "full-$1" '^(unit|conformance)$' "$(nproc)"
}

# run_full_label PRESET LABEL LABELS JOBS
run_full_label() {
  local label=$2 commit done_file=build/full/$2.done
  commit=$(commit_tested)
  if [[ -f $done_file && $(cat "$done_file") == "$commit" ]]; then
    echo "== test $label: passed before at this commit"
    cp "build/full/$label.xml" "$results/$label.xml"
    return 0
  fi
  rm -f "$done_file"
  local full=1
  [[ $1 == dev ]] || full=0  # under sanitizers the counts are those of every day
  STILLPOINT_FULL=$full run_ctest "$1" "$label" "$3" "$4"
  cp "$results/$label.xml" "build/full/$label.xml"
  mkdir -p docs/measurements
  if python3 tools/count_tests.py --report "$label" "$commit" "$results/$label.xml" \
    >"docs/measurements/$(date -u +%F)-$label.md" && [[ $commit != *changes* ]]; then
    echo "$commit" >"$done_file"
  fi
}

# Documents may change without making results stale: this very run writes some.
commit_tested() {
  local commit
  commit=$(git rev-parse HEAD)
  [[ -z $(git status --porcelain -- . ':!docs') ]] || commit+=" with changes"
  echo "$commit"
}
