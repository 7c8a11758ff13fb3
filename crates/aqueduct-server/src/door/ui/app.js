// What the server does at this moment, asked once a second while somebody looks.

import { actions, find, keep, make, named, write } from "/ui/dom.js";
import * as facts from "/ui/facts.js";
import * as search from "/ui/search.js";
import { Traffic } from "/ui/traffic.js";
import * as upload from "/ui/upload.js";
import { ago, refusal, size } from "/ui/words.js";

const ASK_MS = 1000;

/** Without an answer for so long the server counts as out of reach. */
const ANSWER_MS_MAX = 5000;

/** Two answers further apart than this, in seconds, say nothing about any moment between them. */
const GAP_MAX = 10;

/** How many recent blobs are shown until somebody wants to see all. */
const RECENT_COUNT = 8;

const traffic = { sent: new Traffic("sent"), received: new Traffic("received") };

/** The answer before this one. */
let last = null;
let timer = null;
let is_asking = false;
/** Since when the server cannot be reached. */
let lost = null;
let is_all_shown = false;

async function ask() {
  clearTimeout(timer);
  // Whoever has the page behind others looks at something else.
  if (document.hidden || is_asking) return;
  is_asking = true;
  let status = null;
  try {
    // The address of the page may hold a password, with which no request can be made.
    const answer = await fetch(`${location.origin}/status`, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    if (answer.ok) status = await answer.json();
    else say("trouble", refusal(answer.status, await answer.text()));
  } catch (error) {
    // A mistake in this page is none of the server's.
    if (!["TypeError", "TimeoutError", "AbortError"].includes(error.name)) throw error;
    console.debug(error);
    lost ??= new Date();
    say("trouble", `Not reached since ${lost.toLocaleTimeString()}; trying again`);
  } finally {
    is_asking = false;
    timer = setTimeout(ask, ASK_MS);
  }
  // Not above: what fails here was reached.
  if (status) show(status);
}

/** Said once: whoever listens to the page would otherwise hear it every second. */
function say(state, text) {
  const element = find("state");
  element.className = state;
  write(element, text);
}

function show(status) {
  const rates = compared(last, status);
  last = status;
  lost = null;
  if (status.read_only) say("trouble", "Takes no changes: its disk failed, see its log");
  else say("live", "Live");
  facts.tiles(status, rates);
  facts.show(status, rates);
  for (const direction of ["sent", "received"]) {
    traffic[direction].add(status.now, rates && rates[direction], status[direction]);
  }
  recent(status);
  uploads(status);
}

/** What happened a second between two answers; null where that cannot be told: one is missing, or of another run. */
function compared(before, after) {
  const seconds = before && after.started === before.started ? after.now - before.now : 0;
  if (seconds <= 0 || seconds > GAP_MAX) return null;
  const differences = name => Object.fromEntries(Object.entries(after[name])
    .map(([key, value]) => [key, Math.max(0, value - (before[name][key] ?? 0)) / seconds]));
  return { sent: differences("sent"), received: differences("received"), requests: differences("requests") };
}

function recent({ recent, now }) {
  const more = find("recent-more");
  more.hidden = recent.length <= RECENT_COUNT;
  write(more, is_all_shown ? "Show fewer" : `Show all ${recent.length}`);
  more.setAttribute("aria-expanded", is_all_shown);
  find("recent-none").hidden = recent.length > 0;
  const make_row = blob => make("tr", {}, make("td", {}, named(blob.digest)),
    make("td", {}, size(blob.size)), make("td"), make("td", {}, actions(blob.digest)));
  keep(find("recent"), recent.slice(0, is_all_shown ? recent.length : RECENT_COUNT), blob => blob.digest, make_row,
    (row, blob) => write(row.children[2], ago(now, blob.published)));
}

function uploads({ uploads, now }) {
  find("uploads-none").hidden = uploads.length > 0;
  find("uploads").closest(".wide").hidden = uploads.length === 0;
  const make_row = upload => make("tr", {},
    make("td", {}, upload.digest ? named(upload.digest) : make("code", { title: upload.id }, `${upload.id.slice(0, 10)}\u2026`)),
    make("td"), make("td", {}, size(upload.size)),
    make("td", {}, make("progress", { max: upload.size || 1, "aria-label": "Arrived" })), make("td"));
  keep(find("uploads"), uploads, upload => upload.id, make_row, (row, upload) => {
    write(row.children[1], size(upload.held));
    row.querySelector("progress").value = upload.held;
    write(row.children[4], ago(now, upload.updated));
  });
}

find("recent-more").addEventListener("click", () => {
  is_all_shown = !is_all_shown;
  if (last) recent(last);
});
document.addEventListener("visibilitychange", ask);
search.begin();
upload.begin();
ask();
