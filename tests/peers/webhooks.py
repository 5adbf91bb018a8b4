"""Makes a catalogue of GitHub's webhook schemas: one file for each event, with a copy of every definition that it needs.

    python3 webhooks.py FOLDER

The schemas are the npm package @octokit/webhooks-schemas, fetched by `npm pack`.
"""

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@octokit/webhooks-schemas@7.6.1"
REFERENCE = "#/definitions/"


def fetch():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as files:
            return json.load(files.extractfile("package/schema.json"))["definitions"]


def references(schema):
    """The names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith(REFERENCE):
            yield reference.removeprefix(REFERENCE)
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from references(item)


def needed(schema, definitions):
    found, open_ = {}, [schema]
    while open_:
        for name in references(open_.pop()):
            if name not in found:
                found[name] = definitions[name]
                open_.append(definitions[name])
    return {name: found[name] for name in sorted(found)}


def main(folder):
    definitions = fetch()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "eventsmith.toml").write_text('root = "github"\n')
    # `issues$opened` is an event; `issues_event` and `user` are what events share.
    events = [name for name in definitions if "$" in name]
    for name in events:
        group, action = name.split("$")
        schema = {"$schema": "http://json-schema.org/draft-07/schema#", **definitions[name]}
        if shared := needed(schema, definitions):
            schema["definitions"] = shared
        step = re.sub(r"[^a-z0-9_]", "_", action.lower())
        path = folder / "domain" / group / f"{step}.v1.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, indent=2) + "\n")
    print(f"{len(events)} events in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
