#!/usr/bin/env python3
"""Mixed client churn that counts: tests/churn starts it.

Each person connects, sends numbered messages to the others, and after a while leaves in one of these ways:
  leave   closes the stream
  vanish  says unavailable, waits for the answer to a ping, resets the connection
  resume  resets the connection at any moment, and resumes the stream (XEP-0198), where the server offers it
  break   resets the connection at any moment, and logs in anew (where the server offers XEP-0198: without it nobody can
          know what was on its way)
and comes back after up to three seconds. Every message must arrive once and in the order in which it was sent; after a
break those may come twice that were not acknowledged yet. At the end no session may be left, and memory must not have grown.
"""

import argparse
import asyncio
import base64
import collections
import os
import random
import re
import ssl
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

DEADLINE = 30
SM = "urn:xmpp:sm:3"
HEADER = "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
STREAM = "{http://etherx.jabber.org/streams}"
CLIENT = "{jabber:client}"
# Growth that is no leak: the allocator's and the store's own caches fill.
GROWTH_MAX_MIB = 12
GROWTH_MAX_MIB_PER_HOUR = 12


class Gone(Exception):
    """The connection has ended."""


class Failed(Exception):
    """The server did what it must not."""


class Wire:
    """One connection: TLS, and the elements that come."""

    async def open(self, args):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", args.port)
        self.header()
        await self.until(STREAM + "features")
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await self.until("{urn:ietf:params:xml:ns:xmpp-tls}proceed")
        await self.writer.start_tls(args.tls, server_hostname="localhost")
        self.header()
        await self.until(STREAM + "features")

    def header(self):
        self.parser = ET.XMLPullParser(["start", "end"])
        self.depth, self.root, self.elements = 0, None, collections.deque()
        self.send(HEADER)

    def send(self, text):
        self.writer.write(text.encode())

    async def next(self):
        while not self.elements:
            try:
                data = await self.reader.read(65536)
            except OSError as error:
                raise Gone(str(error)) from None
            if not data:
                raise Gone("closed")
            self.parser.feed(data)
            for event, element in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if event == "start" and self.depth == 1:
                    self.root = element
                elif event == "end" and self.depth == 1:
                    self.elements.append(element)
                    self.root.remove(element)
                elif event == "end" and self.depth == 0:
                    self.elements.append(element)
        return self.elements.popleft()

    async def until(self, *tags):
        element = await asyncio.wait_for(self.next(), DEADLINE)
        if element.tag not in tags:
            raise Failed(f"{ET.tostring(element, 'unicode')} instead of {tags}")
        return element

    def reset(self):
        self.writer.transport.abort()


class Person:
    def __init__(self, args, number, ledger):
        self.args, self.ledger = args, ledger
        self.name = f"c{number}"
        self.random = random.Random(args.seed * 1000 + number)
        self.wire = self.resumption = None
        self.managed = False
        self.pongs, self.ids = {}, 0
        self.handled = self.acked = 0
        self.unacked = collections.deque()
        # Messages that came and were not acknowledged yet; those whose acknowledgement the server may not have seen.
        self.fresh, self.unsettled = [], []

    async def connect(self):
        """Logs in; resumes the stream when there is one to resume. True when it was resumed."""
        self.wire = Wire()
        await self.wire.open(self.args)
        plain = base64.b64encode(f"\0{self.name}\0secret".encode()).decode()
        self.wire.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
        await self.wire.until("{urn:ietf:params:xml:ns:xmpp-sasl}success")
        self.wire.header()
        features = await self.wire.until(STREAM + "features")
        offered = features.find(f"{{{SM}}}sm") is not None
        if self.resumption and offered:
            self.wire.send(f"<resume xmlns='{SM}' previd={quoteattr(self.resumption)} h='{self.handled}'/>")
            answer = await self.wire.until(f"{{{SM}}}resumed", f"{{{SM}}}failed")
            if answer.tag == f"{{{SM}}}failed":
                raise Failed(f"{self.name} cannot resume: {ET.tostring(answer, 'unicode')}")
            self.acknowledged(int(answer.get("h")))
            self.fresh, self.unsettled = [], []
            for stanza in self.unacked:
                self.wire.send(stanza)
            self.listening = asyncio.create_task(self.listen())
            return True
        self.wire.send(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>churn</resource></bind></iq>"
        )
        await self.wire.until(CLIENT + "iq")
        self.managed, self.resumption = offered, None
        self.handled = self.acked = 0
        self.unacked.clear()
        if offered:
            self.wire.send(f"<enable xmlns='{SM}' resume='true'/>")
            self.resumption = (await self.wire.until(f"{{{SM}}}enabled")).get("id")
        self.ledger.managed = offered
        self.fresh, self.unsettled = [], []
        self.listening = asyncio.create_task(self.listen())
        self.stanza("<presence/>")
        await self.ping()
        return False

    def stanza(self, text):
        if self.managed:
            self.unacked.append(text)
        self.wire.send(text)

    def acknowledge(self):
        self.wire.send(f"<a xmlns='{SM}' h='{self.handled}'/>")
        self.unsettled += self.fresh
        self.fresh = []

    def acknowledged(self, count):
        for _ in range((count - self.acked) % 2**32):
            if not self.unacked:
                raise Failed(f"{self.name}: the server has handled {count}, more than it was sent")
            self.unacked.popleft()
        self.acked = count

    async def ping(self):
        """All that was sent before is handled, acknowledgements too, and all that was answered before has come."""
        self.ids += 1
        settled = len(self.unsettled)
        pong = self.pongs[f"p{self.ids}"] = asyncio.get_running_loop().create_future()
        self.stanza(f"<iq type='get' to='localhost' id='p{self.ids}'><ping xmlns='urn:xmpp:ping'/></iq>")
        done, _ = await asyncio.wait({pong, self.listening}, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        if pong not in done:
            raise Failed(f"{self.name} has no pong: {self.listening}")
        del self.unsettled[:settled]

    async def listen(self):
        try:
            while True:
                self.take(await self.wire.next())
        except Gone:
            return

    def take(self, element):
        if element.tag == f"{{{SM}}}r":
            self.acknowledge()
        elif element.tag == f"{{{SM}}}a":
            self.acknowledged(int(element.get("h")))
        elif element.tag.startswith(CLIENT):
            self.handled += 1
            if element.tag == CLIENT + "message":
                self.heard(element)
            elif element.get("id") in self.pongs:
                self.pongs.pop(element.get("id")).set_result(True)
            elif element.tag == CLIENT + "iq" and element.get("type") == "get":
                # What the hub asks for (capabilities are not announced: a ping).
                self.stanza(f"<iq type='result' to={quoteattr(element.get('from'))} id={quoteattr(element.get('id'))}/>")
        elif element.tag == STREAM + "error":
            raise Failed(f"{self.name}: {ET.tostring(element, 'unicode')}")

    def heard(self, message):
        if message.get("type") == "error":
            raise Failed(f"{self.name}: {ET.tostring(message, 'unicode')}")
        sender, _, rest = message.get("from").partition("@")
        body = message.findtext(CLIENT + "body") or ""
        if re.fullmatch(r"\d+", body) and rest.startswith("localhost"):
            self.ledger.arrived(sender, self.name, int(body))
            self.fresh.append((sender, int(body)))

    async def talk(self):
        """A while of messages to the others."""
        for _ in range(self.random.randrange(2, 12)):
            to = self.random.choice([name for name in self.ledger.names if name != self.name])
            self.stanza(f"<message to='{to}@localhost' type='chat'><body>{self.ledger.next(self.name, to)}</body></message>")
            await asyncio.sleep(self.random.uniform(0.05, 0.6))
            if self.listening.done():
                self.listening.result()
                raise Failed(f"{self.name}: the server ended the connection")

    async def part(self):
        """Leaves, in one of the ways; True when the stream is to be resumed."""
        ways = ["leave", "vanish"] + (["resume", "resume", "break"] if self.managed else [])
        way = self.random.choice(ways)
        self.ledger.ways[way] += 1
        if way in ("leave", "vanish"):
            self.stanza("<presence type='unavailable'/>")
        if way != "resume":
            await self.ping()
        if way in ("leave", "vanish") and self.managed:
            # Unacknowledged, they would come again (XEP-0198 asks for this before a stream is closed); and nothing more
            # comes to who is unavailable.
            self.acknowledge()
            await self.ping()
        if way == "leave":
            self.wire.send("</stream:stream>")
            await asyncio.wait_for(self.listening, DEADLINE)
        self.wire.reset()
        await self.listening
        if way == "break":
            self.ledger.may_repeat(self.name, self.fresh + self.unsettled)
        return way == "resume"

    async def live(self, until):
        while time.monotonic() < until:
            if not await self.connect():
                self.ledger.logins += 1
            await self.talk()
            if not await self.part():
                self.resumption = None
            await asyncio.sleep(self.random.uniform(0, 3))

    async def settle(self):
        """Back for the rest, and then gone for good."""
        await self.connect()
        for _ in range(DEADLINE * 2):
            if not self.ledger.missing(self.name):
                break
            await asyncio.sleep(0.5)
        await self.ping()

    async def end(self):
        self.wire.send("<presence type='unavailable'/></stream:stream>")
        await asyncio.wait_for(self.listening, DEADLINE)
        self.wire.reset()


class Ledger:
    """What was sent from whom to whom, and what has arrived."""

    def __init__(self, names):
        self.names, self.managed, self.logins = names, False, 0
        self.sent, self.received = collections.Counter(), collections.defaultdict(list)
        self.repeatable, self.ways = collections.Counter(), collections.Counter()

    def next(self, sender, to):
        self.sent[sender, to] += 1
        return self.sent[sender, to]

    def arrived(self, sender, to, number):
        self.received[sender, to].append(number)

    def may_repeat(self, to, fresh):
        self.repeatable.update((sender, to, number) for sender, number in fresh)

    def missing(self, to):
        pairs = ((pair, count) for pair, count in self.sent.items() if pair[1] == to)
        return sum(len(set(range(1, count + 1)) - set(self.received[pair])) for pair, count in pairs)

    def faults(self):
        lost, doubled, late = [], [], []
        for (sender, to), count in self.sent.items():
            highest, seen = 0, collections.Counter()
            for number in self.received[sender, to]:
                seen[number] += 1
                if number < highest and seen[number] == 1:
                    late.append(f"{sender}>{to} {number}")
                highest = max(highest, number)
            lost += [f"{sender}>{to} {n}" for n in range(1, count + 1) if not seen[n]]
            doubled += [f"{sender}>{to} {n}" for n, k in seen.items() if k - 1 > self.repeatable[sender, to, n]]
        return {"lost": lost, "doubled": doubled, "out of order": late}


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def handles(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def sessions(args):
    text = subprocess.run(args.status, shell=True, capture_output=True, text=True, check=True).stdout
    return int(re.search(r"^sessions\s+(\d+)", text, re.M)[1])


async def watch(args, samples):
    start = time.monotonic()
    while True:
        samples.append((time.monotonic() - start, resident(args.pid)))
        await asyncio.sleep(1)


def growth(samples):
    """MiB from the second quarter to the last, by medians, and what that makes in an hour."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    grown = statistics.median(rss for _, rss in late) - statistics.median(rss for _, rss in early)
    apart = statistics.median(at for at, _ in late) - statistics.median(at for at, _ in early)
    return grown, grown / max(apart, 1) * 3600


async def churn(args):
    ledger = Ledger([f"c{number}" for number in range(args.people)])
    people = [Person(args, number, ledger) for number in range(args.people)]
    before, samples = (sessions(args), handles(args.pid)), []
    watching = asyncio.create_task(watch(args, samples))
    until = time.monotonic() + args.minutes * 60
    await asyncio.gather(*(person.live(until) for person in people))
    await asyncio.gather(*(person.settle() for person in people))
    await asyncio.gather(*(person.end() for person in people))
    watching.cancel()
    for _ in range(DEADLINE):
        after = (sessions(args), handles(args.pid))
        if after == before:
            break
        await asyncio.sleep(1)
    return report(args, ledger, before, after, samples)


def report(args, ledger, before, after, samples):
    faults = ledger.faults()
    grown, hourly = growth(samples)
    print(f"seed {args.seed}, {args.people} people, {args.minutes:g} minutes, {ledger.logins} logins")
    print(f"stream management: {'yes' if ledger.managed else 'not offered, so no resume and no break'}")
    print("ends: " + ", ".join(f"{way} {count}" for way, count in sorted(ledger.ways.items())))
    print(f"{sum(ledger.sent.values())} messages; " + ", ".join(f"{len(list_)} {what}" for what, list_ in faults.items()))
    for what, list_ in faults.items():
        if list_:
            print(f"  {what}: {'; '.join(list_[:20])}")
    print(f"sessions {before[0]} before, {after[0]} after; open files {before[1]} before, {after[1]} after")
    print(f"memory {samples[0][1]:.1f} MiB at first, {samples[-1][1]:.1f} MiB at last; {grown:+.1f} MiB, {hourly:+.1f} an hour")
    # Over a short time the slope says nothing yet.
    leaks = grown > GROWTH_MAX_MIB or (args.minutes >= 30 and hourly > GROWTH_MAX_MIB_PER_HOUR)
    failures = [
        what
        for holds, what in (
            (not any(faults.values()), "a message was lost, doubled or out of order"),
            (after[0] == before[0], "a session stayed behind"),
            (after[1] <= before[1] + 2, "files stayed open"),
            (not leaks, "memory grows"),
            (ledger.logins > args.people, "nobody came back"),
        )
        if not holds
    ]
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--status", required=True, help="the command that tells the number of sessions")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    args = parser.parse_args()
    args.tls = ssl.create_default_context(cafile=args.ca)
    sys.exit(asyncio.run(churn(args)))


if __name__ == "__main__":
    main()
