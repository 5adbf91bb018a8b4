// The other side of requests, by the client for JavaScript: `caller URL` asks our service, `service URL` is one that we ask.

const { connect, headers } = require("@nats-io/transport-node");
const { Svcm } = require("@nats-io/services");

const SUBJECT = "rules.query.rule.get";

/** Prints what the client's own discovery finds, a reply, and four errors. */
async function caller(client) {
  const services = new Svcm(client).client({ maxWait: 5000 });
  const first = async (found) => {
    for await (const one of await found) return one;
  };
  const found = {
    PING: await first(services.ping()),
    "INFO.rules": await first(services.info("rules")),
    "STATS.rules": await first(services.stats("rules")),
  };
  const answers = [];
  for (const body of ['{"rule_id": "r1"}', '{"rule": 1}', '{"rule_id": "unknown"}', '{"rule_id": "broken"}', "{"]) {
    const reply = await client.request(SUBJECT, body, { timeout: 20000, headers: headers() });
    const header = (name) => reply.headers?.get(name) || null;
    answers.push([header("Nats-Service-Error-Code"), header("Nats-Service-Error"), reply.string()]);
  }
  console.log(JSON.stringify({ found, answers }));
}

/** Answers until it is killed. */
async function service(client) {
  const running = await new Svcm(client).add({ name: "elsewhere", version: "1.0.0", description: "by JavaScript" });
  running.addEndpoint("rule-get", {
    subject: SUBJECT,
    handler: (_, request) => {
      const data = request.json();
      // Ours comes in its envelope.
      const id = (data.data ?? data).rule_id;
      if (id === "broken") return request.respondError(500, "out of order");
      if (id === "unknown") return request.respondError(404, "no such rule");
      request.respond(JSON.stringify({ name: `from JavaScript: ${id}` }));
    },
  });
  await client.flush();
  console.log("up");
  await new Promise(() => {});
}

(async () => {
  const [role, url] = process.argv.slice(2);
  const client = await connect({ servers: url });
  await { caller, service }[role](client);
  await client.close();
})();
