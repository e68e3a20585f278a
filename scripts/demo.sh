#!/usr/bin/env bash
# First command for a newcomer: install what is needed (Debian 12 packages, listed when it happens), build mote, and
# run its whole path on the bundled agent. No network beyond the packages, no Python packages.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install_packages.sh build
cmake --preset release -DMOTE_TESTS=OFF
cmake --build --preset release
exec build/release/bin/mote demo "$@"
