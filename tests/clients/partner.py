#!/usr/bin/env python3
"""juliet, whom the clients of this folder talk to, and the line through which they reach the appliance.

She approves who subscribes, subscribes back, and does what a chat says: "say WORD" is answered by WORD, "publish" makes
her publish her mood, "cut" resets the line and sends "kept 1" to "kept 3" while the client is away.
"""

import argparse
import asyncio
import socket
import struct

import slixmpp

DEADLINE = 30


class Line:
    """A TCP relay that can be cut: both ends see a reset."""

    def __init__(self, port):
        self.port = port
        self.ends = set()

    async def open(self):
        self.server = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        print(f"the line is at {self.server.sockets[0].getsockname()[1]}", flush=True)

    async def relay(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, far_writer)
        self.ends.update(pair)
        await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))
        self.ends.difference_update(pair)

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):
            writer.transport.abort()

    def cut(self):
        for end in self.ends:
            # Zero linger: the system sends a reset and forgets what is unsent.
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()
        print(f"cut {len(self.ends)} ends", flush=True)


class Juliet(slixmpp.ClientXMPP):
    def __init__(self, args, line):
        super().__init__("juliet@localhost/balcony", "secret")
        self.line = line
        self.ca_certs = args.ca
        self.enable_direct_tls = False
        self.roster.auto_authorize = True
        self.roster.auto_subscribe = True
        for plugin in ("xep_0030", "xep_0115", "xep_0163", "xep_0107"):
            self.register_plugin(plugin)
        self.started = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("message", self.heard)

    async def start(self, _):
        await self.get_roster()
        self.send_presence()
        self.started.set_result(True)

    async def heard(self, message):
        word, _, rest = message["body"].partition(" ")
        print("heard", message["from"], message["body"], flush=True)
        if message["type"] != "chat" or message["from"].bare == "monitor@localhost":
            return
        if word == "say":
            self.say(message["from"], rest)
        elif word == "publish":
            await self.plugin["xep_0107"].publish_mood("happy", "because it works")
        elif word == "cut":
            self.line.cut()
            for number in range(1, 4):
                self.say(message["from"], f"kept {number}")

    def say(self, to, text):
        self.send_message(to, text, mtype="chat")


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", required=True)
    args = parser.parse_args()
    line = Line(args.port)
    juliet = Juliet(args, line)
    juliet.connect("127.0.0.1", args.port)
    await asyncio.wait_for(juliet.started, DEADLINE)
    await line.open()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
