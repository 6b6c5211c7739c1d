// node office.mjs https://node.example.vn:8443 TOKEN [LETTER.edxml]
// Hands a letter in, then fetches and confirms what lies ready. NODE_EXTRA_CA_CERTS names the gateway's authority.
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";

const [node, token, file] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}`, "accept-language": "vi" };

async function call(method, path, body, more = {}) {
  for (;;) {
    const answer = await fetch(node + path, { method, body, headers: { ...headers, ...more } }).catch(() => null);
    if (answer?.ok) return answer;
    const problem = answer ? await answer.json() : { weight: "transient", title: "no answer" };
    if (problem.weight !== "transient") throw new Error(`${problem.code} ${problem.title}: ${problem.detail}. ${problem.remedy}`);
    await new Promise((done) => setTimeout(done, 1000 * Number(answer?.headers.get("retry-after") ?? 5)));
  }
}

if (file) {
  const letter = readFileSync(file);
  const digest = createHash("sha256").update(letter).digest("hex"); // its name: handing it in again does no harm
  const told = await (await call("PUT", `/v1/envelopes/${digest}`, letter, { "content-type": "application/xml" })).json();
  console.log("accepted", told.document_id, told.recipients.join(" "));
}
const page = await (await call("GET", "/v1/inbox?wait=10")).json(); // go on with page.cursor, for ever
for (const { letter } of page.letters) {
  const bytes = Buffer.from(await (await call("GET", `/v1/inbox/${letter}`)).arrayBuffer());
  writeFileSync(`${letter}.partial`, bytes, { flush: true }); // durable before it is confirmed
  renameSync(`${letter}.partial`, `${letter}.edxml`);
  await call("POST", `/v1/inbox/${letter}/confirm`);
  console.log("taken over", letter);
}
