#!/usr/bin/env bash
# Makes the agent from the seed: data, scan, training, weights, evaluation, card. Needs the oracles' Python (scripts/setup_oracles.sh)
# and a release build of mote with its tests.
#   make.sh [WORK]    WORK keeps data and training between calls (default build/agent); a stopped training goes on
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(realpath -m "${1:-$root/build/agent}")
python=${MOTE_ORACLES:-$HOME/.cache/mote-oracles}/main/bin/python
mote=$root/build/release/bin/mote
probe=$root/build/release/tests/oracles/agent_probe
for needed in "$python" "$mote" "$probe"; do
  [[ -x $needed ]] || { echo "needs $needed: scripts/setup_oracles.sh; cmake --preset release && cmake --build --preset release" >&2; exit 1; }
done
cd "$here"
mkdir -p "$work"
# What the data follow from; WORK of another state would give a card that tells of other data.
made_from=$(cat ./*.py catalogue/*.py chat_template.jinja <(sed '/^\[optimizer\]/,$d' recipe.toml) | sha256sum)
if [[ -s $work/made_from && $(<"$work/made_from") != "$made_from" ]]; then
  echo "$work holds the data of another generator or recipe: name another folder or remove it" >&2
  exit 1
fi
echo "$made_from" > "$work/made_from"
[[ -s $work/data/answers.jsonl ]] || "$python" prepare.py -o "$work/data"
"$python" check_data.py --tokenizer "$work/data/tokenizer.json" --json "$work/scan.json"
"$python" train.py "$work/data" -o "$work/run"
# Measured where it lies first, so that a model that misses its targets does not replace the one in the tree.
model=$work/home/models/agent
"$python" export.py "$work/data" "$work/run" -o "$model"
ln -sfn "$root/examples" "$work/home/examples"
"$python" "$root/tests/oracles/agent_oracle.py" --probe "$probe" --agent "$model" --items 0 --json "$work/evaluation.json"
MOTE_HOME=$work/home "$mote" demo --json > "$work/demo.json"
"$python" card.py "$work/data" "$work/run" "$work/evaluation.json" "$work/scan.json" "$work/demo.json" -o "$model"
cp "$model"/* "$here/.."
