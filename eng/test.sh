#!/usr/bin/env bash
# Builds everything and runs every test. Installs the programs the tests talk to where apt can;
# where it cannot, the tests that need one are skipped and name it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. eng/install.sh

need_dotnet
want npm nodejs npm
want git git
want curl curl
want openssl openssl
want python3 python3
want chromium chromium fonts-dejavu-core
want dovecot dovecot-core dovecot-imapd dovecot-pop3d dovecot-submissiond
want swaks swaks
want mbsync isync
want smtp-sink postfix
# On machines where Dovecot was installed without it.
want_package dovecot-pop3d
# Its server, which the tests run themselves.
want_package postgresql
# The SASL module through which mbsync signs in with a token; the program alone cannot.
want_package libsasl2-modules-kdexoauth2
install_wanted || echo "Tests that need a missing program are skipped and say so." >&2
export PATH="$PATH:/usr/sbin"

configuration=${CONFIGURATION:-Debug}
dotnet build Postrider.slnx -c "$configuration" -v quiet -nologo || { echo "0 passed, 1 failed"; exit 1; }

passed=0 failed=0 skipped=0
for project in tests/*/*.csproj; do
  name=$(basename "$project" .csproj)
  output="tests/$name/bin/$configuration/net10.0"
  echo "== $name"
  log=$(mktemp)
  dotnet "$output/$name.dll" -noLogo -noColor "$@" 2>&1 | tee "$log"
  summary=$(grep -E 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+' "$log" | tail -1)
  rm -f "$log"
  if [ -z "$summary" ]; then
    echo "$name ended without a summary." >&2
    failed=$((failed + 1))
    continue
  fi
  number() { sed -E "s/.*$1: ([0-9]+).*/\1/" <<<"$summary"; }
  bad=$(($(number Errors) + $(number Failed)))
  skip=$(number Skipped)
  failed=$((failed + bad))
  skipped=$((skipped + skip))
  passed=$((passed + $(number Total) - $(number Failed) - skip))
done

if [ "$skipped" -gt 0 ]; then
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
