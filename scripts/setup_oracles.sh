#!/usr/bin/env bash
# Make the virtual environment of the oracle tests: $MOTE_ORACLES/main (default ~/.cache/mote-oracles/main), with
# the versions of tests/oracles/requirements.txt and requirements-no-deps.txt. About 2 GB. Does nothing where it is up to date.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${MOTE_ORACLES:-$HOME/.cache/mote-oracles}
wanted=$(cat "$root"/tests/oracles/requirements{,-no-deps}.txt | sha256sum)
if [[ $(cat "$folder/main/requirements.sha256" 2>/dev/null) == "$wanted" ]]; then
  echo "oracles: $folder/main is up to date"
  exit 0
fi
mkdir -p "$folder"
[[ -x $folder/main/bin/pip ]] || python3 -m venv "$folder/main"
"$folder/main/bin/pip" install --quiet --disable-pip-version-check -r "$root/tests/oracles/requirements.txt" 2> >(grep -v '^WARNING' >&2)
"$folder/main/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$root/tests/oracles/requirements-no-deps.txt"
echo "$wanted" >"$folder/main/requirements.sha256"
echo "oracles: installed in $folder/main"
