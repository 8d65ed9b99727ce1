#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches Scalar's Java client in several versions, and the server side of ScalarDB Server 3.13,
# with what they need, by Maven: DIR/VERSION/*.jar. Nothing is installed. A second call finds them.
# usage: tools/scalar_admin_jars.sh DIR
set -euo pipefail

readonly versions="2.2.1 1.2.0 1.0.0"

# Maven alone would pick protobuf 3.3.0, with which the client hangs; it was built with 3.24.4.
# The POMs of versions 1 name no dependencies: they run on those of 2.2.1.
project() {
  cat <<TEXT
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencyManagement><dependencies>
    <dependency><groupId>com.google.protobuf</groupId><artifactId>protobuf-java</artifactId>
      <version>3.24.4</version></dependency>
  </dependencies></dependencyManagement>
  <dependencies>
    <dependency><groupId>com.scalar-labs</groupId><artifactId>scalar-admin</artifactId>
      <version>2.2.1</version></dependency>
    <dependency><groupId>com.scalar-labs</groupId><artifactId>scalardb-server</artifactId>
      <version>3.13.6</version>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
    </dependency>
  </dependencies>
</project>
TEXT
}

maven() {
  mvn -q -B "$@" </dev/null >&2
}

fetch() {
  local dir=$1 version
  rm -rf "$dir"
  mkdir -p "$dir/work"
  project >"$dir/work/pom.xml"
  maven -f "$dir/work/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dir/2.2.1"
  for version in $versions; do
    [[ $version == 2.2.1 ]] && continue
    cp -r "$dir/2.2.1" "$dir/$version"
    rm "$dir/$version"/scalar-admin-*.jar
    maven -f "$dir/work/pom.xml" dependency:copy -DoutputDirectory="$dir/$version" \
      -Dartifact="com.scalar-labs:scalar-admin:$version"
  done
  for version in $versions; do
    touch "$dir/$version/complete"
  done
  rm -rf "$dir/work"
}

main() {
  [[ $# -eq 1 ]] || { echo "usage: $0 DIR" >&2; return 2; }
  mkdir -p "$1"
  local dir version
  dir=$(cd "$1" && pwd)
  for version in $versions; do
    if [[ ! -f $dir/$version/complete ]]; then
      fetch "$dir"
      return
    fi
  done
}

main "$@"
