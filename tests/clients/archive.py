#!/usr/bin/env python3
"""slixmpp reads archives and gets copies: XEP-0313 and XEP-0280 by the plugins that others wrote.

Needs a running appliance with tests/clients/watchpost.toml and the accounts client, crowd (viewer) and boss (admin), all
with the password "secret". Exit code 0 when every row holds.
"""

import argparse
import asyncio
import sys
import traceback
from datetime import datetime, timedelta, timezone

import slixmpp

DEADLINE = 30
SIZE = 25


class Failed(Exception):
    """What a row saw instead."""


def check(holds, what):
    if not holds:
        raise Failed(what)


class Person(slixmpp.ClientXMPP):
    """Somebody with a client that knows archives and copies."""

    def __init__(self, args, name, resource):
        super().__init__(f"{name}@{args.domain}/{resource}", "secret")
        self.args = args
        self.ca_certs = args.ca
        self.enable_direct_tls = False
        for plugin in ("xep_0030", "xep_0199", "xep_0280", "xep_0313", "xep_0359", "xep_0441"):
            self.register_plugin(plugin)
        self.heard = asyncio.Queue()
        self.started = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", lambda _: self.started.done() or self.started.set_result(True))
        self.add_event_handler("message", self.keep)
        self.add_event_handler("carbon_received", lambda m: self.heard.put_nowait(("received", self.inner(m, "received"))))
        self.add_event_handler("carbon_sent", lambda m: self.heard.put_nowait(("sent", self.inner(m, "sent"))))

    def inner(self, message, way):
        return message[f"carbon_{way}"]

    def keep(self, message):
        if message["body"]:
            self.heard.put_nowait(("plain", message))

    async def login(self, present=True):
        self.connect(self.args.host, self.args.port)
        await asyncio.wait_for(self.started, DEADLINE)
        if present:
            self.send_presence()
            await self.ping()
        return self

    async def ping(self):
        await self.plugin["xep_0199"].ping(self.args.domain, timeout=DEADLINE)

    async def next(self):
        way, message = await asyncio.wait_for(self.heard.get(), DEADLINE)
        return way, message["body"]

    async def silent(self):
        await self.ping()
        check(self.heard.empty(), f"{self.boundjid} heard something")

    async def archive(self, **query):
        """Bodies of all pages, and the ids of the archive."""
        found = []
        async for message in self.plugin["xep_0313"].iterate(**query):
            result = message["mam_result"]
            found.append((result["id"], result["forwarded"]["stanza"]["body"]))
        return found

    async def go(self):
        self.disconnect()
        await asyncio.wait_for(self.disconnected, DEADLINE)


ROWS = []


def row(title):
    def register(function):
        ROWS.append((title, function))
        return function

    return register


@row("the account says what it has, and which fields a query may have")
async def _(args):
    client = await Person(args, "client", "desk").login()
    info = await client.plugin["xep_0030"].get_info(jid=client.boundjid.bare, timeout=DEADLINE)
    features = set(info["disco_info"]["features"])
    wanted = {"urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", "urn:xmpp:sid:0", "urn:xmpp:carbons:2"}
    check(wanted <= features, f"lacking: {wanted - features}")
    fields = await client.plugin["xep_0313"].get_fields(timeout=DEADLINE)
    names = set(fields.get_fields())
    check({"with", "start", "end", "before-id", "after-id", "ids"} <= names, str(names))
    await client.go()
    return ", ".join(sorted(wanted))


@row("a conversation, page by page, forwards and backwards, by contact and by time")
async def _(args):
    client, crowd = await Person(args, "client", "desk").login(), await Person(args, "crowd", "desk").login()
    for number in range(SIZE):
        client.send_message(crowd.boundjid.bare, f"line {number}", mtype="chat")
    for number in range(SIZE):
        check(await crowd.next() == ("plain", f"line {number}"), "another message than was sent")
    lines = [f"line {number}" for number in range(SIZE)]
    for reader, contact in ((client, crowd), (crowd, client)):
        for rsm in ({"max": 10}, {"max": 7}):
            found = await reader.archive(with_jid=contact.boundjid.bare, rsm=rsm)
            check([body for _, body in found] == lines, str(found))
            check(len({id for id, _ in found}) == SIZE, "an id twice")
    hour = timedelta(hours=1)
    now = datetime.now(timezone.utc)
    check(len(await client.archive(start=now - hour, end=now + hour)) >= SIZE, "not within this hour")
    check(not await client.archive(start=now + hour), "something after this hour")
    check(not await client.archive(with_jid=f"nobody@{args.domain}"), "talk with nobody")
    last = await client.archive(reverse=True, total=12, rsm={"max": 5})
    check([body for _, body in last] == lines[:-13:-1], str(last))
    metadata = await client.plugin["xep_0313"].get_archive_metadata(timeout=DEADLINE)
    check(metadata["mam_metadata"]["end"]["id"], "no end")
    await client.go()
    await crowd.go()
    return f"{SIZE} lines on both sides"


@row("each resource sees both sides: carbons")
async def _(args):
    desk, phone = await Person(args, "client", "desk").login(), await Person(args, "client", "phone").login()
    crowd = await Person(args, "crowd", "desk").login()
    await phone.plugin["xep_0280"].enable(timeout=DEADLINE)
    desk.send_message(crowd.boundjid.full, "said", mtype="chat")
    check(await crowd.next() == ("plain", "said"), "crowd")
    check(await phone.next() == ("sent", "said"), "the phone sees what the desk says")
    crowd.send_message(desk.boundjid.full, "heard", mtype="chat")
    check(await desk.next() == ("plain", "heard"), "the desk")
    check(await phone.next() == ("received", "heard"), "the phone sees what the desk hears")
    await desk.silent()
    await phone.plugin["xep_0280"].disable(timeout=DEADLINE)
    crowd.send_message(desk.boundjid.full, "off", mtype="chat")
    check(await desk.next() == ("plain", "off"), "the desk")
    await phone.silent()
    for person in (desk, phone, crowd):
        await person.go()
    return "sent and received"


@row("away: read in the archive, or replayed, and never both")
async def _(args):
    crowd = await Person(args, "crowd", "desk").login()
    crowd.send_message(f"client@{args.domain}", "missed", mtype="chat")
    await crowd.ping()
    phone = await Person(args, "client", "phone").login(present=False)
    found = await phone.archive(rsm={"max": 10})
    check(found[-1][1] == "missed", str(found[-1]))
    phone.send_presence()
    await phone.silent()
    await phone.go()
    desk = await Person(args, "client", "desk").login()
    way, message = await asyncio.wait_for(desk.heard.get(), DEADLINE)
    check((way, message["body"]) == ("plain", "missed"), "no replay for who does not read archives")
    check(message["stanza_id"]["id"] == found[-1][0], "another id than the archive's")
    await desk.silent()
    await desk.go()
    await crowd.go()
    return "missed"


@row("the collector's words are in the archive of whom they were said to, alerts too")
async def _(args):
    boss = await Person(args, "boss", "desk").login()
    boss.send_message(f"monitor@{args.domain}", "help", mtype="chat")
    _, answer = await boss.next()
    crowd = [await Person(args, "crowd", f"seat{seat}").login() for seat in range(9)]
    alert = ""
    while "Crowded" not in alert:
        _, alert = await boss.next()
    for person in crowd:
        await person.go()
    found = await boss.archive(with_jid=f"monitor@{args.domain}", rsm={"max": 10})
    bodies = [body for _, body in found]
    check(bodies[:2] == ["help", answer] and alert in bodies, str(found))
    await boss.go()
    return alert.splitlines()[0]


async def play(args):
    failed = 0
    for title, function in ROWS:
        try:
            told = await asyncio.wait_for(function(args), 120)
            print(f"ok     {title}\n          {told}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {title}\n          {error or type(error).__name__}", flush=True)
            if not isinstance(error, Failed):
                traceback.print_exc()
    print(f"{len(ROWS) - failed} rows hold, {failed} do not")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--ca", required=True)
    sys.exit(1 if asyncio.run(play(parser.parse_args())) else 0)


if __name__ == "__main__":
    main()
