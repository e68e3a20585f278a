#!/usr/bin/env bash
# Cross-build for 64-bit Arm and run the unit tests under user-mode emulation: right results, never speeds.
#   scripts/test_aarch64.sh [CPU...]   processors of qemu-aarch64; all tests on the first, kernels and engine on the others
# By default: max (all instruction sets), neoverse-n1 and cortex-a76 (dot products), cortex-a53 (NEON).
set -euo pipefail
cd "$(dirname "$0")/.."
cpus=("${@:-max}")
[[ $# -gt 0 ]] || cpus=(max neoverse-n1 cortex-a76 cortex-a53)
scripts/install_packages.sh aarch64
cmake --preset aarch64 -DMOTE_TESTS=ON
cmake --build --preset aarch64
ctest --test-dir build/aarch64 -R isa_objects --output-on-failure
for cpu in "${cpus[@]}"; do
  if [[ $cpu == "${cpus[0]}" ]]; then
    tests=(build/aarch64/src/*/mote_*_test)
  else
    tests=(build/aarch64/src/{kernels,engine}/mote_*_test)
  fi
  for test in "${tests[@]}"; do
    echo "$cpu: ${test##*/}"
    qemu-aarch64 -cpu "$cpu" -L /usr/aarch64-linux-gnu "$test" --gtest_brief=1
  done
done
