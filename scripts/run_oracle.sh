#!/usr/bin/env bash
# Run an oracle script with the pinned virtual environment. Exit 77 (a skip) where the environment is missing,
# 1 where MOTE_REQUIRE_ORACLES=1 makes a skip a failure.
#   run_oracle.sh SCRIPT [ARGUMENTS]
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=${MOTE_ORACLES:-$HOME/.cache/mote-oracles}/main/bin/python
shared=${MOTE_SHARED:-$root/../shared}
models=${MOTE_MODELS:-$HOME/.cache/mote-models}
if [[ ! -x $python ]]; then
  echo "skipped: no oracle environment at $python; scripts/setup_oracles.sh makes it"
  status=77
else
  "$python" "$@" --shared "$shared" --models "$models"
  status=$?
fi
if [[ $status == 77 && ${MOTE_REQUIRE_ORACLES:-0} == 1 ]]; then
  echo "a skip counts as a failure here (MOTE_REQUIRE_ORACLES=1)"
  exit 1
fi
exit "$status"
