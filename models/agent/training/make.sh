#!/usr/bin/env bash
# Makes the agent from the seed: data, scan, training, weights, evaluation, card. Needs the oracles' Python (scripts/setup_oracles.sh)
# and a release build of mote.
#   make.sh [WORK]    WORK keeps data and training between calls (default build/agent); a stopped training goes on
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
work=${1:-$root/build/agent}
build=$root/build/release
python=${MOTE_ORACLES:-$HOME/.cache/mote-oracles}/main/bin/python
mkdir -p "$work"
cd "$here"
[[ -s $work/data/answers.jsonl ]] || "$python" prepare.py -o "$work/data"
"$python" check_data.py --conversations 120000 --tokenizer "$work/data/tokenizer.json" --json "$work/scan.json"
"$python" train.py "$work/data" -o "$work/run"
"$python" export.py "$work/data" "$work/run" -o "$here/.."
"$python" "$root/tests/oracles/agent_oracle.py" --probe "$build/tests/oracles/agent_probe" --items 0 --json "$work/evaluation.json"
MOTE_HOME=$root "$build/bin/mote" demo --json > "$work/demo.json"
"$python" card.py "$work/data" "$work/run" "$work/evaluation.json" "$work/scan.json" "$work/demo.json" -o "$here/.."
