#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches ScalarDB with what it needs, by Maven, as tests/scalardb/pom.xml pins it: DIR/jars/*.jar;
# and compiles the bank of tests/scalardb with it: DIR/classes. Nothing is installed. A second call
# does again only what has changed.
# usage: tools/scalardb_jars.sh DIR
set -euo pipefail

sources=$(cd "$(dirname "$0")/../tests/scalardb" && pwd)

# The pom beside the jars says that they are complete, and for which pom.
fetch() {
  local jars=$1/jars
  cmp -s "$sources/pom.xml" "$jars/pom.xml" && return
  rm -rf "$jars" "$1/classes"
  mkdir -p "$jars"
  # in a folder of its own: Maven would make one for its output beside the pom
  cp "$sources/pom.xml" "$1/pom.xml"
  mvn -q -B -f "$1/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" </dev/null >&2
  mv "$1/pom.xml" "$jars/pom.xml"
}

compile() {
  local jars=$1/jars classes=$1/classes
  # the folder too: a source that went makes it newer
  if [[ -f $classes/complete ]] &&
    [[ -z $(find "$sources" -newer "$classes/complete" -print -quit) ]]; then
    return
  fi
  rm -rf "$classes"
  mkdir -p "$classes"
  # so old that whoever changes a source meanwhile gets it compiled next time
  touch "$classes/started"
  javac -Xlint:all -Werror -d "$classes" -cp "$jars/*" "$sources"/*.java >&2
  mv "$classes/started" "$classes/complete"
}

main() {
  [[ $# -eq 1 ]] || { echo "usage: $0 DIR" >&2; return 2; }
  mkdir -p "$1"
  local dir
  dir=$(cd "$1" && pwd)
  fetch "$dir"
  compile "$dir"
}

main "$@"
