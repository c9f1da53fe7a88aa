# Sourced by demo.sh and test.sh. want PROGRAM PACKAGE...: remembers the packages when the program is missing.
# install_wanted: installs them with apt where there is apt and the right to use it, else says what is missing.
# No service that a package brings is started: policy-rc.d forbids it while we install.

wanted_programs=()
wanted_packages=()

want() {
  local program=$1
  shift
  # Debian puts servers into /usr/sbin, which is not on everybody's PATH.
  PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null 2>&1 && return
  wanted_programs+=("$program")
  wanted_packages+=("$@")
}

# want_package PACKAGE: the same for a package that brings no program of its own; asked of dpkg where there is one.
want_package() {
  command -v dpkg >/dev/null 2>&1 || return 0
  dpkg -s "$1" >/dev/null 2>&1 && return
  wanted_programs+=("$1")
  wanted_packages+=("$1")
}

# need_dotnet: ends the script where there is no SDK; installing one is left to the person.
need_dotnet() {
  command -v dotnet >/dev/null 2>&1 && return
  echo "The .NET 10 SDK is missing: install it, then run this again." >&2
  exit 1
}

install_wanted() {
  [ ${#wanted_programs[@]} -eq 0 ] && return 0
  local as=""
  if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then as="sudo"; else as="no"; fi
  fi
  if ! command -v apt-get >/dev/null 2>&1 || [ "$as" = no ]; then
    echo "Missing programs: ${wanted_programs[*]} (Debian packages: ${wanted_packages[*]})." >&2
    return 1
  fi
  echo "Installing ${wanted_packages[*]}" >&2
  local policy=/usr/sbin/policy-rc.d made=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as tee "$policy" >/dev/null
    $as chmod 755 "$policy"
    made=yes
  fi
  local ok=0
  { $as apt-get update -qq && $as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted_packages[@]}"; } >&2 || ok=1
  [ "$made" = yes ] && $as rm -f "$policy"
  [ $ok -eq 0 ] || echo "apt could not install: ${wanted_packages[*]}." >&2
  return $ok
}
