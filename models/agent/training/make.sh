#!/usr/bin/env bash
# Makes the agent from the seed: data, check, training, the folder of weights. Needs the oracles' Python (scripts/setup_oracles.sh).
#   make.sh [WORK]    WORK keeps data and training between calls (default build/agent); a stopped training goes on
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$here/../../../build/agent}
python=${MOTE_ORACLES:-$HOME/.cache/mote-oracles}/main/bin/python
mkdir -p "$work"
cd "$here"
[[ -s $work/data/answers.jsonl ]] || "$python" prepare.py -o "$work/data"
"$python" check_data.py --tokenizer "$work/data/tokenizer.json" --json "$work/scan.json"
"$python" train.py "$work/data" -o "$work/run"
"$python" export.py "$work/data" "$work/run" -o "$here/.."
