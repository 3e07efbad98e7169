#!/bin/sh
# Makes the artifacts in this folder again, with real tools on loopback. Run it here: ./make.sh
# Needs helm 3 (HELM names it), cosign 2.6 (COSIGN), crane 0.20 and docker-registry.
set -eu

HELM=${HELM:-helm}
COSIGN=${COSIGN:-cosign2}
PORT=${PORT:-5974}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
export HOME="$work" DOCKER_CONFIG="$work" HELM_CONFIG_HOME="$work" HELM_CACHE_HOME="$work" HELM_DATA_HOME="$work"
export SOURCE_DATE_EPOCH=0 HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1
registry=127.0.0.1:$PORT

cat >"$work/registry.yml" <<CONFIG
version: 0.1
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "$registry"}
log: {level: error}
CONFIG
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
until crane catalog --insecure "$registry" >/dev/null 2>&1; do sleep 0.2; done

# A Helm chart: config and layer types of its own, as `helm push` writes them.
mkdir -p "$work/chart/templates"
cat >"$work/chart/Chart.yaml" <<CHART
apiVersion: v2
name: port
description: A chart of one ConfigMap.
version: 1.0.0
CHART
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: port }\ndata: { flag: yellow }\n' >"$work/chart/templates/port.yaml"
"$HELM" package "$work/chart" --destination "$work" >/dev/null
"$HELM" push "$work/port-1.0.0.tgz" "oci://$registry/charts" --plain-http >/dev/null 2>&1

# A WASM module of eight bytes: magic and version.
printf '\000asm\001\000\000\000' >"$work/port.wasm"
"$COSIGN" upload wasm -f "$work/port.wasm" "$registry/wasm/port:1.0.0" >/dev/null 2>&1

# A model: an image config, and a layer type that nobody unpacks.
printf 'GGUF\003\000\000\000' >"$work/port.gguf"
"$COSIGN" upload blob -f "$work/port.gguf" --ct application/x-gguf "$registry/models/port:1.0.0" >/dev/null 2>&1

for name in charts/port wasm/port models/port; do
    target=$here/${name%%/*}
    rm -rf "$target"
    crane pull --insecure --format=oci --annotate-ref "$registry/$name:1.0.0" "$target"
done
