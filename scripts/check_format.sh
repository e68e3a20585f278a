#!/usr/bin/env bash
# Fails and names the files that clang-format would change. `scripts/check_format.sh --fix` changes them.
# The version is pinned: other versions break lines elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
formatter=${CLANG_FORMAT:-clang-format-19}
if ! command -v "$formatter" >/dev/null; then
  echo "skipped: $formatter is missing (Debian package clang-format-19)"
  [[ ${MOTE_REQUIRE_ORACLES:-0} == 1 ]] && exit 1
  exit 77
fi
mapfile -t files < <(find include src apps bench tests examples -name '*.cc' -o -name '*.h' | sort)
if [[ ${1:-} == --fix ]]; then
  "$formatter" -i "${files[@]}"
else
  "$formatter" --dry-run --Werror "${files[@]}" && echo "format: ${#files[@]} files"
fi
