#!/usr/bin/env python3
"""Validates payloads of rule.created v1 with eventsmith and with its peers, in one run; README.md says how to read the table."""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WORK = ROOT / "target" / "peers" / "validate"
OURS = ROOT / "target" / "release" / "eventsmith"
WORDS = "free shipping over fifty euro gold members earn double points spring sale weekend bundle loyalty größe".split()


def install():
    """Installs the newest peers below target/, and builds eventsmith."""
    WORK.mkdir(parents=True, exist_ok=True)
    venv, npm, cargo = WORK / "venv", WORK / "npm", WORK / "cargo"
    if not (venv / "bin" / "check-jsonschema").exists():
        run([sys.executable, "-m", "venv", venv])
        run([venv / "bin" / "pip", "install", "--quiet", "check-jsonschema"])
    if not (npm / "node_modules" / ".bin" / "jsonschema").exists():
        packages = ["ajv-cli", "ajv-formats", "@sourcemeta/jsonschema"]
        run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", npm, *packages])
    if not (cargo / "bin" / "jsonschema-cli").exists():
        run(["cargo", "install", "--quiet", "jsonschema-cli", "--root", cargo])
    run(["cargo", "build", "--release", "--quiet", "--package", "eventsmith-cli"])


def run(command):
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT)


def schema():
    """rule.created v1 and what it refers to, in one document."""
    catalogue = ROOT / "schemas"
    event = (catalogue / "domain/rule/created.v1.json").read_text().replace("../../common.json", "")
    event = json.loads(event)
    event.pop("x-event")
    common = json.loads((catalogue / "common.json").read_text())["$defs"]
    event["$defs"].update({name: common[name] for name in ["RuleId", "RuleName", "RuleStatus", "Actor", "RuleVersion"]})
    return event


def payload(rng):
    name = "".join(rng.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=12))
    day = f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    hour = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}.{rng.randint(0, 999):03}Z"
    return json.dumps({
        "rule_id": f"rul_{name}",
        "name": " ".join(rng.choices(WORDS, k=4)).capitalize(),
        "description": " ".join(rng.choices(WORDS, k=rng.randint(0, 14))),
        "status": rng.choice(["draft", "active"]),
        "priority": rng.choice(["low", "medium", "high", "critical"]),
        "created_by": f"usr_{rng.choice(WORDS[:10])}",
        "created_at": f"{day}T{hour}",
        "version": rng.randint(1, 40),
    }, ensure_ascii=False)


def write_data(sizes):
    """NDJSON and one array of each size."""
    data = WORK / "data"
    data.mkdir(exist_ok=True)
    event = schema()
    definitions = event.pop("$defs")
    head = {"$schema": event.pop("$schema")}
    (data / "event.json").write_text(json.dumps({**head, **event, "$defs": definitions}, indent=1))
    array = {**head, "type": "array", "items": event, "$defs": definitions}
    (data / "array.json").write_text(json.dumps(array, indent=1))
    for size in sizes:
        rng = random.Random(size)
        with open(data / f"{size}.jsonl", "w") as lines, open(data / f"{size}.array.json", "w") as array:
            for index in range(size):
                text = payload(rng)
                lines.write(text + "\n")
                array.write(("[" if index == 0 else ",\n") + text)
            array.write("]\n")


def measure(command, environment):
    """Wall-clock seconds, processor seconds and peak memory in MB of one run, which must find everything valid."""
    started = time.monotonic()
    with open(WORK / "out.log", "w") as log:
        child = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env=environment, cwd=WORK / "npm")
        _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - started
    if status != 0:
        text = (WORK / "out.log").read_text()
        sys.exit(f"{command[0]} failed with {status}: {text[:400]} ... {text[-400:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payloads", type=int, default=1_000_000)
    parser.add_argument("--slow", type=int, default=200_000, help="the number for ajv-cli, which a million would take a minute")
    parser.add_argument("--slowest", type=int, default=20_000, help="the number for check-jsonschema")
    arguments = parser.parse_args()
    many = arguments.payloads
    some, few = min(arguments.slow, many), min(arguments.slowest, many)
    install()
    write_data({many, some, few})
    data, bin_ = WORK / "data", WORK / "npm" / "node_modules" / ".bin"
    event, array = data / "event.json", data / "array.json"
    lines, arrays = data / f"{many}.jsonl", data / f"{many}.array.json"
    environment = {**os.environ, "NODE_OPTIONS": "--max-old-space-size=8192"}
    ours = [OURS, "validate", "--schemas", ROOT / "schemas", "--event", "rule.created@1"]
    rust = [WORK / "cargo/bin/jsonschema-cli", "validate", "--errors-only", "--assert-format", array, "-i"]
    ajv = [bin_ / "ajv", "validate", "--spec=draft2020", "-c", "ajv-formats", "-s", array, "-d"]
    python = [WORK / "venv/bin/check-jsonschema", "--schemafile", array]
    rows = [
        ("eventsmith", "NDJSON", many, [*ours, lines]),
        ("eventsmith", "array", many, [*ours, arrays]),
        ("sourcemeta --fast", "NDJSON", many, [bin_ / "jsonschema", "validate", "--fast", "-F", event, lines]),
        ("sourcemeta", "NDJSON", many, [bin_ / "jsonschema", "validate", "-F", event, lines]),
        ("jsonschema-cli (Rust)", "array", many, [*rust, arrays]),
        ("ajv-cli", "array", some, [*ajv, data / f"{some}.array.json"]),
        ("check-jsonschema", "array", few, [*python, data / f"{few}.array.json"]),
    ]
    print(f"{'':24}{'input':8}{'payloads':>10}{'s':>9}{'cpu s':>9}{'MB':>8}{f's for {many}':>16}{'ratio':>8}", flush=True)
    base = None
    for name, form, count, command in rows:
        # The best of three: other work on the machine only ever adds.
        seconds, cpu, memory = min(measure(command, environment) for _ in range(3))
        scaled = seconds * many / count
        base = base or scaled
        mark = "" if count == many else " *"
        row = f"{name:24}{form:8}{count:>10}{seconds:>9.2f}{cpu:>9.2f}{memory:>8.0f}{scaled:>14.1f}{mark or '  '}{scaled / base:>8.1f}"
        print(row, flush=True)
    print(f"* extrapolated; the start of the program, which does not grow, is in it; {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
