// node receiver.mjs whpk_… 8080
import { createServer } from "node:http";
import { createPublicKey, verify } from "node:crypto";

const x = Buffer.from(process.argv[2].slice("whpk_".length), "base64").toString("base64url");
const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });

createServer(async (request, response) => {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": given = "" } = request.headers;
  const parts = [Buffer.from(`${id}.${at}.`)];
  for await (const part of request) parts.push(part);
  const verifies = (one) => one.startsWith("v1a,") && verify(null, Buffer.concat(parts), key, Buffer.from(one.slice(4), "base64"));
  const genuine = Math.abs(Date.now() / 1000 - at) < 300 && given.split(" ").some(verifies);
  response.writeHead(genuine ? 204 : 401).end(); // then fetch the inbox, in the background
}).listen(Number(process.argv[3]), "127.0.0.1");
