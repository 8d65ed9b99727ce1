# SPDX-License-Identifier: Apache-2.0
# To be sourced by ./dev: lint and format.

command_format() {
  [[ $# -eq 0 ]] || usage_error "format takes no arguments"
  install_packages clang-format-19
  sources_all | xargs -r clang-format-19 -i
}

command_lint() {
  install_packages "${packages_build[@]}" "${packages_test_build[@]}" "${packages_lint[@]}"
  local files
  case ${1:-} in
    "") files=$(sources_changed) ;;
    --all) files=$(sources_all) ;;
    -*) usage_error "lint knows --all and names of files, not $1" ;;
    *) files=$(printf '%s\n' "$@") ;;
  esac
  local failed=0
  python3 tests/tidy/check_layers.py . || failed=1
  python3 tests/tidy/check_style.py . || failed=1
  if [[ -n $files ]]; then
    xargs -r clang-format-19 --dry-run -Werror <<<"$files" || failed=1
    lint_by_clang_tidy "$files" || failed=1
  fi
  [[ $failed -eq 0 ]] && echo "lint: nothing to complain about in $(grep -c . <<<"$files") files"
  return "$failed"
}

# One process a file, as many as there are cores. Which flags a file needs tells build/dev.
lint_by_clang_tidy() {
  cmake --preset dev >build/dev.configure.log 2>&1 || { cat build/dev.configure.log >&2; return 1; }
  local chosen
  chosen=$(translation_units "$1" | grep -Fxf <(translation_units_built) || true)
  [[ -n $chosen ]] || return 0
  xargs -r -n 1 -P "$(nproc)" clang-tidy-19 --quiet -p build/dev \
    --extra-arg=-Wno-unknown-warning-option <<<"$chosen" 2> >(grep -v 'warnings generated' >&2)
}

# Sources themselves, and for a header the sources that include it.
translation_units() {
  local file
  for file in $1; do
    case $file in
      *.cpp) echo "$file" ;;
      *.h)
        grep -rlsF --include='*.cpp' "\"${file#src/}\"" src tests bench examples || true
        ;;
    esac
  done | sort -u
}

translation_units_built() {
  sed -nE "s|^ *\"file\": \"$root/(.*)\",?\$|\1|p" build/dev/compile_commands.json | sort -u
}

sources_all() {
  git ls-files --cached --others --exclude-standard '*.h' '*.cpp' | sort -u | existing
}

# What differs from the main branch: commits, the work tree and new files.
sources_changed() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
  {
    git diff --name-only "$base" -- '*.h' '*.cpp'
    git ls-files --others --exclude-standard '*.h' '*.cpp'
  } | sort -u | existing
}

existing() {
  local file
  while read -r file; do
    [[ ! -f $file ]] || echo "$file"
  done
}
