#!/usr/bin/env python3
"""XEP-0060 by slixmpp's own API, at pubsub.DOMAIN: an owner, a subscriber, a page of items, affiliations, deletion.

Needs the accounts boss (admin) and client (viewer), password "secret". Exit code 0 when all of it went as it should.
"""

import argparse
import asyncio
import sys

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ET

DEADLINE = 20
NODE = "news"


class Person(slixmpp.ClientXMPP):
    def __init__(self, args, name):
        super().__init__(f"{name}@{args.domain}/api", "secret")
        self.ca_certs = args.ca
        self.enable_direct_tls = False
        for plugin in ("xep_0004", "xep_0030", "xep_0059", "xep_0060"):
            self.register_plugin(plugin)
        self.pubsub = self.plugin["xep_0060"]
        self.events = asyncio.Queue()
        for name in ("publish", "retract", "purge", "delete", "config"):
            self.add_event_handler(f"pubsub_{name}", lambda message, name=name: self.events.put_nowait((name, message)))

    async def login(self, args):
        started = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", lambda _: started.set_result(True))
        self.connect(args.host, args.port)
        await asyncio.wait_for(started, DEADLINE)
        self.send_presence()
        return self

    async def hears(self, expected):
        name, message = await asyncio.wait_for(self.events.get(), DEADLINE)
        assert name == expected, f"{name} instead of {expected}: {message}"
        return message


def payload(text):
    entry = ET.Element("{urn:example:news}entry")
    entry.text = text
    return entry


async def play(args):
    service = f"pubsub.{args.domain}"
    boss, client = await Person(args, "boss").login(args), await Person(args, "client").login(args)
    config = boss.plugin["xep_0004"].make_form(ftype="submit")
    config.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#node_config")
    config.add_field(var="pubsub#max_items", value="10")
    config.add_field(var="pubsub#notify_config", value="1")
    await boss.pubsub.create_node(service, NODE, config=config)
    form = await boss.pubsub.get_node_config(service, NODE)
    fields = form["pubsub_owner"]["configure"]["form"].get_values()
    assert fields["pubsub#max_items"] == "10", fields

    answer = await client.pubsub.subscribe(service, NODE, bare=True)
    assert answer["pubsub"]["subscription"]["subscription"] == "subscribed", answer
    for number in range(3):
        await boss.pubsub.publish(service, NODE, id=str(number), payload=payload(str(number)))
        message = await client.hears("publish")
        item = message["pubsub_event"]["items"]["item"]
        assert (item["id"], item["payload"].text) == (str(number), str(number)), message
    items = await client.pubsub.get_items(service, NODE, max_items=2)
    assert [item["id"] for item in items["pubsub"]["items"]] == ["1", "2"], items
    item = await client.pubsub.get_item(service, NODE, "0")
    assert [item["id"] for item in item["pubsub"]["items"]] == ["0"], item
    mine = await client.pubsub.get_subscriptions(service, NODE)
    assert [one["jid"] for one in mine["pubsub"]["subscriptions"]] == [client.boundjid.bare], mine
    options = await client.pubsub.get_subscription_options(service, NODE, client.boundjid.bare)
    assert options["pubsub"]["options"]["jid"] == client.boundjid.bare, options

    await boss.pubsub.retract(service, NODE, "0", notify=True)
    await client.hears("retract")
    try:
        await client.pubsub.publish(service, NODE, payload=payload("mine"))
        raise AssertionError("a subscriber published")
    except IqError as error:
        assert error.condition == "forbidden", error
    await boss.pubsub.modify_affiliations(service, NODE, [(client.boundjid.bare, "publisher")])
    await client.pubsub.publish(service, NODE, id="mine", payload=payload("mine"))
    await client.hears("publish")
    affiliations = await client.pubsub.get_affiliations(service, NODE)
    assert [one["affiliation"] for one in affiliations["pubsub"]["affiliations"]] == ["publisher"], affiliations
    subscribers = await boss.pubsub.get_node_subscriptions(service, NODE)
    assert client.boundjid.bare in str(subscribers), subscribers

    await boss.pubsub.purge(service, NODE)
    await client.hears("purge")
    await client.pubsub.unsubscribe(service, NODE, bare=True)
    await client.pubsub.subscribe(service, NODE, bare=True)
    await boss.pubsub.delete_node(service, NODE)
    await client.hears("delete")
    nodes = await client.pubsub.get_nodes(service)
    assert NODE not in [item[1] for item in nodes["disco_items"]["items"]], nodes
    for person in (boss, client):
        person.disconnect()
        await asyncio.wait_for(person.disconnected, DEADLINE)
    print("ok     slixmpp's XEP-0060: created, configured, subscribed, published, paged, retracted, purged, deleted")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--ca", required=True)
    asyncio.run(play(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
