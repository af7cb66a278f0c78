#!/usr/bin/env python3
"""The rows of rows.txt by slixmpp, the version of the interpreter that runs this: 1.17, and Debian's 1.8."""

import asyncio
import inspect
import os

import slixmpp
from slixmpp.plugins.xep_0107 import UserMood

DEADLINE = 30
JID, PARTNER, COLLECTOR = os.environ["JID"], os.environ["PARTNER"], os.environ["COLLECTOR"]
MONITOR = COLLECTOR.split("/")[0]


def ok(row, detail=""):
    print(f"ok {row} {detail}", flush=True)


class Romeo(slixmpp.ClientXMPP):
    """Keeps all that arrives; tell() wakes who waits."""

    def __init__(self, resumes):
        super().__init__(JID, os.environ["PASSWORD"])
        self.ca_certs = os.environ["CA"]
        for plugin in ("xep_0004", "xep_0030", "xep_0050", "xep_0115", "xep_0163", "xep_0107"):
            self.register_plugin(plugin)
        if resumes:
            self.register_plugin("xep_0198")
        self.arrived, self.happened = [], []
        self.news = asyncio.Condition()
        for event in ("session_start", "session_resumed", "sm_enabled", "disconnected", "failed_all_auth"):
            self.add_event_handler(event, lambda _, event=event: self.keep(self.happened, event))
        for event in ("message", "presence", "user_mood_publish"):
            self.add_event_handler(event, lambda stanza: self.keep(self.arrived, stanza))

    def keep(self, where, what):
        where.append(what)
        asyncio.ensure_future(self.tell())

    async def tell(self):
        async with self.news:
            self.news.notify_all()

    def reach(self):
        """Connects by STARTTLS: 1.17 would try direct TLS first, and 1.8 takes the address as a pair."""
        address = os.environ["HOST"], int(os.environ["PORT"])
        if "address" in inspect.signature(slixmpp.ClientXMPP.connect).parameters:
            self.connect(address)
        else:
            self.enable_direct_tls = False
            self.connect(*address)

    async def until(self, what, found):
        async with self.news:
            try:
                await asyncio.wait_for(self.news.wait_for(found), DEADLINE)
            except asyncio.TimeoutError:
                raise SystemExit(f"waited for {what}; {self.happened}; {[str(s) for s in self.arrived]}") from None
        return found()

    async def wait_for(self, what, fits):
        return await self.until(what, lambda: next((s for s in self.arrived if fits(s)), None))

    async def body(self, sender, fits):
        return await self.wait_for(
            f"a chat from {sender}",
            lambda s: s.name == "message" and s["from"].bare == sender and s["body"] and fits(s["body"]),
        )

    def chat(self, to, body):
        self.send_message(to, body, mtype="chat")


async def roster(romeo):
    await romeo.get_roster()
    item = romeo.client_roster[MONITOR]
    assert item["subscription"] == "both" and item["groups"] == ["Servers"], str(item._state)
    ok("roster", f"{MONITOR}, {item['name']}, in {item['groups']}")


async def presence(romeo):
    romeo.send_presence()
    status = await romeo.wait_for(
        "the collector's presence", lambda s: s.name == "presence" and s["from"] == COLLECTOR and s["status"]
    )
    ok("presence", status["status"])


async def chats(romeo):
    romeo.chat(MONITOR, "help")
    answer = await romeo.body(MONITOR, lambda body: "stats" in body)
    ok("chat", answer["body"].splitlines()[0])
    romeo.chat(PARTNER, "say wherefore")
    await romeo.body(PARTNER, lambda body: body == "wherefore")
    ok("talk")


async def disco(romeo):
    info = await romeo["xep_0030"].get_info(jid=COLLECTOR, timeout=DEADLINE)
    kinds = {identity[:2] for identity in info["disco_info"]["identities"]}
    assert ("monitor", "server") in kinds, kinds
    assert "http://jabber.org/protocol/commands" in info["disco_info"]["features"]
    ok("disco", f"{len(info['disco_info']['features'])} features")


async def command(romeo):
    """The callbacks of the plugin, in the order of the stages."""
    done = asyncio.get_running_loop().create_future()
    plugin = romeo["xep_0050"]

    def fill(iq, session, kind, value):
        fields = iq["command"]["form"].get_fields()
        var = next(var for var, field in fields.items() if field["type"] == kind)
        form = romeo["xep_0004"].make_form(ftype="submit")
        form.add_field(var=var, value=value)
        session["payload"] = [form]

    def choose(iq, session):
        fill(iq, session, "list-single", "say")
        session["next"] = word
        plugin.continue_command(session)

    def word(iq, session):
        fill(iq, session, "list-single", "tea")
        session["next"] = result
        plugin.complete_command(session)

    def result(iq, session):
        done.set_result(str(iq))

    def error(iq, session):
        done.set_exception(SystemExit(str(iq)))

    plugin.start_command(jid=COLLECTOR, node="shell", session={"next": choose, "error": error})
    text = await asyncio.wait_for(done, DEADLINE)
    assert "said tea" in text and "completed" in text, text
    ok("command")


async def event(romeo):
    romeo.send_presence_subscription(PARTNER)
    await romeo.wait_for(
        "juliet's presence",
        lambda s: s.name == "presence" and s["from"].bare == PARTNER and s["type"] == "available",
    )
    romeo.chat(PARTNER, "publish")
    mood = await romeo.wait_for(
        "juliet's mood",
        lambda s: s.name == "message" and s["pubsub_event"]["items"]["node"] == UserMood.namespace,
    )
    assert mood["from"] == PARTNER, mood
    assert "happy" in str(mood), mood
    ok("event", f"from {mood['from']}")


async def resume(romeo):
    await romeo.until("stream management", lambda: "sm_enabled" in romeo.happened)
    before = romeo.boundjid.full
    # slixmpp sends an ack when it is asked: what came before is settled.
    romeo.happened.clear()
    romeo.chat(PARTNER, "cut")
    await romeo.until("the end of the line", lambda: "disconnected" in romeo.happened)
    romeo.reach()
    await romeo.until("resumption", lambda: "session_resumed" in romeo.happened)
    assert "session_start" not in romeo.happened and romeo.boundjid.full == before, romeo.happened
    await romeo.body(PARTNER, lambda body: body == "kept 3")
    romeo.chat(PARTNER, "say after")
    await romeo.body(PARTNER, lambda body: body == "after")
    kept = [s["body"] for s in romeo.arrived if s.name == "message" and s["body"].startswith("kept")]
    assert kept == ["kept 1", "kept 2", "kept 3"], kept
    ok("resume", f"{before} goes on: {', '.join(kept)}")


async def main():
    resumes = "resume" not in os.environ.get("LACKS", "")
    romeo = Romeo(resumes)
    romeo.reach()
    await romeo.until("a session", lambda: "session_start" in romeo.happened)
    ok("login", f"{slixmpp.__version__}: {romeo.boundjid.full}")
    # Presence carries what the client can do (XEP-0115) only once the plugin has computed it for the bound JID.
    await romeo["xep_0115"].update_caps(broadcast=False)
    for row in (roster, presence, chats, disco, command, event):
        await row(romeo)
    if resumes:
        await resume(romeo)
    romeo.disconnect()
    await romeo.until("the end", lambda: romeo.happened[-1] == "disconnected")


if __name__ == "__main__":
    asyncio.run(main())
