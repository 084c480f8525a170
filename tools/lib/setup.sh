# Sourced by tools/quickstart and tools/check: installs what is missing. POSIX sh.
# Debian and Ubuntu, as root or with sudo; elsewhere it says what to install and stops.

tern_build_packages="g++ meson ninja-build pkg-config libopenblas-dev libstb-dev libcli11-dev nlohmann-json3-dev
  libtomlplusplus-dev libfmt-dev zlib1g-dev libprotozero-dev"

say() { printf '%s\n' "$*"; }
die() { printf 'tern: %s\n' "$*" >&2; exit 1; }

# missing_packages NAME...: those that dpkg does not know as installed.
missing_packages() {
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$package"
  done
}

# install_packages NAME...
install_packages() {
  if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    have_tools && return 0
    say "This is not Debian or Ubuntu. Please install, by your system's names:"
    say "  a C++20 compiler, meson, ninja, pkg-config, and the development files of OpenBLAS, stb, CLI11, nlohmann-json,"
    say "  toml++, fmt, zlib and protozero (for the tests also Catch2)"
    die "then run this command again"
  fi
  missing=$(missing_packages "$@")
  [ -z "$missing" ] && return 0
  as_root=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || die "please run as root: apt-get install $missing"
    as_root=sudo
  fi
  say "installing: $missing"
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
    $as_root apt-get update >/dev/null || die "apt-get update failed"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >/dev/null ||
      die "could not install: $missing"
  }
}

have_tools() { command -v meson >/dev/null 2>&1 && command -v ninja >/dev/null 2>&1; }

# configure DIR OPTION...: sets a Meson build directory up, or updates its options.
configure() {
  dir=$1
  shift
  if [ -f "$dir/build.ninja" ]; then
    meson configure "$dir" "$@" >/dev/null || die "meson configure failed for $dir"
  else
    mkdir -p "$(dirname "$dir")"
    meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; die "meson setup failed for $dir"; }
    rm -f "$dir.log"
  fi
}
