#!/usr/bin/env bash
# Second command for a newcomer: install what tests need, build everything, run all tests.
#   scripts/test.sh                    Debian packages only; comparisons with outside programs say why they skip
#   MOTE_REQUIRE_ORACLES=1 scripts/test.sh   as in CI: also brings the Python oracles and the real model, no skips
#   MOTE_PRESET=asan-ubsan scripts/test.sh   the same suite under sanitizers (or tsan, debug)
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${MOTE_PRESET:-release}
scripts/install_packages.sh test
if [[ ${MOTE_REQUIRE_ORACLES:-0} == 1 ]]; then
  scripts/setup_oracles.sh
  ../shared/tools/get_models.sh
fi
cmake --preset "$preset" -DMOTE_TESTS=ON
cmake --build --preset "$preset"
exec ctest --preset "$preset" -j "$(nproc)" "$@"
