# python receiver.py whpk_… 8080
import base64
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY = Ed25519PublicKey.from_public_bytes(base64.b64decode(sys.argv[1].removeprefix("whpk_")))


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body, at = self.rfile.read(int(self.headers["content-length"])), self.headers["webhook-timestamp"]
        signed = f"{self.headers['webhook-id']}.{at}.".encode() + body
        given = self.headers["webhook-signature"].split()
        genuine = abs(time.time() - int(at)) < 300 and any(verifies(one, signed) for one in given)
        self.send_response(204 if genuine else 401)  # then fetch the inbox, in the background
        self.end_headers()


def verifies(one, signed):
    try:
        return one.startswith("v1a,") and KEY.verify(base64.b64decode(one[4:]), signed) is None
    except InvalidSignature:
        return False


HTTPServer(("127.0.0.1", int(sys.argv[2])), Receiver).serve_forever()
