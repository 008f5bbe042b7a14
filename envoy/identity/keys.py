#!/usr/bin/env python3
"""Makes keys, tokens, certificates and secrets to try the configurations of this directory with. Not for production.

Usage: python3 envoy/identity/keys.py DIRECTORY        (needs `openssl`)

DIRECTORY gets what the configurations name under target/identity, and a copy of each configuration that knows the tokens.
"""

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ISSUER, AUDIENCE = "https://issuer.example", "https://mcp.example/mcp"
PEOPLE = {
    "ana": {"team": "payments", "toolgate_policy": "engineer"},
    "ben": {"team": "support", "toolgate_policy": "engineer"},
    "eve": {"toolgate_policy": "engineer"},
}
GRANTS = {
    "jwt": ["release-bot"],
    "credential-injector": ["refund-bot"],
    "servers": ["payments-bot", "code-bot"],
    "mtls": [],
}
SECRET = """resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: upstream
  generic_secret: {{secret: {{inline_string: "{}"}}}}
"""
HEADERS = "content-type: application/json\naccept: application/json, text/event-stream\nmcp-protocol-version: 2025-11-25\n"


def openssl(*arguments, data=None):
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def tokens(to):
    """A key, its JWKS, and a JWT for each person."""
    key = to / "issuer.key"
    key.write_bytes(openssl("genrsa", "2048"))
    modulus = openssl("rsa", "-in", key, "-noout", "-modulus").decode().strip().split("=")[1]
    jwk = {"kty": "RSA", "alg": "RS256", "kid": "try", "n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}
    (to / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    for person, claims in PEOPLE.items():
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": person, "exp": int(time.time()) + 86400, **claims}
        parts = [{"alg": "RS256", "typ": "JWT", "kid": "try"}, claims]
        signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        signature = openssl("dgst", "-sha256", "-sign", key, data=signed.encode())
        bearer(to, person, f"{signed}.{base64url(signature)}")


def grants(to):
    """Copies of the configurations, in which the hashes of new tokens stand in place of nobody's."""
    for name, ids in GRANTS.items():
        text = (HERE / f"{name}.yaml").read_text()
        for number, grant in enumerate(ids):
            # As `toolgate grant new` makes them.
            token = "tgk_" + base64url(secrets.token_bytes(32))
            bearer(to, grant, token)
            text = text.replace(str(number) * 64, hashlib.sha256(token.encode()).hexdigest())
        (to / f"{name}.yaml").write_text(text.replace("target/identity", str(to)))


def bearer(to, name, token):
    """A header in a file, for `curl -H @file`: tokens do not belong on command lines."""
    (to / f"{name}.header").write_text(f"authorization: Bearer {token}\n")


def certificates(to):
    """An authority, the proxy's certificate, and one for each of two agents."""
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    authority = [*new, "-subj", "/CN=try"]
    openssl(*authority, "-keyout", to / "ca.key", "-out", to / "ca.pem")
    names = {"server": "IP:127.0.0.1"}
    names |= {agent: f"URI:spiffe://example.org/{agent}/bot" for agent in ("payments", "support")}
    for name, san in names.items():
        signed = ["-CA", to / "ca.pem", "-CAkey", to / "ca.key", "-addext", f"subjectAltName={san}"]
        signed += ["-addext", "basicConstraints=critical,CA:FALSE"]
        openssl(*new, "-subj", f"/CN={name}", *signed, "-keyout", to / f"{name}.key", "-out", to / f"{name}.pem")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    to = Path(sys.argv[1])
    (to / "secrets").mkdir(parents=True, exist_ok=True)
    to.chmod(0o700)
    tokens(to)
    grants(to)
    certificates(to)
    (to / "mcp.header").write_text(HEADERS)
    (to / "secrets/upstream.yaml").write_text(SECRET.format("first-secret"))
    (to / "next.yaml").write_text(SECRET.format("second-secret"))


if __name__ == "__main__":
    main()
