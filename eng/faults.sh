#!/usr/bin/env bash
# The long form of the tests that kill: a hundred kills of a whole hub under load, or as many as given; and a disk that cannot make a commit durable. Ten kills run among the tests. What proves each fault: docs/operations/faults.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. eng/install.sh
need_dotnet
export POSTRIDER_KILLS=${1:-100}
export POSTRIDER_KILL_SEED=${POSTRIDER_KILL_SEED:-$RANDOM}
dotnet build tests/Postrider.Journeys -c Release -v quiet -nologo
exec dotnet tests/Postrider.Journeys/bin/Release/net10.0/Postrider.Journeys.dll -noLogo -noColor -class Postrider.Journeys.KillJourney -class Postrider.Journeys.FsyncJourney -showLiveOutput
