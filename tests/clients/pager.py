#!/usr/bin/env python3
"""A pager in a pocket, played by slixmpp: real load on this machine becomes an alert, 'ack' is taken for an answer, the
message corrects itself, and corrects itself again when the load is gone. Without a form, as on a phone.

Needs a running appliance with tests/clients/pager.toml and the accounts ann (admin) and bob (operator), both with the
password "secret". Exit code 0 when every step holds.
"""

import argparse
import asyncio
import multiprocessing
import os
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from talk import Failed, Person, check  # noqa: E402

COLLECTOR = "monitor@{domain}/watchpost"
BODY = "{jabber:client}body"
REPLACE = "{urn:xmpp:message-correct:0}replace"
DELAY = "{urn:xmpp:delay}delay"


def burn(stop):
    while not stop.is_set():
        sum(range(50_000))


def body(stanza):
    return stanza.findtext(BODY) or ""


def say(what):
    print(f"  ok  {what}", flush=True)


async def told(person, what, fits, wait=60):
    """The next message of the collector that fits."""
    return await person.until(what, lambda stanza: stanza.tag.endswith("message") and fits(stanza), wait)


async def ask(person, text):
    """What the collector answers: the next message that corrects nothing and has no id of an alert."""
    person.arrived.clear()
    person.send_message(mto=person.collector, mbody=text, mtype="chat")

    def answers(stanza):
        return stanza.find(REPLACE) is None and body(stanza) and not (stanza.get("id") or "").startswith("alert-")

    return body(await told(person, f"an answer to '{text}'", answers))


async def play(args):
    ann = Person(args, "ann", "phone")
    ann.collector = COLLECTOR.format(domain=args.domain)
    await ann.login()
    ann.send_presence()

    check("ack" in await ask(ann, "help"), "help names ack")
    check("mute disk 2h" in await ask(ann, "help mute"), "help by topic")
    say("help, and help by topic")

    stop, workers = multiprocessing.Event(), []
    cores = os.cpu_count() or 1
    for _ in range(cores * 2):
        worker = multiprocessing.Process(target=burn, args=(stop,), daemon=True)
        worker.start()
        workers.append(worker)
    try:
        made = await ask(ann, "rule busy statistic cpu#usage warning 60 clear 50 for 3s message CPU {value} busy")
        check("busy (changed): cpu#usage above, warning 60" in made, made)
        say("a rule is made by chat: " + made)
        alert = await told(ann, "the alert", lambda one: "WARNING on box1: CPU" in body(one) and one.find(REPLACE) is None)
        check("firing since" in body(alert), body(alert))
        check("%" in body(alert).splitlines()[-1], "the heaviest processes are named: " + body(alert))
        say("load is an alert: " + " / ".join(body(alert).splitlines()))

        def corrects(one):
            replace = one.find(REPLACE)
            return replace is not None and replace.get("id") == alert.get("id")

        ann.send_message(mto=ann.collector, mbody="ack", mtype="chat")
        correction = await told(ann, "the correction", corrects)
        check("acknowledged by ann" in body(correction), body(correction))
        say("'ack' corrects the message: " + " / ".join(body(correction).splitlines()))
        check("acknowledged by ann" in await ask(ann, "what's wrong?"), "alerts tells who looks after it")
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    try:
        recovery = await told(ann, "the recovery", corrects, 20)
    except Failed:
        say("(this machine stays busy by itself, so the rule goes)")
        ann.send_message(mto=ann.collector, mbody="rule busy off", mtype="chat")
        recovery = await told(ann, "the recovery", corrects)
    check("cleared after" in body(recovery) and "OK on box1" in body(recovery), body(recovery))
    say("the end corrects it again: " + " / ".join(body(recovery).splitlines()))

    history = await ask(ann, "history cpu 10m")
    check("least" in history and any(bar in history for bar in "▁▂▃▄▅▆▇█"), history)
    say("history is a curve: " + " / ".join(history.splitlines()))
    events = await ask(ann, "what happened today?")
    for what in ("acknowledged", "cleared after", "rule busy set"):
        check(what in events, f"no '{what}' in {events}")
    say("the event log has who did what")

    secret = ann.make_message(mto=ann.collector, mtype="chat", mbody="I sent you an OMEMO encrypted message")
    secret.append(ET.fromstring("<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2' name='OMEMO'/>"))
    secret.send()
    answer = await told(ann, "a plain request", lambda one: "switch encryption off" in body(one))
    say("an encrypted message gets a plain answer: " + body(answer))

    # bob was away all the while.
    bob = Person(args, "bob", "phone")
    await bob.login()
    bob.send_presence()
    waiting = await told(bob, "what waited for him", lambda one: "on box1" in body(one) and one.find(DELAY) is not None)
    say("who was away finds it waiting: " + body(waiting).splitlines()[0])
    for person in (ann, bob):
        await person.disconnect()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--ca", required=True)
    args = parser.parse_args()
    try:
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(play(args), 300))
    except (Failed, asyncio.TimeoutError) as failed:
        sys.exit(f"FAILED  {failed or 'it took too long'}")


if __name__ == "__main__":
    main()
