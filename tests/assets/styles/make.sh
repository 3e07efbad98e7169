#!/bin/sh
# Makes the images in this folder again, with real tools on loopback. Run it here: ./make.sh
# Needs cosign 2.6 and 3.1 (COSIGN2, COSIGN3 name them), crane, oras, docker-registry, openssl, Sigstore's
# timestamp-server 2.1 (TIMESTAMP_SERVER) and this project's Python (PYTHON). The private keys are thrown away.
set -eu

COSIGN2=${COSIGN2:-cosign2} COSIGN3=${COSIGN3:-cosign3}
TIMESTAMP_SERVER=${TIMESTAMP_SERVER:-timestamp-server} PYTHON=${PYTHON:-python3}
PORT=${PORT:-5974}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
registry=127.0.0.1:$PORT
export COSIGN_PASSWORD=lab COSIGN_YES=true HOME="$work" DOCKER_CONFIG="$work"
export HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1 # a missing log entry must not be asked for
export PATH="$PATH:/usr/sbin"
cd "$work"
rm -rf "$here/layouts" "$here/trust"
mkdir -p "$here/layouts" "$here/trust"
started=
trap 'for each in $started; do kill "$each" 2>/dev/null || true; done; rm -rf "$work"' EXIT

cat >registry.yml <<CONFIG
version: 0.1
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "$registry"}
log: {level: error}
CONFIG
docker-registry serve registry.yml >registry.log 2>&1 &
started="$started $!"
until crane catalog --insecure "$registry" >/dev/null 2>&1; do sleep 0.2; done

echo "one small file" >file.txt
tar -cf layer.tar --mtime=@0 --owner=0 --group=0 --numeric-owner file.txt

# image NAME: an image of that name, whose digest is then in $digest and its reference in $image
image() {
    echo "$1" >file.txt
    tar -cf layer.tar --mtime=@0 --owner=0 --group=0 --numeric-owner file.txt
    crane append --insecure --oci-empty-base -f layer.tar -t "$registry/styles/$1:v1" >/dev/null 2>&1
    digest=$(crane digest --insecure "$registry/styles/$1:v1")
    image=$registry/styles/$1@$digest
}

# key NAME GENPKEY-ARGUMENTS...: NAME.key for cosign, NAME.pem for openssl, and the public half among the trust
key() {
    name=$1
    shift
    openssl genpkey "$@" -out "$name.pem" 2>/dev/null
    openssl pkey -in "$name.pem" -pubout -out "$here/trust/$name.pub"
    "$COSIGN2" import-key-pair --key "$name.pem" --output-key-prefix "$name" >/dev/null 2>&1
}

# export_layout NAME: every tag of the repository as an OCI layout
export_layout() {
    for tag in $(oras repo tags --plain-http "$registry/styles/$1"); do
        oras cp --from-plain-http --to-oci-layout "$registry/styles/$1:$tag" "$here/layouts/$1:$tag" >/dev/null
    done
    rm -rf "$here/layouts/$1/ingest"
}

# certificate NAME ISSUER SUBJECT EXTENSIONS: NAME.crt and NAME.p8 by the ISSUER, "" for itself
certificate() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.p8" 2>/dev/null
    printf '%b\n' "$4" >"$1.ext"
    openssl req -new -key "$1.p8" -subj "$3" -out "$1.csr" 2>/dev/null
    if [ -z "$2" ]; then
        openssl x509 -req -in "$1.csr" -signkey "$1.p8" -days 9000 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
    else
        openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.p8" -CAcreateserial -days 8000 -extfile "$1.ext" \
            -out "$1.crt" 2>/dev/null
    fi
}

CA='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash'
key other -algorithm EC -pkeyopt ec_paramgen_curve:P-256

# NGC: a P-256 key for all of a publisher, `.sig`, no log; the annotation folded as nvcr.io serves it.
key ngc -algorithm EC -pkeyopt ec_paramgen_curve:P-256
image ngc
"$COSIGN2" sign --key ngc.key --tlog-upload=false --sign-container-identity nvcr.io/nvidia/cuda "$image" >/dev/null 2>&1
signature=$registry/styles/ngc:$(echo "$digest" | tr : -).sig
crane manifest --insecure "$signature" |
    sed 's|\(cosign/signature":"[A-Za-z0-9+/=]\{64\}\)\([A-Za-z0-9+/=]*\)"|\1\\n\2\\n"|' >folded.json
curl -sf --noproxy '*' -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @folded.json \
    "http://$registry/v2/styles/ngc/manifests/$(echo "$digest" | tr : -).sig"
export_layout ngc

# cert-manager: an RSA key that signs over SHA-512, by a key service; cosign attaches what that made.
key cert-manager -algorithm RSA -pkeyopt rsa_keygen_bits:4096
image cert-manager
"$COSIGN2" generate "$image" >payload.json 2>/dev/null
openssl dgst -sha512 -sign cert-manager.pem payload.json | base64 -w0 >signature.b64
"$COSIGN2" attach signature --payload payload.json --signature signature.b64 "$image" >/dev/null 2>&1
"$COSIGN2" verify --key "$here/trust/cert-manager.pub" --signature-digest-algorithm sha512 --insecure-ignore-tlog "$image" >/dev/null 2>&1
export_layout cert-manager

# Docker Hardened Images: OCI 1.1 signatures by a key; attestations are manifests of their own, bare statements, that
# are signed in the same way.
key hardened -algorithm EC -pkeyopt ec_paramgen_curve:P-256
image hardened
export COSIGN_EXPERIMENTAL=1
sign_oci11() { "$COSIGN2" sign --registry-referrers-mode=oci-1-1 --key hardened.key --tlog-upload=false "$1" >/dev/null 2>&1; }
sign_oci11 "$image"
cat >statement.json <<STATEMENT
{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"name":"styles/hardened","digest":{"sha256":"${digest#sha256:}"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://mobyproject.org/buildkit@v1","externalParameters":{}},"runDetails":{"builder":{"id":"https://hardened.styles.test/builder"}}}}
STATEMENT
attached=$(oras attach --plain-http --format go-template='{{.digest}}' --artifact-type application/vnd.in-toto+json \
    -a in-toto.io/predicate-type=https://slsa.dev/provenance/v1 "$image" statement.json:application/vnd.in-toto+json)
sign_oci11 "$registry/styles/hardened@$attached"
unset COSIGN_EXPERIMENTAL
export_layout hardened

# A company's own PKI, with a log and a timestamp authority of its own.
certificate root "" "/C=DE/O=Styles/CN=styles root" "$CA"
certificate between root "/C=DE/O=Styles/CN=styles between" "$CA\nextendedKeyUsage=codeSigning"
certificate leaf between "/C=DE/O=Styles/CN=release" 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectAltName=email:release@styles.test\nsubjectKeyIdentifier=hash'
certificate tsa_root "" "/C=DE/O=Styles/CN=styles time root" "$CA"
certificate tsa_between tsa_root "/C=DE/O=Styles/CN=styles time between" "$CA\nextendedKeyUsage=timeStamping"
certificate tsa tsa_between "/C=DE/O=Styles/CN=styles time" 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\nsubjectKeyIdentifier=hash'
cat between.crt root.crt >chain.pem
cat tsa.crt tsa_between.crt tsa_root.crt >tsa.chain.pem
cp root.crt "$here/trust/company.root.pem"
cp tsa_root.crt "$here/trust/time.root.pem"
cp tsa.chain.pem "$here/trust/time.chain.pem" # cosign 3 asks for a token without certificates
"$COSIGN2" import-key-pair --key leaf.p8 --output-key-prefix leaf >/dev/null 2>&1
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out log.p8 2>/dev/null
openssl pkey -in log.p8 -pubout -out log.pub

"$TIMESTAMP_SERVER" serve --host 127.0.0.1 --port 3010 --disable-ntp-monitoring --timestamp-signer file \
    --file-signer-key-path tsa.p8 --certificate-chain-path tsa.chain.pem --include-chain-in-response >tsa.log 2>&1 &
started="$started $!"
PYTHONPATH="$here/../../.." "$PYTHON" "$here/log.py" log.p8 3003 >log.log 2>&1 &
started="$started $!"
sleep 3

S=$(date -u -d '1 day ago' +%Y-%m-%dT00:00:00Z)
tsa="url=https://time.styles.test,certificate-chain=tsa.chain.pem,start-time=$S"
"$COSIGN3" trusted-root create --rekor="url=https://log.styles.test,public-key=log.pub,start-time=$S" --tsa="$tsa" \
    --out "$here/trust/log.json"
"$COSIGN3" trusted-root create --fulcio="url=https://ca.styles.test,certificate-chain=chain.pem,start-time=$S" --tsa="$tsa" \
    --out company.json
"$COSIGN3" signing-config create --tsa="url=http://127.0.0.1:3010/api/v1/timestamp,api-version=1,start-time=$S,operator=styles" \
    --tsa-config=ANY --out signing.json

# Legacy, with the log's entry; cosign itself verifies it.
image own-pki-logged
export SIGSTORE_REKOR_PUBLIC_KEY="$work/log.pub"
"$COSIGN2" sign --key leaf.key --certificate leaf.crt --certificate-chain chain.pem --rekor-url http://127.0.0.1:3003 \
    "$image" >sign.log 2>&1 || { cat sign.log log.log; exit 1; }
"$COSIGN2" verify --ca-roots root.crt --ca-intermediates between.crt --insecure-ignore-sct \
    --certificate-identity release@styles.test --certificate-oidc-issuer-regexp '.*' "$image" >/dev/null 2>&1
unset SIGSTORE_REKOR_PUBLIC_KEY
export_layout own-pki-logged

# Legacy, with a timestamp.
image own-pki-stamped
"$COSIGN2" sign --key leaf.key --certificate leaf.crt --certificate-chain chain.pem --tlog-upload=false \
    --timestamp-server-url http://127.0.0.1:3010/api/v1/timestamp "$image" >sign.log 2>&1 || { cat sign.log; exit 1; }
"$COSIGN2" verify --ca-roots root.crt --ca-intermediates between.crt --insecure-ignore-sct --insecure-ignore-tlog \
    --timestamp-certificate-chain tsa.chain.pem --use-signed-timestamps --certificate-identity release@styles.test \
    --certificate-oidc-issuer-regexp '.*' "$image" >/dev/null 2>&1
export_layout own-pki-stamped

# A bundle with the whole chain and a timestamp, by cosign 3 (which sends a log the certificate for a key, and is refused).
image own-pki-bundle
"$COSIGN3" sign --key leaf.key --certificate leaf.crt --certificate-chain chain.pem --signing-config signing.json \
    --trusted-root company.json "$image" >sign.log 2>&1 || { cat sign.log; exit 1; }
"$COSIGN3" verify --allow-certificate-chain --trusted-root company.json --use-signed-timestamps --insecure-ignore-tlog \
    --insecure-ignore-sct --certificate-identity release@styles.test --certificate-oidc-issuer-regexp '.*' "$image" >verify.log 2>&1 ||
    cat verify.log
export_layout own-pki-bundle
