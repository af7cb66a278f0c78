#!/usr/bin/env python3
"""The whole talk, played by slixmpp as an outside user: every row of the wire contract, told as it happens.

Needs a running appliance with tests/clients/watchpost.toml and the accounts client and bot (viewer), crowd (viewer),
boss (admin), web1 (collector), all with the password "secret". Exit code 0 when every row holds.
"""

import argparse
import asyncio
import os
import re
import signal
import sys
import traceback
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

DEADLINE = 30
CODEBITS = "codebits"
COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"
INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"
PUBSUB = "http://jabber.org/protocol/pubsub"
EVENT = "http://jabber.org/protocol/pubsub#event"
ROSTER = "jabber:iq:roster"
STATS = "http://jabber.org/protocol/stats"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


class Failed(Exception):
    """What a row saw instead."""


def check(holds, what):
    if not holds:
        raise Failed(what)


def text_of(element):
    return ET.tostring(element, encoding="unicode")


class Person(slixmpp.ClientXMPP):
    """Somebody with a client. Everything that arrives is kept until it is waited for."""

    def __init__(self, args, name, resource="", interests=(), approves=False):
        jid = f"{name}@{args.domain}" + (f"/{resource}" if resource else "")
        super().__init__(jid, "secret")
        self.args = args
        self.ca_certs = args.ca
        self.enable_direct_tls = False
        self.roster.auto_subscribe = False
        self.roster.auto_authorize = True if approves else None
        for plugin in ("xep_0030", "xep_0115", "xep_0199", "xep_0163"):
            self.register_plugin(plugin)
        for node in interests:
            self.plugin["xep_0030"].add_feature(node)
        self.arrived = []
        self.news = asyncio.Condition()
        self.started = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", lambda _: self.started.done() or self.started.set_result(True))
        self.add_event_handler("failed_auth", self.refused)
        self.add_event_handler("failed_all_auth", self.refused)
        for kind in ("presence", "message"):
            matcher = MatchXPath("{jabber:client}" + kind)
            self.register_handler(Callback("keep " + kind, matcher, self.keep))

    def refused(self, _):
        if not self.started.done():
            self.started.set_exception(Failed(f"{self.boundjid} may not log in"))

    def keep(self, stanza):
        self.arrived.append(stanza.xml)
        asyncio.ensure_future(self.tell())

    async def tell(self):
        async with self.news:
            self.news.notify_all()

    async def login(self):
        self.connect(self.args.host, self.args.port)
        await asyncio.wait_for(self.started, DEADLINE)
        # Presence carries what the client can do (XEP-0115) only once the plugin has computed it for the bound JID.
        await self.plugin["xep_0115"].update_caps(broadcast=False)
        return self

    async def until(self, what, fits, wait=DEADLINE):
        """The first stanza, arrived or to come, that fits."""
        found = []

        def look():
            for stanza in self.arrived:
                if fits(stanza):
                    found.append(stanza)
                    self.arrived.remove(stanza)
                    return True
            return False

        try:
            async with self.news:
                await asyncio.wait_for(self.news.wait_for(look), wait)
        except asyncio.TimeoutError:
            seen = "\n".join(text_of(stanza) for stanza in self.arrived) or "nothing"
            raise Failed(f"{self.boundjid} waited {wait} s for {what}; it has {seen}") from None
        return found[0]

    async def presence_of(self, jid, kind=None, fits=lambda _: True, wait=DEADLINE):
        def match(stanza):
            return (
                stanza.tag == "{jabber:client}presence"
                and stanza.get("from") == jid
                and stanza.get("type") == kind
                and fits(stanza)
            )

        return await self.until(f"presence {kind or 'available'} from {jid}", match, wait)

    async def ask(self, kind, to, payload):
        """An iq; its payload, or Refused."""
        iq = self.make_iq(ito=to, itype=kind)
        iq.append(ET.fromstring(payload))
        try:
            answer = await iq.send(timeout=DEADLINE)
        except IqError as error:
            raise Refused(error.iq.xml) from None
        return next(iter(answer.xml), None)

    async def refused_with(self, condition, kind, to, payload):
        try:
            answer = await self.ask(kind, to, payload)
        except Refused as refused:
            check(refused.condition == condition, f"{refused.condition} instead of {condition}")
            return refused
        raise Failed(f"not refused: {text_of(answer)}")

    async def command(self, to, attributes, form=""):
        return await self.ask("set", to, f"<command xmlns='{COMMANDS}' {attributes}>{form}</command>")

    async def ping(self):
        await self.ask("get", self.args.domain, "<ping xmlns='urn:xmpp:ping'/>")

    async def go(self):
        self.disconnect()
        await asyncio.wait_for(self.disconnected, DEADLINE)


class Refused(Exception):
    """An iq error."""

    def __init__(self, xml):
        super().__init__(text_of(xml))
        self.xml = xml
        error = xml.find("{jabber:client}error")
        names = [child.tag for child in error if child.tag.startswith("{%s}" % STANZAS)]
        self.condition = next((name.split("}")[1] for name in names if not name.endswith("}text")), None)


def status(presence):
    return presence.findtext("{jabber:client}status") or ""


def show(presence):
    return presence.findtext("{jabber:client}show")


def event_payload(stanza, name, node=CODEBITS):
    items = stanza.find(f"{{{EVENT}}}event/{{{EVENT}}}items")
    if items is None or (node and items.get("node") != node):
        return None
    return items.find(f"{{{EVENT}}}item/{{{CODEBITS}}}{name}")


ROWS = []


def row(section, title, only="talk"):
    def register(function):
        ROWS.append((section, title, only, function))
        return function

    return register


class Talk:
    """The persons of the talk, and the collector's addresses."""

    def __init__(self, args):
        self.args = args
        self.domain = args.domain
        self.bare = f"monitor@{args.domain}"
        self.full = f"{self.bare}/watchpost"
        self.pubsub = f"pubsub.{args.domain}"
        self.host = "box1"
        self.crowd = []

    async def begin(self):
        self.client = await Person(self.args, "client", "desk", [CODEBITS, f"{CODEBITS}+notify"]).login()
        self.boss = await Person(self.args, "boss", "desk").login()
        self.bot = await Person(self.args, "bot", "bot", approves=True).login()

    async def crowd_in(self, count):
        for _ in range(count):
            self.crowd.append(await Person(self.args, "crowd").login())

    async def crowd_out(self):
        crowd, self.crowd = self.crowd, []
        for person in crowd:
            await person.go()

    async def end(self):
        for person in (self.client, self.boss, self.bot, *self.crowd):
            await person.go()


# --- 1. Presence is the status ---


@row("1", "a new admin finds the collector in its roster")
async def _(talk):
    roster = await talk.boss.ask("get", None, f"<query xmlns='{ROSTER}'/>")
    item = next((item for item in roster if item.get("jid") == talk.bare), None)
    check(item is not None, f"no {talk.bare} in {text_of(roster)}")
    check(item.get("subscription") == "both" and item.get("name") == talk.host, text_of(item))
    check([group.text for group in item] == ["Servers"], text_of(item))
    talk.boss.send_presence()
    return text_of(item)


@row("1", "subscribing: subscribed at once")
async def _(talk):
    client = talk.client
    await client.ask("get", None, f"<query xmlns='{ROSTER}'/>")
    remove = f"<query xmlns='{ROSTER}'><item jid='{talk.bare}' subscription='remove'/></query>"
    try:
        await client.ask("set", None, remove)
    except Refused:
        pass  # It was not there.
    client.send_presence()
    await client.presence_of(client.boundjid.full)
    await client.ping()
    client.arrived.clear()
    client.send_presence(pto=talk.bare, ptype="subscribe")
    await client.presence_of(talk.bare, "subscribed")
    return f"subscribed from {talk.bare}"


@row("1", "the collector's presence: capabilities and a one-line summary")
async def _(talk):
    presence = await talk.client.presence_of(talk.full)
    check(presence.find("{http://jabber.org/protocol/caps}c") is not None, f"no caps: {text_of(presence)}")
    check(re.search(r"load \d", status(presence)), status(presence))
    check("memory" in status(presence), status(presence))
    return status(presence)


@row("1", "the roster: subscription to")
async def _(talk):
    roster = await talk.client.ask("get", None, f"<query xmlns='{ROSTER}'/>")
    item = next(item for item in roster if item.get("jid") == talk.bare)
    check(item.get("subscription") in ("to", "both"), text_of(item))
    return text_of(item)


@row("1", "a starting and a stopping server: web1 comes and goes")
async def _(talk):
    client = talk.client
    web1 = await Person(talk.args, "web1", "watchpost", approves=True).login()
    web1.send_presence(pstatus="OK")
    client.send_presence(pto=f"web1@{talk.domain}", ptype="subscribe")
    await client.presence_of(f"web1@{talk.domain}/watchpost")
    await web1.go()
    gone = await client.presence_of(f"web1@{talk.domain}/watchpost", "unavailable")
    return text_of(gone)


@row("1", "a busy server: away, dnd and back; events follow", only="talk")
async def _(talk):
    client, told = talk.client, []
    for count, wanted, severity in ((8, "away", "warning"), (2, "dnd", "critical")):
        await talk.crowd_in(count)
        presence = await client.presence_of(talk.full, fits=lambda presence: show(presence) == wanted)
        check(status(presence).startswith("Crowded."), status(presence))
        told.append(f"{wanted}: {status(presence)}")
        event = await client.until(
            "limit-exceeded",
            lambda stanza: (found := event_payload(stanza, "limit-exceeded")) is not None
            and found.get("severity") == severity
            and stanza.get("from") == talk.bare,
        )
        told.append(text_of(event_payload(event, "limit-exceeded")))
    await talk.crowd_out()
    presence = await client.presence_of(talk.full, fits=lambda presence: show(presence) is None)
    check(status(presence).startswith("OK"), status(presence))
    await client.until("limit-cleared", lambda stanza: event_payload(stanza, "limit-cleared") is not None)
    return "; ".join(told + [f"back: {status(presence)}"])


# --- 2. Discovery is the catalogue ---


@row("2", "disco#info: an XMPP Monitor, with every feature it has")
async def _(talk):
    for to in (talk.full, talk.bare):
        info = await talk.client.ask("get", to, f"<query xmlns='{INFO}'/>")
        identities = {(i.get("category"), i.get("type"), i.get("name")) for i in info.iter(f"{{{INFO}}}identity")}
        check(("monitor", "server", "XMPP Monitor") in identities, f"{to}: {identities}")
        features = {feature.get("var") for feature in info.iter(f"{{{INFO}}}feature")}
        wanted = {INFO, ITEMS}
        if to == talk.full:
            wanted |= {CODEBITS, f"{CODEBITS}+notify", COMMANDS, STATS, "urn:xmpp:ping", "jabber:iq:version"}
            check(any(i[:2] == ("client", "bot") for i in identities), str(identities))
        else:
            kinds = {i[:2] for i in identities}
            check({("account", "registered"), ("pubsub", "pep")} <= kinds, str(kinds))
        check(wanted <= features, f"{to} lacks {wanted - features}")
    return f"{len(features)} features"


@row("2", "disco#items: the statistics available")
async def _(talk):
    for to in (talk.full, talk.bare):
        items = await talk.client.ask("get", to, f"<query xmlns='{ITEMS}'/>")
        nodes = {item.get("node"): item for item in items}
        check("cpu" in nodes, text_of(items))
        check((nodes["cpu"].get("jid"), nodes["cpu"].get("name")) == (to, "CPU Load"), text_of(nodes["cpu"]))
        wanted = {"memory", "swap", "disk", "network", "process", "uptime", "xmpp"}
        check(wanted <= set(nodes), f"lacks {wanted - set(nodes)}")
    return ", ".join(sorted(node for node in nodes if node))


@row("2", "gathering: every group carries values, and the same as a form")
async def _(talk):
    items = await talk.client.ask("get", talk.full, f"<query xmlns='{ITEMS}'/>")
    seen = 0
    for item in items:
        node = item.get("node")
        if not node or node == COMMANDS:
            continue
        query = ET.Element(f"{{{INFO}}}query", {"node": node})
        info = await talk.client.ask("get", talk.full, text_of(query))
        values = {s.get("name"): s.get("value") for s in info.iter(f"{{{CODEBITS}}}statistic")}
        form = {f.get("var"): f.findtext(f"{{{DATA}}}value") for f in info.iter(f"{{{DATA}}}field")}
        check(not values or form.get("FORM_TYPE") == CODEBITS, f"{node}: {text_of(info)}")
        for name, value in values.items():
            check(any(v and v.endswith(name) and form[v] == value for v in form), f"{node}: {name} not in {form}")
            float(value)
        seen += len(values)
    info = await talk.client.ask("get", talk.full, f"<query xmlns='{INFO}' node='cpu'/>")
    values = {s.get("name"): s for s in info.iter(f"{{{CODEBITS}}}statistic")}
    check({"1-min", "5-min", "15-min", "usage"} <= set(values), text_of(info))
    check(values["usage"].get("units"), text_of(values["usage"]))
    return f"{seen} values; cpu: " + ", ".join(f"{name}={s.get('value')}" for name, s in values.items())


@row("2", "an unknown node: item-not-found; members below a group")
async def _(talk):
    await talk.client.refused_with("item-not-found", "get", talk.full, f"<query xmlns='{INFO}' node='teapot'/>")
    members = await talk.client.ask("get", talk.full, f"<query xmlns='{ITEMS}' node='cpu'/>")
    nodes = [item.get("node") for item in members]
    check("cpu/0" in nodes, str(nodes))
    return ", ".join(nodes)


@row("2", "XEP-0039: the same values")
async def _(talk):
    names = [stat.get("name") for stat in await talk.client.ask("get", talk.full, f"<query xmlns='{STATS}'/>")]
    five = next((name for name in names if name and "5-min" in name), None)
    check(five, f"no 5-min in {names}")
    query = f"<query xmlns='{STATS}'><stat name='{five}'/><stat name='no/such'/></query>"
    stats = {stat.get("name"): stat for stat in await talk.client.ask("get", talk.full, query)}
    float(stats[five].get("value"))
    check(stats["no/such"].find(f"{{{STATS}}}error") is not None, text_of(stats["no/such"]))
    return text_of(stats[five])


# --- 3. Commands are the controls ---


async def command_nodes(talk, person):
    items = await person.ask("get", talk.full, f"<query xmlns='{ITEMS}' node='{COMMANDS}'/>")
    return {item.get("node") for item in items}


@row("3", "the command list is the requester's own")
async def _(talk):
    all_commands = await command_nodes(talk, talk.boss)
    check({"reboot", "stats-reset", "shell"} <= all_commands, str(all_commands))
    few = await command_nodes(talk, talk.client)
    check(not few & {"reboot", "shell"}, f"a viewer has {few}")
    for node in ("reboot", "shell"):
        refused = f"<command xmlns='{COMMANDS}' node='{node}' action='execute'/>"
        await talk.client.refused_with("forbidden", "set", talk.full, refused)
    unknown = f"<command xmlns='{COMMANDS}' node='make-tea' action='execute'/>"
    await talk.boss.refused_with("item-not-found", "set", talk.full, unknown)
    return f"admin: {', '.join(sorted(all_commands))}; viewer: {', '.join(sorted(few)) or 'none'}"


@row("3", "reboot, as in the talk: completed, with the delay and the way back")
async def _(talk):
    done = await talk.boss.command(talk.full, "node='reboot' action='execute'")
    check(done.get("status") == "completed" and done.get("sessionid"), text_of(done))
    note = done.findtext(f"{{{COMMANDS}}}note") or ""
    check("30 s" in note and "cancel-reboot" in note, note)
    stopped = await talk.boss.command(talk.full, "node='cancel-reboot' action='execute'")
    check(stopped.get("status") == "completed", text_of(stopped))
    return note


@row("3", "reboot with confirmation: the host's name must be typed", only="confirm")
async def _(talk):
    form = await talk.boss.command(talk.full, "node='reboot' action='execute'")
    check(form.get("status") == "executing", text_of(form))
    check(talk.host in text_of(form), "the form does not name the host")
    field = next(f for f in form.iter(f"{{{DATA}}}field") if f.get("type") == "text-single")
    stage = f"node='reboot' sessionid='{form.get('sessionid')}' action='complete'"

    def submit(value):
        return f"<x xmlns='{DATA}' type='submit'><field var='{field.get('var')}'><value>{value}</value></field></x>"

    wrong = f"<command xmlns='{COMMANDS}' {stage}>{submit('otherbox')}</command>"
    refused = await talk.boss.refused_with("bad-request", "set", talk.full, wrong)
    check(f"{{{COMMANDS}}}bad-payload" in text_of(refused.xml) or "bad-payload" in text_of(refused.xml), str(refused))
    done = await talk.boss.command(talk.full, stage, submit(talk.host))
    check(done.get("status") == "completed", text_of(done))
    await talk.boss.command(talk.full, "node='cancel-reboot' action='execute'")
    return done.findtext(f"{{{COMMANDS}}}note")


@row("3", "stats reset")
async def _(talk):
    done = await talk.boss.command(talk.full, "node='stats-reset' action='execute'")
    check(done.get("status") == "completed", text_of(done))
    return done.findtext(f"{{{COMMANDS}}}note") or "completed"


@row("3", "shell: forms in, a result form out; a bad value is named and the session goes on")
async def _(talk):
    boss = talk.boss
    form = await boss.command(talk.full, "node='shell' action='execute'")
    check(form.get("status") == "executing", text_of(form))
    fields = {field.get("var"): field for field in form.iter(f"{{{DATA}}}field")}
    check(fields.get("FORM_TYPE") is not None and fields["FORM_TYPE"].get("type") == "hidden", text_of(form))
    choice = next(var for var, field in fields.items() if field.get("type") == "list-single")
    check("say" in [value.text for value in fields[choice].iter(f"{{{DATA}}}value")], text_of(fields[choice]))
    session = form.get("sessionid")

    async def stage(action, **values):
        filled = "".join(f"<field var='{v}'><value>{value}</value></field>" for v, value in values.items())
        x = f"<x xmlns='{DATA}' type='submit'>{filled}</x>" if values else ""
        return await boss.command(talk.full, f"node='shell' sessionid='{session}' action='{action}'", x)

    try:
        await stage("next", **{choice: "rm -rf"})
        raise Failed("a value that is no choice was taken")
    except Refused as refused:
        check(refused.condition == "bad-request" and "bad-payload" in str(refused), str(refused))
    parameters = await stage("next", **{choice: "say"})
    word = next(f.get("var") for f in parameters.iter(f"{{{DATA}}}field") if "word" in (f.get("var") or ""))
    done = await stage("complete", **{word: "tea"})
    check(done.get("status") == "completed", text_of(done))
    values = [(v.text or "").strip() for v in done.iter(f"{{{DATA}}}value")]
    check("said tea" in values and "0" in values, str(values))
    return str(values)


@row("3", "cancel, and a session that is somebody else's")
async def _(talk):
    form = await talk.boss.command(talk.full, "node='shell' action='execute'")
    session = f"node='shell' sessionid='{form.get('sessionid')}'"
    phone = await Person(talk.args, "boss", "phone").login()
    try:
        answer = await phone.command(talk.full, f"{session} action='cancel'")
        raise Failed(f"another resource took the session: {text_of(answer)}")
    except Refused:
        pass
    finally:
        await phone.go()
    done = await talk.boss.command(talk.full, f"{session} action='cancel'")
    check(done.get("status") == "canceled", text_of(done))
    return "canceled"


@row("3", "the same by chat")
async def _(talk):
    talk.boss.send_message(talk.bare, "help", mtype="chat")
    answer = await talk.boss.until(
        "an answer", lambda s: s.tag.endswith("}message") and "reboot" in (s.findtext("{jabber:client}body") or "")
    )
    body = answer.findtext("{jabber:client}body")
    check("reboot" in body and "stats" in body, body)
    return body.splitlines()[0]


# --- 4. Notifications are events ---


@row("4", "any account publishes; a contact that announces codebits+notify receives it; nobody else")
async def _(talk):
    client, bot = talk.client, talk.bot
    bot.send_presence()
    client.send_presence(pto=bot.boundjid.bare, ptype="subscribe")
    await client.presence_of(bot.boundjid.full)
    publish = (
        f"<pubsub xmlns='{PUBSUB}'><publish node='{CODEBITS}'><item><rebooted xmlns='{CODEBITS}'/></item>"
        "</publish></pubsub>"
    )
    result = await bot.ask("set", None, publish)
    item = result.find(f"{{{PUBSUB}}}publish/{{{PUBSUB}}}item").get("id")
    check(item, text_of(result))
    event = await client.until(
        "the event",
        lambda stanza: stanza.get("from") == bot.boundjid.bare and event_payload(stanza, "rebooted") is not None,
    )
    got = event.find(f"{{{EVENT}}}event/{{{EVENT}}}items/{{{EVENT}}}item").get("id")
    check(got == item, f"item {got}, published {item}")
    await talk.boss.ping()
    strays = [s for s in talk.boss.arrived if event_payload(s, "rebooted") is not None]
    check(not strays, "an event reached somebody who did not ask for it")
    return text_of(event_payload(event, "rebooted")) + f" as {item}"


@row("4", "pubsub: collections and leaves to browse; a subscription brings what is published below", only="pubsub")
async def _(talk):
    client = talk.client
    # Events are headlines: they are for those who are available.
    client.send_presence()
    await client.presence_of(client.boundjid.full)
    info = await client.ask("get", talk.pubsub, f"<query xmlns='{INFO}'/>")
    kinds = {(i.get("category"), i.get("type")) for i in info.iter(f"{{{INFO}}}identity")}
    check(("pubsub", "service") in kinds, str(kinds))

    async def browse(node=None):
        attribute = f" node='{node}'" if node else ""
        return [i.get("node") for i in await client.ask("get", talk.pubsub, f"<query xmlns='{ITEMS}'{attribute}/>")]

    check("hosts" in await browse(), "no collection hosts")
    hosts = await browse("hosts")
    check(hosts, "hosts is empty")
    leaves = await browse(hosts[0])
    check(leaves, f"{hosts[0]} has no leaves")
    subscribe = f"<pubsub xmlns='{PUBSUB}'><subscribe node='hosts' jid='{client.boundjid.bare}'/></pubsub>"
    subscription = await client.ask("set", talk.pubsub, subscribe)
    await talk.crowd_in(8)
    event = await client.until(
        "an event of the service",
        lambda s: s.get("from") == talk.pubsub and event_payload(s, "limit-exceeded", node=None) is not None,
        wait=60,
    )
    await talk.crowd_out()
    return f"hosts > {hosts[0]} > {', '.join(leaves)}; {text_of(subscription)}; {text_of(event)}"


# --- 5. Basics ---


@row("5", "addresses: a resource made by the server")
async def _(talk):
    one, two = await Person(talk.args, "bot").login(), await Person(talk.args, "bot").login()
    check(one.boundjid.resource and one.boundjid.resource != two.boundjid.resource, str(one.boundjid))
    await one.go()
    await two.go()
    return str(one.boundjid)


@row("5", "the server: server/im, vcard-temp")
async def _(talk):
    info = await talk.client.ask("get", talk.domain, f"<query xmlns='{INFO}'/>")
    kinds = {(i.get("category"), i.get("type")) for i in info.iter(f"{{{INFO}}}identity")}
    features = {feature.get("var") for feature in info.iter(f"{{{INFO}}}feature")}
    check(("server", "im") in kinds and "vcard-temp" in features, text_of(info))
    return f"{len(features)} features"


@row("5", "chat goes to the higher priority; extensions of one's own pass untouched")
async def _(talk):
    work = await Person(talk.args, "client", "work").login()
    work.send_presence(ppriority=9)
    await work.presence_of(work.boundjid.full)
    message = talk.bot.make_message(talk.client.boundjid.bare, "Wherefore art thou?", mtype="chat")
    message.append(ET.fromstring("<statistic xmlns='codebits' name='5-min' value='0.4'/>"))
    message.send()
    got = await work.until("the message", lambda s: s.tag.endswith("}message"))
    statistic = got.find(f"{{{CODEBITS}}}statistic")
    check(statistic is not None and statistic.get("value") == "0.4", text_of(got))
    check(got.get("from") == talk.bot.boundjid.full, text_of(got))
    await talk.client.ping()
    check(not any(s.findtext("{jabber:client}body") == "Wherefore art thou?" for s in talk.client.arrived), "twice")
    await work.go()
    return text_of(statistic)


@row("1", "a dead server: its host loses power, and the hub notices by itself", only="dead")
async def _(talk):
    client = talk.client
    client.send_presence()
    await client.presence_of(client.boundjid.full)
    command = [sys.executable, __file__, *sys.argv[1:], "--be-web1"]
    web1 = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        await asyncio.wait_for(web1.stdout.readline(), DEADLINE)
        client.send_presence(pto=f"web1@{talk.domain}", ptype="subscribe")
        full = f"web1@{talk.domain}/watchpost"
        await client.presence_of(full)
        os.kill(web1.pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        start = loop.time()
        stale = await client.presence_of(full, fits=lambda presence: show(presence) == "xa", wait=45)
        check("stale since" in status(stale), status(stale))
        await client.presence_of(full, "unavailable", wait=60)
        took = loop.time() - start
        check(took < 75, f"it took {took:.0f} s")
        return f"{status(stale)}; unavailable after {took:.0f} s"
    finally:
        web1.kill()
        await web1.wait()


async def be_web1(args):
    web1 = await Person(args, "web1", "watchpost", approves=True).login()
    web1.send_presence(pstatus="OK")
    await web1.ping()
    print("here", flush=True)
    await asyncio.Event().wait()


async def play(args):
    talk, failed, passed = Talk(args), 0, 0
    await talk.begin()
    for section, title, only, function in ROWS:
        if only != args.only:
            continue
        try:
            told = await asyncio.wait_for(function(talk), 180)
            passed += 1
            print(f"ok     {section}  {title}\n          {told}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {section}  {title}\n          {error or type(error).__name__}", flush=True)
            if not isinstance(error, (Failed, Refused)):
                traceback.print_exc()
            await talk.crowd_out()
    await talk.end()
    print(f"{passed} rows hold, {failed} do not")
    return failed or not passed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--ca", required=True)
    parser.add_argument("--only", default="talk", choices=["talk", "confirm", "dead", "pubsub"])
    parser.add_argument("--be-web1", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    failed = asyncio.run(be_web1(args) if args.be_web1 else play(args))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
