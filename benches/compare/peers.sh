#!/usr/bin/env bash
# Gets the peers that the comparisons run beside us: ./benches/compare/peers.sh [DIRECTORY]
#
# Debian's prometheus and prometheus-node-exporter come as packages; a current Prometheus (with promtool) and the
# single node of VictoriaMetrics are built from their public modules by the go command (1.26 or newer). Each is built
# once, by one job at the lowest priority, and kept in DIRECTORY (else $BELVEDERE_PEERS, else tests/.cache/peers).
# Prints the path of each, one a line: `name path`.
set -euo pipefail
cd "$(dirname "$0")/../.."
peers=${1:-${BELVEDERE_PEERS:-$PWD/tests/.cache/peers}}
prometheus_version=${PROMETHEUS_VERSION:-v0.314.0}   # 3.14: the module is named v0.3MM for 3.MM
victoria_version=${VICTORIA_VERSION:-v1.151.0}
mkdir -p "$peers"
peers=$(cd "$peers" && pwd)

# The service discoveries of Prometheus, most of its code, are left out: no comparison needs one.
#
# Builds packages of a module as dependencies of an empty one, since `go install` refuses modules that exclude or
# replace others: build NAME VERSION-STAMP MODULE VERSION PACKAGE…
build() {
  local name=$1 stamp=$2 module=$3 version=$4 room log package
  shift 4
  local wanted=("$@")
  wanted=("${wanted[@]/#/$module/}")
  wanted=("${wanted[@]/%/@$version}")
  log=$peers/$name.log
  [ "$(cat "$peers/$name.version" 2>/dev/null)" != "$version" ] || return 0
  command -v go >/dev/null || { echo "$name is not built: go is missing" >&2; return 1; }
  room=$(mktemp -d)
  (
    export GOFLAGS=-mod=mod
    cd "$room"
    go mod init peer
    go get "${wanted[@]}"
    for package in "$@"; do
      nice -n 19 go build -p 1 -trimpath -tags remove_all_sd -ldflags "-s -w $stamp" -o "$room/bin/$(basename "$package")" "$module/$package"
    done
  ) >"$log" 2>&1 || { tail -20 "$log" >&2; rm -rf "$room"; return 1; }
  mv "$room"/bin/* "$peers/"
  rm -rf "$room"
  echo "$version" >"$peers/$name.version"
}

debian() {
  dpkg -s prometheus prometheus-node-exporter >/dev/null 2>&1 && return 0
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    prometheus prometheus-node-exporter; } >"$peers/apt.log" 2>&1
}

debian || echo "Debian's packages are missing; see $peers/apt.log" >&2
build victoria-metrics "-X github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version=victoria-metrics-$victoria_version" \
  github.com/VictoriaMetrics/VictoriaMetrics "$victoria_version" app/victoria-metrics
build prometheus "-X github.com/prometheus/common/version.Version=3.${prometheus_version:4:2}.${prometheus_version##*.}" \
  github.com/prometheus/prometheus "$prometheus_version" cmd/prometheus cmd/promtool
for name in prometheus promtool victoria-metrics; do echo "$name $peers/$name"; done
for name in prometheus prometheus-node-exporter; do
  path=$(command -v "$name") && echo "debian-$name $path"
done
