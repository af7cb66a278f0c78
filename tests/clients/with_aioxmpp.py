#!/usr/bin/env python3
"""The rows of rows.txt by aioxmpp 0.13."""

import asyncio
import os

import aioxmpp
import aioxmpp.adhoc
import aioxmpp.pep
import aioxmpp.pubsub.xso
import aioxmpp.xso

DEADLINE = 30
MOOD = "http://jabber.org/protocol/mood"
JID = aioxmpp.JID.fromstr(os.environ["JID"])
PARTNER = aioxmpp.JID.fromstr(os.environ["PARTNER"])
COLLECTOR = aioxmpp.JID.fromstr(os.environ["COLLECTOR"])
MONITOR = COLLECTOR.bare()


def ok(row, detail=""):
    print(f"ok {row} {detail}", flush=True)


@aioxmpp.pubsub.xso.as_payload_class
class Mood(aioxmpp.xso.XSO):
    TAG = (MOOD, "mood")
    UNKNOWN_CHILD_POLICY = aioxmpp.xso.UnknownChildPolicy.DROP
    happy = aioxmpp.xso.ChildFlag((MOOD, "happy"))


class Romeo:
    def __init__(self):
        address = os.environ["HOST"], int(os.environ["PORT"]), aioxmpp.connector.STARTTLSConnector()
        # The authority to trust comes by SSL_CERT_FILE, as OpenSSL has it.
        self.client = aioxmpp.PresenceManagedClient(
            JID, aioxmpp.make_security_layer(os.environ["PASSWORD"]), override_peer=[address]
        )
        self.client.backoff_start = self.client.backoff_start.__class__(seconds=0.2)
        self.presence = self.client.summon(aioxmpp.PresenceClient)
        self.roster = self.client.summon(aioxmpp.RosterClient)
        self.disco = self.client.summon(aioxmpp.DiscoClient)
        self.commands = self.client.summon(aioxmpp.AdHocClient)
        self.client.summon(aioxmpp.EntityCapsService)
        # This makes the capabilities carry the node's +notify.
        self.moods = self.client.summon(aioxmpp.PEPClient).claim_pep_node(MOOD, notify=True)
        self.chats, self.events, self.happened = [], [], []
        self.news = asyncio.Condition()
        self.presence.on_available.connect(self.appeared)
        self.presence.on_changed.connect(self.appeared)
        self.moods.on_item_publish.connect(self.mood)
        for name in ("suspended", "resumed", "destroyed"):
            signal = getattr(self.client, f"on_stream_{name}")
            signal.connect(lambda *_, name=name: self.keep(self.happened, name))
        self.client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher).register_callback(
            aioxmpp.MessageType.CHAT, None, lambda message: self.keep(self.chats, message)
        )

    def keep(self, where, what):
        where.append(what)
        asyncio.ensure_future(self.tell())

    def appeared(self, jid, stanza):
        self.keep(self.events, ("presence", jid, stanza.status.any() if stanza.status else ""))

    def mood(self, jid, node, item, *, message=None):
        self.keep(self.events, ("mood", jid, item.registered_payload))

    async def tell(self):
        async with self.news:
            self.news.notify_all()

    async def until(self, what, found):
        async with self.news:
            try:
                await asyncio.wait_for(self.news.wait_for(found), DEADLINE)
            except asyncio.TimeoutError:
                raise SystemExit(f"waited for {what}; {self.happened}; {self.events}; {self.chats}") from None
        return found()

    async def body(self, sender, fits):
        def found():
            bodies = (chat.body.any() for chat in self.chats if chat.from_.bare() == sender and chat.body)
            return next((body for body in bodies if fits(body)), None)

        return await self.until(f"a chat from {sender}", found)

    async def event(self, kind, jid):
        return await self.until(f"{kind} of {jid}", lambda: next((e for e in self.events if e[:2] == (kind, jid)), None))

    def chat(self, to, body):
        message = aioxmpp.Message(type_=aioxmpp.MessageType.CHAT, to=to)
        message.body[None] = body
        self.client.enqueue(message)


async def roster(romeo):
    await romeo.until("the roster", lambda: MONITOR in romeo.roster.items)
    item = romeo.roster.items[MONITOR]
    assert item.subscription == "both" and item.groups == {"Servers"}, item.export_as_json()
    ok("roster", f"{MONITOR}, {item.name}, in {item.groups}")


async def presence(romeo):
    _, _, status = await romeo.event("presence", COLLECTOR)
    assert "load" in status, status
    ok("presence", status)


async def chats(romeo):
    romeo.chat(MONITOR, "help")
    ok("chat", (await romeo.body(MONITOR, lambda body: "stats" in body)).splitlines()[0])
    romeo.chat(PARTNER, "say wherefore")
    await romeo.body(PARTNER, lambda body: body == "wherefore")
    ok("talk")


async def disco(romeo):
    info = await romeo.disco.query_info(COLLECTOR, timeout=DEADLINE)
    kinds = {(identity.category, identity.type_) for identity in info.identities}
    assert ("monitor", "server") in kinds, kinds
    assert "http://jabber.org/protocol/commands" in info.features
    ok("disco", f"{len(info.features)} features")


async def command(romeo):
    session = await romeo.commands.execute(COLLECTOR, "shell")
    for value in ("say", "tea"):
        form = session.first_payload
        field = next(f for f in form.fields if f.type_ == aioxmpp.forms.FieldType.LIST_SINGLE)
        field.values[:] = [value]
        form.type_ = aioxmpp.forms.DataType.SUBMIT
        await session.proceed(payload=[form])
    values = [value for field in session.first_payload.fields for value in field.values]
    assert session.status == aioxmpp.adhoc.CommandStatus.COMPLETED and "said tea" in map(str.strip, values), values
    ok("command", str(values))


async def event(romeo):
    romeo.roster.subscribe(PARTNER)
    await romeo.until("juliet's presence", lambda: any(e[1].bare() == PARTNER for e in romeo.events))
    romeo.chat(PARTNER, "publish")
    _, _, mood = await romeo.event("mood", PARTNER)
    assert mood.happy, mood
    ok("event", f"from {PARTNER}")


async def resume(romeo):
    assert romeo.client.stream.sm_enabled and romeo.client.stream.sm_resumable
    before = romeo.client.local_jid
    romeo.chat(PARTNER, "cut")
    await romeo.until("resumption", lambda: "resumed" in romeo.happened)
    assert romeo.happened == ["suspended", "resumed"] and romeo.client.local_jid == before, romeo.happened
    await romeo.body(PARTNER, lambda body: body == "kept 3")
    romeo.chat(PARTNER, "say after")
    await romeo.body(PARTNER, lambda body: body == "after")
    kept = [chat.body.any() for chat in romeo.chats if chat.body.any().startswith("kept")]
    assert kept == ["kept 1", "kept 2", "kept 3"], kept
    ok("resume", f"{before} goes on: {', '.join(kept)}")


async def main():
    romeo = Romeo()
    async with romeo.client.connected() as stream:
        ok("login", f"{aioxmpp.__version__}: {romeo.client.local_jid}")
        for row in (roster, presence, chats, disco, command, event):
            await row(romeo)
        if "resume" not in os.environ["LACKS"]:
            await resume(romeo)
        del stream


if __name__ == "__main__":
    asyncio.run(main())
