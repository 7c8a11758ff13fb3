// How values are written for people.

/** What stands where there is no value. */
export const NONE = "\u2013";

/** A count of bytes: `1.50 MiB`. */
export function size(bytes) {
  if (typeof bytes !== "number") return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  const digits = unit === 0 || bytes >= 100 ? 0 : bytes >= 10 ? 1 : 2;
  return `${bytes.toFixed(digits)} ${units[unit]}`;
}

/** Bytes a second; `null` where nobody can say. */
export function rate(bytes) {
  return typeof bytes === "number" ? `${size(bytes)}/s` : NONE;
}

/** A count of things, with its thousands apart. */
export function count(number) {
  return typeof number === "number" ? number.toLocaleString("en").replaceAll(",", "\u202f") : NONE;
}

/** A count of things by their name: `1 blob`, `2 blobs`. */
export function counted(number, thing) {
  return `${count(number)} ${thing}${number === 1 ? "" : "s"}`;
}

/** Seconds, as roughly as one would say them. */
export function duration(seconds) {
  const units = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [length, name] = units.find(([length]) => seconds >= length) ?? units[3];
  return counted(Math.max(0, Math.floor(seconds / length)), name);
}

/** How long before `now` something was; both are seconds since 1970. */
export function ago(now, then) {
  return typeof then !== "number" ? NONE : now - then < 1 ? "just now" : `${duration(now - then)} ago`;
}

/** A digest, short enough for a telephone and long enough to know it again. */
export function brief(digest) {
  const [algorithm, hex] = digest.split(":");
  return `${algorithm}:${hex.slice(0, 10)}\u2026`;
}

/** What a server says of a refusal: the detail of a problem (RFC 9457). */
export function refusal(status, body) {
  try {
    const problem = JSON.parse(body);
    if (problem.type === "urn:aqueduct:problem:needs-write-token") {
      return "The token that this page was opened with may read and not write; open the page with one that writes.";
    }
    if (problem.detail) return problem.detail;
  } catch {
    // Somebody between here and the server has words of their own.
  }
  return `The server answered ${status}.`;
}
