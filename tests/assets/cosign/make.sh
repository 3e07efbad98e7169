#!/bin/sh
# Makes the signatures in this folder again, with real tools on loopback. Run it here: ./make.sh
# Needs cosign 2.6 (COSIGN names it), crane, docker-registry and openssl. The private keys are thrown away.
set -eu

COSIGN=${COSIGN:-cosign2}
PORT=${PORT:-5973}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
export COSIGN_PASSWORD=lab COSIGN_YES=true HOME="$work" DOCKER_CONFIG="$work"
export HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1 # a missing log entry must not be asked for
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

echo "one small file" >"$work/file.txt"
tar -C "$work" -cf "$work/layer.tar" --mtime=@0 --owner=0 --group=0 --numeric-owner file.txt

# make NAME IDENTITY KEYGEN-ARGUMENTS...: an image, a key, and cosign's .sig of it
make() {
    name=$1 identity=$2
    shift 2
    crane append --insecure --oci-empty-base -f "$work/layer.tar" -t "$registry/lab/$name:v1" >/dev/null 2>&1
    digest=$(crane digest --insecure "$registry/lab/$name:v1")
    openssl genpkey "$@" -out "$work/$name.pem" 2>/dev/null
    openssl pkey -in "$work/$name.pem" -pubout -out "$here/$name.pub"
    "$COSIGN" import-key-pair --key "$work/$name.pem" --output-key-prefix "$work/$name" >/dev/null 2>&1
    "$COSIGN" sign --key "$work/$name.key" --tlog-upload=false --sign-container-identity "$identity" \
        -a build=4711 "$registry/lab/$name@$digest" >/dev/null 2>&1
    crane manifest --insecure "$registry/lab/$name:$(echo "$digest" | tr : -).sig" >"$here/$name.sig.json"
    payload=$(sed 's/.*simplesigning.v1+json","size":[0-9]*,"digest":"\(sha256:[0-9a-f]*\)".*/\1/' "$here/$name.sig.json")
    crane blob --insecure "$registry/lab/$name@$payload" >"$here/$name.payload.json"
    echo "$digest" >"$here/$name.subject"
}

make ed25519ph "$registry/lab/ed25519ph" -algorithm ed25519
make ngc-style nvcr.io/nvidia/cuda -algorithm EC -pkeyopt ec_paramgen_curve:P-256

# nvcr.io's annotations fold their base64: a newline, escaped in JSON, after the 64th character and at the end.
sed 's|\(cosign/signature":"[A-Za-z0-9+/=]\{64\}\)\([A-Za-z0-9+/=]*\)"|\1\\n\2\\n"|' "$here/ngc-style.sig.json" \
    >"$work/folded" && mv "$work/folded" "$here/ngc-style.sig.json"
