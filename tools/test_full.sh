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
    run_full_label "$label"
  done
}

run_full_label() {
  local label=$1 commit done_file=build/full/$1.done
  commit=$(commit_tested)
  if [[ -f $done_file && $(cat "$done_file") == "$commit" ]]; then
    echo "== test $label: passed before at this commit"
    cp "build/full/$label.xml" "$results/$label.xml"
    return 0
  fi
  rm -f "$done_file"
  STILLPOINT_FULL=1 run_ctest dev "$label" "^$label\$" 1
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
