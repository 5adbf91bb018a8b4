"""The other side of requests, by the client for Python: `caller URL` asks our service, `service URL` is one that we ask."""

import asyncio
import json
import sys

import nats
import nats.micro
from nats.micro import service as micro

SUBJECT = "rules.query.rule.get"


async def caller(client):
    """Prints what services tell of themselves, a reply, and three errors."""
    found = {}
    for question in ["PING", "INFO.rules", "STATS.rules"]:
        reply = await client.request(f"$SRV.{question}", b"", timeout=20)
        found[question] = json.loads(reply.data)
    # The client's own classes must be able to read them.
    micro.ServicePing.from_dict(found["PING"])
    micro.ServiceInfo.from_dict(found["INFO.rules"])
    micro.ServiceStats.from_dict(found["STATS.rules"])
    answers = []
    for body in [b'{"rule_id": "r1"}', b'{"rule": 1}', b'{"rule_id": "unknown"}', b'{"rule_id": "broken"}', b"{"]:
        reply = await client.request(SUBJECT, body, timeout=20)
        headers = reply.headers or {}
        answers.append([headers.get("Nats-Service-Error-Code"), headers.get("Nats-Service-Error"), reply.data.decode()])
    print(json.dumps({"found": found, "answers": answers}))


async def service(client):
    """Answers until it is killed."""

    async def get(request):
        data = json.loads(request.data)
        # Ours comes in its envelope.
        rule_id = data.get("data", data)["rule_id"]
        if rule_id == "broken":
            raise ValueError("out of order")
        if rule_id == "unknown":
            return await request.respond_error("404", "no such rule")
        await request.respond(json.dumps({"name": f"from Python: {rule_id}"}).encode())

    config = micro.ServiceConfig(name="elsewhere", version="1.0.0", description="by Python")
    running = await nats.micro.add_service(client, config)
    await running.add_endpoint(micro.EndpointConfig(name="rule-get", subject=SUBJECT, handler=get))
    await client.flush()
    print("up", flush=True)
    await asyncio.Event().wait()


async def main():
    role, url = sys.argv[1:]
    client = await nats.connect(url)
    await {"caller": caller, "service": service}[role](client)
    await client.close()


asyncio.run(main())
