"""Reads and writes a bucket by the client for Python, and prints what it saw as JSON."""

import asyncio
import json
import sys

import nats
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError


async def keys(url):
    client = await nats.connect(url)
    bucket = await client.jetstream().key_value("COMPILED")
    seen = {"ours": (await bucket.get("ours")).value.decode(), "keys": await bucket.keys()}
    try:
        seen["removed"] = (await bucket.get("removed")).value.decode()
    except KeyNotFoundError:
        seen["removed"] = None
    watcher, watched = await bucket.watchall(), []
    async for entry in watcher:
        if entry is None:
            break
        watched.append(entry.key)
    await watcher.stop()
    seen["watched"] = watched
    seen["history"] = (await bucket.status()).history
    try:
        await bucket.create("ours", b"{}")
    except KeyWrongLastSequenceError:
        seen["create"] = "wrong last sequence"
    await bucket.put("theirs", b'{"rule_id": "r2"}')
    await bucket.put("purged", b"{}")
    await bucket.purge("purged")
    print(json.dumps(seen), flush=True)
    await client.close()


asyncio.run({"keys": keys}[sys.argv[1]](sys.argv[2]))
