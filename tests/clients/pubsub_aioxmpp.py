#!/usr/bin/env python3
"""XEP-0060 by aioxmpp's own API, at pubsub.DOMAIN: an owner, a subscriber, affiliations, subscriptions, deletion.

Needs the accounts boss (admin) and client (viewer), password "secret". Exit code 0 when all of it went as it should.
"""

import argparse
import asyncio
import os
import sys

import aioxmpp
import aioxmpp.pubsub.xso
import aioxmpp.xso

DEADLINE = 20
NODE = "moods"
NEWS = "urn:example:news"


@aioxmpp.pubsub.xso.as_payload_class
class Entry(aioxmpp.xso.XSO):
    TAG = (NEWS, "entry")
    text = aioxmpp.xso.Text(default=None)

    def __init__(self, text=None):
        super().__init__()
        self.text = text


class Person:
    def __init__(self, args, name):
        address = args.host, args.port, aioxmpp.connector.STARTTLSConnector()
        self.jid = aioxmpp.JID.fromstr(f"{name}@{args.domain}/api")
        self.client = aioxmpp.PresenceManagedClient(
            self.jid, aioxmpp.make_security_layer("secret"), override_peer=[address]
        )
        self.pubsub = self.client.summon(aioxmpp.PubSubClient)
        self.events = asyncio.Queue()
        for name in ("item_published", "item_retracted", "node_deleted"):
            signal = getattr(self.pubsub, f"on_{name}")
            signal.connect(lambda *about, name=name, **_: self.events.put_nowait((name, *about)))

    async def hears(self, expected):
        event = await asyncio.wait_for(self.events.get(), DEADLINE)
        assert event[0] == expected and event[2] == NODE, f"{event} instead of {expected}"
        return event


async def play(args):
    service = aioxmpp.JID.fromstr(f"pubsub.{args.domain}")
    boss, client = Person(args, "boss"), Person(args, "client")
    async with boss.client.connected(), client.client.connected():
        features = await boss.pubsub.get_features(service)
        assert aioxmpp.pubsub.xso.Feature.PUBLISH in features, features
        await boss.pubsub.create(service, NODE)
        config = await boss.pubsub.get_node_config(service, NODE)
        assert any(field.var == "pubsub#access_model" for field in config.fields), config
        for field in config.fields:
            if field.var == "pubsub#title":
                field.values[:] = ["Moods"]
        config.type_ = aioxmpp.forms.DataType.SUBMIT if hasattr(aioxmpp.forms, "DataType") else config.type_
        await boss.pubsub.set_node_config(service, config, NODE)
        assert (NODE, "Moods") in await client.pubsub.get_nodes(service)

        answer = await client.pubsub.subscribe(service, NODE)
        assert answer.payload.subscription == "subscribed", answer
        id_ = await boss.pubsub.publish(service, NODE, Entry("one"))
        event = await client.hears("item_published")
        assert event[3].id_ == id_ and event[3].registered_payload.text == "one", event
        items = await client.pubsub.get_items(service, NODE)
        assert [item.id_ for item in items.payload.items] == [id_], items
        items = await client.pubsub.get_items_by_id(service, NODE, [id_])
        assert [item.id_ for item in items.payload.items] == [id_], items
        own = await client.pubsub.get_subscriptions(service)
        assert [one.node for one in own.subscriptions] == [NODE], own
        await client.pubsub.get_subscription_config(service, NODE)
        await client.pubsub.get_default_config(service)

        await boss.pubsub.change_node_affiliations(service, NODE, [(client.jid.bare(), "publisher")])
        affiliations = await boss.pubsub.get_node_affiliations(service, NODE)
        assert len(affiliations.payload.affiliations) == 2, affiliations
        subscriptions = await boss.pubsub.get_node_subscriptions(service, NODE)
        assert len(subscriptions.payload.subscriptions) == 1, subscriptions
        second = await client.pubsub.publish(service, NODE, Entry("two"), id_="two")
        assert second in (None, "two"), second
        await client.hears("item_published")
        await boss.pubsub.retract(service, NODE, id_, notify=True)
        event = await client.hears("item_retracted")
        assert event[3] == id_, event
        await boss.pubsub.purge(service, NODE)
        await boss.pubsub.delete(service, NODE)
        await client.hears("node_deleted")
    print("ok     aioxmpp's XEP-0060: created, configured, subscribed, published, managed, retracted, purged, deleted")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--ca", required=True)
    args = parser.parse_args()
    # The authority to trust comes by SSL_CERT_FILE, as OpenSSL has it.
    os.environ["SSL_CERT_FILE"] = args.ca
    asyncio.run(asyncio.wait_for(play(args), 60))


if __name__ == "__main__":
    sys.exit(main())
