#!/usr/bin/env bash
# Damaged input for everything that reads what others wrote: ten minutes, or as many seconds as given. The same runs for a minute among the tests.
# Needs the corpora: POSTRIDER_CORPORA, or ../shared/corpora.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. eng/install.sh
need_dotnet
if [ -z "${POSTRIDER_CORPORA:-}" ] && [ -d ../shared/corpora ]; then
  POSTRIDER_CORPORA=$(cd ../shared/corpora && pwd)
  export POSTRIDER_CORPORA
fi
if [ -z "${POSTRIDER_CORPORA:-}" ]; then
  echo "POSTRIDER_CORPORA does not name a folder of test messages: there is nothing to begin from." >&2
  exit 1
fi
export POSTRIDER_FUZZ_SECONDS=${1:-600}
export POSTRIDER_FUZZ_SEED=${POSTRIDER_FUZZ_SEED:-$(date +%s)}
dotnet build tests/Postrider.Mail.Tests -c Release -v quiet -nologo
exec dotnet tests/Postrider.Mail.Tests/bin/Release/net10.0/Postrider.Mail.Tests.dll -noLogo -noColor -class Postrider.Mail.Tests.Fuzz.FuzzTests -showLiveOutput
