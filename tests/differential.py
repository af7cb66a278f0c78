#!/usr/bin/env python3
"""Our stream parser beside libexpat: tests/differential.py [--rounds N] [--seed N] [FILE...]

What ours accepts expat must accept too, and read as the same tree. Inputs are the files (the seeds of fuzz/corpus/ by
default: those that are streams or elements) and, in each round, mutations of them. Exits with 1 at the first round with a
difference, and keeps its inputs. Needs nothing but Python and cargo.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from xml.parsers import expat

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPORA = ["stream_parser", "pubsub_iq", "caps", "data_form"]
HEADER = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


class Expat:
    """The elements below the root, as `canonical` writes them."""

    def __init__(self):
        self.open, self.children, self.closed = None, [], False
        self.parser = expat.ParserCreate("UTF-8", namespace_separator="\n")
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        # libexpat from 2.6 puts off what it cannot finish; here each call counts.
        if hasattr(self.parser, "SetReparseDeferralEnabled"):
            self.parser.SetReparseDeferralEnabled(False)

    def start(self, name, attrs):
        if self.open is None:
            self.open = []
            return
        pairs = sorted(split(name) + [value] for name, value in zip(attrs[::2], attrs[1::2]))
        self.open.append([split(name), pairs, []])

    def end(self, _):
        if not self.open:
            self.closed = True
            return
        element = self.open.pop()
        (self.open[-1][2] if self.open else self.children).append(element)

    def text(self, text):
        if self.open:
            nodes = self.open[-1][2]
            if nodes and isinstance(nodes[-1], str):
                nodes[-1] += text
            else:
                nodes.append(text)

    def read(self, stream):
        """Reads all bytes; returns what it has against them."""
        try:
            self.parser.Parse(stream, self.closed)
        except expat.ExpatError as error:
            return str(error)
        return None


def split(name):
    ns, _, local = name.rpartition("\n")
    return [ns, local]


def compare(stream, lines):
    """What differs between our lines about a stream and expat's reading of the bytes that we accepted."""
    accepted, frames, closed = 0, [], False
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "error":
            break
        number, _, tree = rest.partition(" ")
        accepted = int(number)
        closed |= kind == "close"
        if kind == "frame":
            frames.append(json.loads(tree))
    other = Expat()
    error = other.read(stream[:accepted])
    if error:
        return f"we accept {stream[:accepted]!r}, expat says: {error}"
    if frames != other.children:
        return f"we read {frames}\nexpat {other.children}\nin {stream[:accepted]!r}"
    if closed != other.closed:
        return f"the stream ends for one of us only: {stream[:accepted]!r}"
    return None


def canonical(binary, files):
    """Our events for each file, in order."""
    output = subprocess.run([binary, *files], check=True, capture_output=True, text=True).stdout
    found = []
    for line in output.split("\n"):
        if line.startswith("file "):
            found.append([])
        elif line:
            found[-1].append(line)
    return found


def check(binary, inputs, directory):
    """Writes inputs to files and compares; returns sentences, and how many frames we accepted."""
    files = []
    for number, data in enumerate(inputs):
        path = pathlib.Path(directory, str(number))
        path.write_bytes(data)
        files.append(str(path))
    faults, frames = [], 0
    for path, data, lines in zip(files, inputs, canonical(binary, files), strict=True):
        frames += sum(line.startswith("frame") for line in lines)
        usual = lines[:1] == ["usual"]
        fault = compare(HEADER + data, lines[1:]) if usual else compare(data, lines)
        if fault:
            faults.append(f"{path}: {fault}")
    return faults, frames


def mutate(rng, seeds):
    """One seed, changed in a few places, mostly by pieces of others."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        donor = rng.choice(seeds)
        start = rng.randint(0, len(donor))
        piece = donor[start : start + rng.randint(1, 24)]
        action = rng.randrange(5)
        if action == 0:
            data[at:at] = piece
        elif action == 1:
            data[at : at + len(piece)] = piece
        elif action == 2:
            del data[at : at + rng.randint(1, 12)]
        elif action == 3 and at < len(data):
            data[at] = rng.choice(b"<>/='\"&;:![]? \t\r\nax0\x00\x80\xc3\xef\xbf\xff")
        else:
            data[at:at] = rng.choice(WORDS)
    return bytes(data)


WORDS = [
    b"]]>", b"<![CDATA[", b"&amp;", b"&#10;", b"&#xFFFE;", b"\xef\xbf\xbe", b"\xef\xbb\xbf", b" xmlns='urn:x'",
    b" xmlns:p='urn:x'", b" p:a='b'", b"<p:a/>", b"<a/>", b"\r\n", b"\r", b"xml:", b"xmlns", b" a='1'", b"\xcc\x80",
    b"\xf0\x90\x80\x80", b"\xc2\x85", b"<!DOCTYPE a>", b"<?a?>", b"<!--a-->", b"\xed\xa0\x80",
]  # fmt: skip


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=10, help="of 1,000 mutations each")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("files", nargs="*", type=pathlib.Path)
    given = arguments.parse_args()
    build = ["cargo", "build", "--locked", "--quiet", "--example", "canonical", "--message-format=json"]
    messages = subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    binary = next(path for path in (json.loads(line).get("executable") for line in messages) if path)
    files = given.files or [
        path for corpus in CORPORA for path in sorted((ROOT / "fuzz/corpus" / corpus).iterdir())
    ]
    seeds = [path.read_bytes() for path in files]
    rng = random.Random(given.seed)
    checked = accepted = 0
    for number in range(given.rounds + 1):
        inputs = seeds if number == 0 else [mutate(rng, seeds) for _ in range(1000)]
        directory = tempfile.mkdtemp(prefix="differential.")
        faults, frames = check(binary, inputs, directory)
        checked, accepted = checked + len(inputs), accepted + frames
        if faults:
            print("\n".join(faults))
            print(f"{len(faults)} differences from {expat.EXPAT_VERSION}; the inputs are in {directory}")
            return 1
        for path in pathlib.Path(directory).iterdir():
            path.unlink()
        pathlib.Path(directory).rmdir()
    print(f"{checked} streams, {accepted} elements accepted: {expat.EXPAT_VERSION} reads them as we do")
    return 0


if __name__ == "__main__":
    sys.exit(main())
