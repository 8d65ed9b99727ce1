# SPDX-License-Identifier: Apache-2.0
# To be sourced by ./dev: builds and runs the tests in stages. Every stage leaves a JUnit file, and
# tools/count_tests.py adds them up; its last line is the last that is printed.

readonly results=build/results

command_test() {
  local full=0 only=""
  while [[ $# -gt 0 ]]; do
    case $1 in
      --full) full=1 ;;
      --only)
        [[ $# -ge 2 ]] || usage_error "--only needs a label"
        only=$2
        shift
        ;;
      *) usage_error "test knows --full and --only LABEL, not $1" ;;
    esac
    shift
  done
  if [[ $full -eq 0 && -n $only && ! $only =~ ^(unit|conformance|tidy|e2e|asan|tsan)$ ]]; then
    usage_error "there is no stage $only"
  fi
  install_packages "${packages_build[@]}" "${packages_test_build[@]}" "${packages_test[@]}"
  rm -rf "$results"
  mkdir -p "$results"
  export STILLPOINT_SEED=${STILLPOINT_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
  echo "STILLPOINT_SEED=$STILLPOINT_SEED"
  if [[ $full -eq 0 || -z $only ]]; then
    run_stages "$only"
  fi
  if [[ $full -eq 1 ]]; then
    source tools/test_full.sh
    run_full "$only"
  fi
  shopt -s nullglob
  python3 tools/count_tests.py "$results"/*.xml
}

# run_stages LABEL: the quick tests, all stages or one.
run_stages() {
  case $1 in
    asan | tsan) run_sanitizer "$1" ;;
    "")
      if build_stage dev; then
        fetch_restic
        fetch_jars
        run_ctest dev quick '^(unit|conformance|tidy)$' "$(nproc)"
        # They wait for servers and moments for half of their time.
        run_ctest dev e2e '^e2e$' $(($(nproc) + 1))
        run_sanitizer asan
        run_sanitizer tsan
      fi
      ;;
    *)
      if build_stage dev; then
        fetch_restic
        fetch_jars
        run_ctest dev "$1" "^$1\$" "$([[ $1 == e2e ]] && echo 1 || nproc)"
      fi
      ;;
  esac
}

# Left out is what takes long and shows a sanitizer little: each request failing in turn, and for
# ThreadSanitizer the prunes that meet writers at every request, in one thread, and what is not
# built. `--full` leaves out nothing (tools/test_full.sh).
run_sanitizer() {
  local -A programs=([asan]=test_programs [tsan]=threaded_programs)
  local -A left_out=([asan]='FaultSweep' [tsan]='^Meeting|_NOT_BUILT$')
  if build_stage "$1" "${programs[$1]}"; then
    run_ctest "$1" "$1" '^(unit|conformance)$' "$(nproc)" "${left_out[$1]}"
  fi
}

build_stage() {
  echo "== build $1"
  local started=$SECONDS
  if build "$@" >"build/$1.log" 2>&1; then
    echo "took $((SECONDS - started)) s"
    return 0
  fi
  broken "build of preset $1" "build/$1.log" "build-$1"
  return 1
}

# broken WHAT LOG NAME: counted as one test that failed.
broken() {
  python3 tools/count_tests.py --broken "$1" "$2" "$results/$3.xml"
}

# run_ctest PRESET NAME LABELS JOBS [EXCLUDED]: the names of those that failed at once; why, by
# count_tests.py at the end.
run_ctest() {
  echo "== test $2"
  ctest --test-dir "build/$1" --output-junit "$root/$results/$2.xml" --label-regex "$3" -j "$4" \
    ${5:+--exclude-regex "$5"} \
    --test-output-size-passed 65536 --test-output-size-failed 262144 \
    </dev/null >"build/$1.$2.log" 2>&1 || true
  if [[ ! -s $results/$2.xml ]]; then
    broken "ctest of $2" "build/$1.$2.log" "$2"
  fi
  local failed='^\s+[0-9]+ - .*\((Failed|Timeout|.*SIG.*)\)$'
  grep -E "^[0-9]+% tests passed|^Total Test time|^No tests|$failed" "build/$1.$2.log" || true
}

# The tests of interchange want two versions of restic. Without the second they say what they skip.
fetch_restic() {
  tools/restic_next.sh build/tools/restic-next >/dev/null 2>build/restic-next.log ||
    { echo "restic of Debian 13 could not be fetched:"; tail -n 3 build/restic-next.log; }
}

# Scalar's Java programs, the other side of the pause, and a bank on ScalarDB. Without them those
# tests are skipped.
fetch_jars() {
  tools/scalar_admin_jars.sh build/tools/scalar-admin >build/scalar-admin-jars.log 2>&1 ||
    { echo "Scalar's Java programs could not be fetched:"; tail -n 3 build/scalar-admin-jars.log; }
  tools/scalardb_jars.sh build/tools/scalardb >build/scalardb-jars.log 2>&1 ||
    { echo "ScalarDB could not be fetched or compiled:"; tail -n 3 build/scalardb-jars.log; }
}
