#!/usr/bin/env bash
# Install Debian packages: scripts/install_packages.sh build | test | fuzz | aarch64
#   build   what mote is compiled from and with
#   test    the same, and what its tests need
#   fuzz    the same, and libFuzzer (docs/fuzzing.md)
#   aarch64 the compiler, libraries and emulator for 64-bit Arm (scripts/test_aarch64.sh)
# Works as root and as a user with sudo; says what it installs; does nothing where all is there.
set -euo pipefail
build=(ca-certificates cmake g++ git ninja-build pkg-config python3
       libedit-dev libpcre2-dev libutf8proc-dev nlohmann-json3-dev)
test=("${build[@]}" bash-completion binutils clang-format-19 clang-tidy-19 fish libgtest-dev libgmock-dev mandoc python3-venv valgrind zsh)
arm64=(libedit-dev libpcre2-dev libutf8proc-dev libgtest-dev libgmock-dev)
aarch64=(cmake ninja-build pkg-config python3 nlohmann-json3-dev g++-aarch64-linux-gnu qemu-user "${arm64[@]/%/:arm64}")
case ${1:-} in
  build) packages=("${build[@]}") ;;
  test) packages=("${test[@]}") ;;
  fuzz) packages=("${test[@]}" clang-19 libclang-rt-19-dev) ;;
  aarch64) packages=("${aarch64[@]}") ;;
  *) sed -n '2,7s/^# //p' "$0" >&2; exit 2 ;;
esac
missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == ii* ]] || missing+=("$package")
done
if [[ ${#missing[@]} == 0 ]]; then
  echo "packages: all ${#packages[@]} are installed"
  exit 0
fi
echo "packages: installing ${missing[*]}"
if [[ $(id -u) == 0 ]]; then
  as_root=()
elif command -v sudo >/dev/null; then
  as_root=(sudo)
else
  echo "these need root or sudo: apt-get install ${missing[*]}" >&2
  exit 1
fi
if [[ $1 == aarch64 ]] && ! dpkg --print-foreign-architectures | grep -q arm64; then
  echo "packages: adding the architecture arm64"
  "${as_root[@]}" dpkg --add-architecture arm64
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
