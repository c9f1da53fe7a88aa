#!/usr/bin/env bash
# Measures what docs/performance.md claims, with the peers beside us in the same run. Arguments go to BenchmarkDotNet: eng/bench.sh --filter '*MimeRead*'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. eng/install.sh
need_dotnet
want python3 python3
want dovecot dovecot-core dovecot-imapd dovecot-submissiond
want smtp-sink postfix
want_package postgresql
want mbsync isync
want curl curl
want chromium chromium
install_wanted || echo "Benchmarks that need a missing program fail and say so." >&2
export PATH="$PATH:/usr/sbin"
if [ -z "${POSTRIDER_CORPORA:-}" ] && [ -d ../shared/corpora ]; then
  POSTRIDER_CORPORA=$(cd ../shared/corpora && pwd)
  export POSTRIDER_CORPORA
fi
dotnet build bench/Postrider.Bench -c Release -v quiet -nologo
exec dotnet bench/Postrider.Bench/bin/Release/net10.0/Postrider.Bench.dll "$@"
