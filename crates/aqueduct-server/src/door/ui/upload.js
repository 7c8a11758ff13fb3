// Files on their way to the server, in pieces that can be gone on with: tus 1.0.0 (docs/doors/uploads.md).

import { actions, find, make, named } from "/ui/dom.js";
import { duration, rate, refusal, size } from "/ui/words.js";

/** How many files go at once: one alone leaves the line idle between files, and many only share it. */
const SENDING_COUNT_MAX = 3;

/** How often in a row it is tried again, without a byte of progress. */
const TRY_COUNT_MAX = 8;

/** How much of each end of a file tells it from another of the same name, size and time. */
const END_LEN = 64 * 1024;

const TRY_MS_MIN = 500;
const TRY_MS_MAX = 8000;

/** Those that wait for their turn. */
const waiting = [];
const sending = new Set();

export function begin() {
  const files = find("files");
  files.addEventListener("change", () => {
    [...files.files].forEach(add);
    // So that the same file can be chosen again.
    files.value = "";
  });
  const drop = find("drop");
  const has_files = event => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", event => {
    if (!has_files(event)) return;
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", event => {
    // Of all that is left, only the window has nothing around it.
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", event => {
    if (!has_files(event)) return;
    event.preventDefault();
    drop.classList.remove("over");
    for (const item of event.dataTransfer.items) {
      if (item.webkitGetAsEntry?.()?.isDirectory) say(`${item.webkitGetAsEntry().name} is a directory: drop its files.`);
      else if (item.kind === "file") add(item.getAsFile());
    }
  });
  addEventListener("beforeunload", event => {
    if (sending.size > 0) event.preventDefault();
  });
}

/** Tells those who do not see the list. */
function say(text) {
  find("upload-said").textContent = text;
}

function add(file) {
  waiting.push(new Sending(file));
  next();
}

function next() {
  while (sending.size < SENDING_COUNT_MAX && waiting.length > 0) {
    const one = waiting.shift();
    sending.add(one);
    one.run().finally(() => {
      sending.delete(one);
      next();
    });
  }
}

/** The server will not have it, and would not the next time either. */
class Refused extends Error {}

/** Nobody knows what became of a request. */
class Broken extends Error {}

/** One file, and its place in the list. */
class Sending {
  constructor(file) {
    this.file = file;
    /** What the upload is remembered by, once the file was looked into. */
    this.key = null;
    /** Where the upload is, once it has begun: it may have before this page was loaded. */
    this.url = null;
    /** The request that is under way. */
    this.request = null;
    /** Ends a pause between two tries. */
    this.wake = null;
    this.is_stopped = false;
    this.bar = make("progress", { max: Math.max(1, file.size), value: 0, "aria-label": `Upload of ${file.name}` });
    this.said = make("span", { class: "said" }, "Waits for its turn");
    this.switch = make("button", { type: "button", click: () => this.toggle() }, "Pause");
    this.cancel = make("button", { type: "button", click: () => this.drop() }, "Cancel");
    this.switch.setAttribute("aria-label", `Pause ${file.name}`);
    this.cancel.setAttribute("aria-label", `Cancel ${file.name}`);
    this.buttons = make("span", { class: "buttons" }, this.switch, this.cancel);
    this.row = make("li", {}, make("span", { class: "name" }, file.name), this.bar, this.said, this.buttons);
    find("sendings").prepend(this.row);
  }

  /** Sends it to its end, however often the line breaks. */
  async run() {
    if (this.is_stopped) return;
    this.row.classList.remove("failed");
    try {
      this.key ??= await key_of(this.file);
    } catch (error) {
      console.debug(error);
      return this.failed("The file cannot be read.");
    }
    this.url ??= remembered(this.key);
    let offset = -1;
    for (let tries = 0; !this.is_stopped; tries += 1) {
      try {
        const place = await this.place();
        if (place.blob) return this.done(place.blob);
        if (this.is_stopped) return;
        if (place.offset > offset) tries = 0;
        offset = place.offset;
        const blob = await this.send(offset);
        if (blob) return this.done(blob);
      } catch (error) {
        if (this.is_stopped) return;
        if (error instanceof Refused) return this.failed(error.message);
        if (!(error instanceof Broken)) throw error;
        if (tries >= TRY_COUNT_MAX) return this.failed("The line broke again and again. What has arrived is kept.");
        this.tell("The line broke; trying again");
        await new Promise(resolve => {
          this.wake = resolve;
          setTimeout(resolve, Math.min(TRY_MS_MAX, TRY_MS_MIN * 2 ** tries));
        });
      }
    }
  }

  /** Where to go on, or which blob it became. Begins the upload unless it has begun. */
  async place() {
    if (this.url) {
      const { status, field } = await this.ask("HEAD", this.url);
      if (status === 200) {
        const offset = Number(field("Upload-Offset"));
        const is_whole = offset === this.file.size && Number(field("Upload-Length")) === this.file.size;
        return { offset, blob: is_whole ? blob_at(field("Location")) : null };
      }
      // It has expired, or was dropped by somebody else.
      if (status !== 404) throw new Broken();
      this.forget();
    }
    const { status, field, text } = await this.ask("POST", "/uploads", { "Upload-Length": this.file.size });
    if (status !== 201) throw failure(status, text);
    this.url = field("Location");
    remember(this.key, this.url);
    // There is nothing to send of an empty file: it is a blob already.
    if (this.file.size === 0) return this.place();
    return { offset: 0, blob: null };
  }

  /** Sends what is missing; says which blob it became, if it did. */
  async send(offset) {
    const began = performance.now();
    const seen = sent => {
      const seconds = (performance.now() - began) / 1000;
      const speed = seconds > 0.2 ? sent / seconds : null;
      const left = speed ? `, ${duration(Math.ceil((this.file.size - offset - sent) / speed))} left` : "";
      this.bar.value = offset + sent;
      this.tell(offset + sent < this.file.size
        ? `${size(offset + sent)} of ${size(this.file.size)}, ${rate(speed)}${left}`
        : `${size(this.file.size)} sent; the server verifies it`);
    };
    seen(0);
    const fields = { "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
    const { status, field, text } = await this.ask("PATCH", this.url, fields, this.file.slice(offset), seen);
    if (status === 204) return blob_at(field("Location"));
    throw failure(status, text);
  }

  /** One request; breaks where its line does. */
  ask(method, path, fields = {}, body = null, seen = () => {}) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open(method, location.origin + path);
      for (const [name, value] of Object.entries({ "Tus-Resumable": "1.0.0", ...fields })) {
        request.setRequestHeader(name, value);
      }
      request.upload.onprogress = event => seen(event.loaded);
      request.onload = () => resolve({
        status: request.status,
        field: name => request.getResponseHeader(name),
        text: request.responseText,
      });
      request.onerror = request.onabort = () => reject(new Broken());
      request.send(body);
    });
  }

  tell(text) {
    this.said.textContent = text;
  }

  toggle() {
    if (this.is_stopped) {
      this.is_stopped = false;
      this.label("Pause");
      this.tell("Waits for its turn");
      waiting.push(this);
      next();
    } else {
      this.stop();
      this.tell(`Paused at ${size(this.bar.value)}`);
    }
  }

  stop() {
    this.is_stopped = true;
    this.label("Go on");
    const place = waiting.indexOf(this);
    if (place >= 0) waiting.splice(place, 1);
    this.request?.abort();
    this.wake?.();
  }

  label(text) {
    this.switch.textContent = text;
    this.switch.setAttribute("aria-label", `${text === "Pause" ? "Pause" : "Go on with"} ${this.file.name}`);
  }

  /** Takes away what has arrived, and the row. */
  async drop() {
    this.stop();
    const url = this.url;
    this.forget();
    this.row.remove();
    find("files").focus();
    say(`${this.file.name} was cancelled.`);
    // Should it not be heard, the upload expires.
    if (url) await this.ask("DELETE", url).catch(() => {});
  }

  failed(reason) {
    this.is_stopped = true;
    this.row.classList.add("failed");
    this.label("Try again");
    this.tell(`Not uploaded. ${reason}`);
    say(`${this.file.name} was not uploaded. ${reason}`);
  }

  done(digest) {
    this.forget();
    const had_focus = this.buttons.contains(document.activeElement);
    const shown = actions(digest);
    this.bar.remove();
    this.buttons.replaceWith(shown);
    this.said.replaceChildren(`${size(this.file.size)}, `, named(digest));
    if (had_focus) shown.querySelector("button").focus();
    say(`${this.file.name} is stored as ${digest}.`);
  }

  forget() {
    if (this.key) remember(this.key, null);
    this.url = null;
  }
}

function failure(status, text) {
  // It may be otherwise in a moment: RFC 9110 sections 15.5.9, 15.6.3 to 15.6.5. Or the upload has gone on elsewhere, or is
  // gone, of which the next question tells: sections 15.5.5 and 15.5.10.
  return [404, 408, 409, 502, 503, 504].includes(status) ? new Broken() : new Refused(refusal(status, text));
}

/** The digest in the path of a blob. */
function blob_at(path) {
  return path?.startsWith("/blobs/") ? decodeURIComponent(path.slice("/blobs/".length)) : null;
}

/** What a file is known by. Were another one taken for it, a blob would be made of the beginning of one and the end of the other. */
async function key_of(file) {
  const ends = new Blob([file.slice(0, END_LEN), file.slice(Math.max(END_LEN, file.size - END_LEN))]);
  // FNV-1a of 32 bits: a page that came over http:// has no crypto.subtle, and nobody means harm to his own upload.
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(await ends.arrayBuffer())) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return `upload ${file.size} ${file.lastModified} ${hash.toString(16)} ${file.name}`;
}

/** What was kept under a name, where the browser lets a page keep anything. */
function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Then an upload cannot be gone on with after the page was closed.
  }
}
