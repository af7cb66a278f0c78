// The rows of rows.txt by @xmpp/client.
import { client, jid, xml } from "@xmpp/client";

const DEADLINE = 30_000;
const { JID, PASSWORD, PARTNER, COLLECTOR, HOST, PORT, LACKS } = process.env;
const MONITOR = jid(COLLECTOR).bare().toString();
const NODE = "urn:example:romeo";
const MOOD = "http://jabber.org/protocol/mood";
const INFO = "http://jabber.org/protocol/disco#info";
const COMMANDS = "http://jabber.org/protocol/commands";
const DATA = "jabber:x:data";

function ok(row, detail = "") {
  console.log(`ok ${row} ${detail}`);
}

function check(holds, what) {
  if (!holds) throw new Error(String(what));
}

const romeo = client({
  service: `xmpp://${HOST}:${PORT}`,
  domain: jid(JID).domain,
  username: jid(JID).local,
  password: PASSWORD,
});
const arrived = [];
const waiting = new Set();

romeo.on("stanza", (stanza) => {
  arrived.push(stanza);
  for (const look of waiting) look();
});
// A connection that is cut is reported here; @xmpp/reconnect does the rest.
romeo.on("error", (error) => console.log("error:", error.message));

function until(what, fits) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited for ${what}; ${arrived.join("\n")}`)), DEADLINE);
    const look = () => {
      const found = arrived.find(fits);
      if (!found) return;
      clearTimeout(timer);
      waiting.delete(look);
      resolve(found);
    };
    waiting.add(look);
    look();
  });
}

function once(emitter, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited for ${event}`)), DEADLINE);
    emitter.once(event, (value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

const from = (stanza) => stanza.attrs.from ?? "";
const bare = (stanza) => from(stanza).split("/")[0];

function body(sender, fits) {
  const matches = (s) => s.is("message") && bare(s) === sender && s.getChildText("body") && fits(s.getChildText("body"));
  return until(`a chat from ${sender}`, matches);
}

function chat(to, text) {
  return romeo.send(xml("message", { to, type: "chat" }, xml("body", {}, text)));
}

// What the capabilities (XEP-0115) stand for: the hub asks once.
const capabilities = (node) =>
  xml("query", { xmlns: INFO, ...(node && { node }) }, [
    xml("identity", { category: "client", type: "bot" }),
    xml("feature", { var: INFO }),
    xml("feature", { var: `${MOOD}+notify` }),
  ]);

async function verification() {
  const text = `client/bot//<${INFO}<${MOOD}+notify<`;
  const hash = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text));
  return Buffer.from(hash).toString("base64");
}

async function roster() {
  const query = await romeo.iqCaller.get(xml("query", "jabber:iq:roster"));
  const item = query.getChildElements().find((child) => child.attrs.jid === MONITOR);
  check(item?.attrs.subscription === "both" && item.getChildText("group") === "Servers", query);
  ok("roster", item.toString());
}

async function presence() {
  romeo.iqCallee.get(INFO, "query", ({ element }) => capabilities(element.attrs.node));
  const caps = { xmlns: "http://jabber.org/protocol/caps", hash: "sha-1", node: NODE, ver: await verification() };
  await romeo.send(xml("presence", {}, xml("c", caps)));
  const status = await until("the collector's presence", (s) => s.is("presence") && from(s) === COLLECTOR);
  check(status.getChildText("status")?.includes("load"), status);
  ok("presence", status.getChildText("status"));
}

async function chats() {
  await chat(MONITOR, "help");
  const answer = await body(MONITOR, (text) => text.includes("stats"));
  ok("chat", answer.getChildText("body").split("\n")[0]);
  await chat(PARTNER, "say wherefore");
  await body(PARTNER, (text) => text === "wherefore");
  ok("talk");
}

async function disco() {
  const info = await romeo.iqCaller.get(xml("query", INFO), COLLECTOR);
  const kinds = info.getChildren("identity").map(({ attrs }) => `${attrs.category}/${attrs.type}`);
  const features = info.getChildren("feature").map(({ attrs }) => attrs.var);
  check(kinds.includes("monitor/server") && features.includes(COMMANDS), info);
  ok("disco", `${features.length} features`);
}

async function command() {
  const run = (attrs, ...children) =>
    romeo.iqCaller.set(xml("command", { xmlns: COMMANDS, node: "shell", ...attrs }, ...children), COLLECTOR);
  let stage = await run({ action: "execute" });
  for (const [action, value] of Object.entries({ next: "say", complete: "tea" })) {
    const fields = stage.getChild("x", DATA).getChildren("field");
    const { attrs } = fields.find((field) => field.attrs.type === "list-single");
    const field = xml("field", { var: attrs.var }, xml("value", {}, value));
    stage = await run({ action, sessionid: stage.attrs.sessionid }, xml("x", { xmlns: DATA, type: "submit" }, field));
  }
  check(stage.attrs.status === "completed" && stage.toString().includes("said tea"), stage);
  ok("command", stage.attrs.status);
}

async function event() {
  await romeo.send(xml("presence", { to: PARTNER, type: "subscribe" }));
  await until("juliet's presence", (s) => s.is("presence") && bare(s) === PARTNER && !s.attrs.type);
  await chat(PARTNER, "publish");
  const mood = await until("juliet's mood", (s) => from(s) === PARTNER && s.toString().includes(`node="${MOOD}"`));
  check(mood.toString().includes("<happy"), mood);
  ok("event", `from ${from(mood)}`);
}

async function resume() {
  const { streamManagement: sm } = romeo;
  check(sm.enabled && sm.id, "no stream management");
  const before = romeo.jid.toString();
  let anew = 0;
  romeo.on("online", () => (anew += 1));
  const resumed = once(sm, "resumed");
  await chat(PARTNER, "cut");
  await resumed;
  await body(PARTNER, (text) => text === "kept 3");
  await chat(PARTNER, "say after");
  await body(PARTNER, (text) => text === "after");
  check(anew === 0 && romeo.jid.toString() === before, `${before} became ${romeo.jid}`);
  const texts = arrived.map((s) => s.getChildText("body")).filter((text) => text?.startsWith("kept"));
  check(texts.join() === "kept 1,kept 2,kept 3", texts);
  ok("resume", `${before} goes on: ${texts.join(", ")}`);
}

try {
  const address = await romeo.start();
  ok("login", address.toString());
  for (const row of [roster, presence, chats, disco, command, event]) await row();
  if (!LACKS.includes("resume")) await resume();
  await romeo.stop();
} catch (error) {
  console.log(error);
  process.exit(1);
}
