"""Which packages are tried, and how their schema files are taken out.

Everything is fetched by the clients of the registries, `npm pack` and `pip download`, so that their configuration holds. A
package that is there already is not fetched again.
"""

import io
import json
import re
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

# A file is a schema if it says so, or if it is named or placed like one and has a keyword that only schemas have.
NAMED = re.compile(r"schema", re.IGNORECASE)
KEYWORDS = {"properties", "definitions", "$defs", "oneOf", "anyOf", "allOf", "patternProperties"}
LARGEST = 5_000_000


def read_list(path):
    """Lines of `REGISTRY NAME VERSION`."""
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            registry, name, version = line.split()
            yield registry, name, version


def fetched(cache, registry, name, version):
    """The archive of a package."""
    folder = cache / registry / re.sub(r"\W+", "-", f"{name}-{version}").strip("-")
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            if registry == "npm":
                command = ["npm", "pack", "--silent", f"{name}@{version}"]
            else:
                command = ["pip", "download", "--quiet", "--no-deps", "--no-build-isolation", f"{name}=={version}"]
            result = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=300)
            if result.returncode != 0:
                raise OSError((result.stderr.strip() or "no reason given").splitlines()[-1])
            Path(made).rename(folder)
            Path(made).mkdir()
    (archive,) = folder.iterdir()
    return archive


def members(archive):
    """The JSON files of an archive with their bytes, by path."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as files:
            for info in files.infolist():
                if info.filename.endswith(".json") and info.file_size <= LARGEST:
                    yield info.filename, files.read(info)
    else:
        with tarfile.open(archive) as files:
            for info in files:
                if info.isfile() and info.name.endswith(".json") and info.size <= LARGEST:
                    yield info.name, files.extractfile(info).read()


class Package:
    """The JSON files of a package, and which of them are schemas."""

    def __init__(self, name, archive):
        self.name = name
        self.texts = {}
        self.documents = {}
        self.by_id = {}
        self.by_name = {}
        for path, data in members(archive):
            if "node_modules" in PurePosixPath(path).parts:
                continue
            try:
                document = json.load(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig"))
            except (ValueError, RecursionError):
                continue
            if isinstance(document, dict):
                self.texts[path], self.documents[path] = data, document
                if isinstance(identity := identifier(document), str):
                    known = self.by_id if "://" in identity else self.by_name
                    known.setdefault(identity.split("#")[0], path)

    def schemas(self):
        return [path for path in sorted(self.documents) if is_schema(path, self.documents[path])]


def identifier(document):
    return document.get("$id", document.get("id"))


def is_schema(path, document):
    dialect = document.get("$schema")
    if isinstance(dialect, str) and "json-schema.org" in dialect:
        return True
    return bool(NAMED.search(path)) and "swagger" not in document and "openapi" not in document and any(
        isinstance(document.get(keyword), (dict, list)) for keyword in KEYWORDS
    ) and (isinstance(document.get("type"), str) or "$ref" in document or "$schema" in document)


def references(schema):
    """All strings under `$ref`."""
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from references(item)
