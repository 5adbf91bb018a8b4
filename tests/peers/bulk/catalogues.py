"""Makes a catalogue of one schema file: the file as it is, as an event, and beside it what it refers to in its package."""

import re
from pathlib import PurePosixPath
from posixpath import normpath
from urllib.parse import unquote, urljoin, urlsplit

from packages import identifier, references


def event_path(package, path):
    """Where the file stands as an event: folders and names of events are subject tokens."""
    folders = [token(part) for part in PurePosixPath(path).parts[:-1]]
    name = token(PurePosixPath(path).name.removesuffix(".json"))
    return "/".join(["domain", token(package), *folders, f"{name}.v1.json"])


def token(text):
    return re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_") or "x"


def files(package, path):
    """The files of the catalogue with their bytes, by path, and the URLs that folders of it stand for."""
    event = event_path(package.name, path)
    placed = {event: package.texts[path]}
    mounts = {}
    open_ = [(path, event)]
    while open_:
        source, place = open_.pop()
        document = package.documents[source]
        base = identifier(document)
        base = base if isinstance(base, str) and "://" in base else None
        for reference in references(document):
            file = reference.split("#")[0]
            if not file:
                continue
            if base or "://" in file:
                url = urljoin(base or "", file)
                target, wanted = package.by_id.get(url) or beside(package, source, file), by_url(url)
            else:
                target, wanted = beside(package, source, file), normpath(PurePosixPath(place).parent / unquote(file))
                if target is None and (target := package.by_name.get(file)):
                    # Identifiers that are names are relative to the place of the file that has them.
                    wanted = normpath(PurePosixPath(place).parent / PurePosixPath(target).name)
            if target and wanted and not wanted.startswith("..") and wanted not in placed:
                if wanted.startswith("by-url/"):
                    mounts["/".join(url.split("/")[:3])] = "/".join(wanted.split("/")[:2])
                placed[wanted] = package.texts[target]
                open_.append((target, wanted))
    return event, placed, mounts


def beside(package, source, reference):
    """The file of the package that a relative reference leads to."""
    path = normpath(PurePosixPath(source).parent / unquote(reference))
    return path if path in package.documents else None


def by_url(url):
    parts = urlsplit(url)
    # Files end in `.json`; one whose name in the URL does not is found by its `$id`.
    if parts.scheme not in ("http", "https") or parts.netloc == "json-schema.org":
        return None
    folder = f"by-url/{token(parts.netloc)}"
    path = normpath(f"{folder}/{unquote(parts.path).strip('/')}")
    return path if path.endswith(".json") else f"{path}.json"
