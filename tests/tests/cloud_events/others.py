"""The SDK of CloudEvents for Python over the client of NATS for Python. The SDK knows HTTP and not NATS: both bindings agree, but for
`datacontenttype`, which HTTP has in `Content-Type` alone."""

import asyncio
import json
import sys

import nats
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

STREAM = "ORDERS"


def read(message):
    """What the SDK makes of a stored message."""
    headers = {name: str(value) for name, value in message.headers.items()}
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    if content_type.lower().startswith("application/cloudevents"):
        mode, event = "structured", from_structured(HTTPMessage({"content-type": content_type}, message.data), JSONFormat())
    else:
        attributes = {name: value for name, value in headers.items() if name.startswith("ce-")}
        attributes["content-type"] = attributes.pop("ce-datacontenttype")
        mode, event = "binary", from_binary(HTTPMessage(attributes, message.data), JSONFormat())
    told = {name: value.isoformat() if name == "time" else value for name, value in event.get_attributes().items()}
    return {"mode": mode, "attributes": told, "data": event.get_data(), "headers": headers}


async def reads(stream):
    """Prints all that the stream holds, a line each."""
    for sequence in range(1, (await stream.stream_info(STREAM)).state.last_seq + 1):
        print(json.dumps(read(await stream.get_msg(STREAM, sequence))), flush=True)


def event(subject, **more):
    attributes = {
        "type": subject.removeprefix("shop.domain."),
        "source": "https://shop.example.com/tills/7",
        "id": more.pop("id"),
        "datacontenttype": "application/json",
        **more,
    }
    return CloudEvent(attributes, {"order_id": "o-7", "cents": 250} if "placed" in subject else {"order_id": "o-7"})


async def writes(stream):
    """Publishes one event in each mode."""
    placed, billed = "shop.domain.order.placed", "shop.domain.order.billed"
    message = to_binary(
        event(
            placed,
            id="a 1",
            dataschema="https://shop.example.com/schemas/order/placed.v1.json",
            correlationid='"ü" 100%',
            partitionkey="o-7",
        ),
        JSONFormat(),
    )
    headers = {name: value for name, value in message.headers.items() if name != "content-type"}
    headers["ce-datacontenttype"] = message.headers["content-type"]
    await stream.publish(placed, message.body, headers=headers)
    message = to_structured(event(billed, id="b", dataversion="1", causationid="a 1"), JSONFormat())
    headers = {"content-type": message.headers["content-type"]}
    await stream.publish(billed, message.body, headers=headers)
    print("written", flush=True)


async def main(role, url):
    client = await nats.connect(url)
    await {"reads": reads, "writes": writes}[role](client.jetstream())
    await client.close()


asyncio.run(main(*sys.argv[1:]))
