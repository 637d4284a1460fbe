// The page's own address: the session that it shows, and the one that the host has opened it with.

/** Empty where none is named. */
export const SESSION = decodeURIComponent(location.pathname.split("/edit/")[1] ?? "");
/** Where the host looks for what it is sent. */
export const HOST_SESSION = new URLSearchParams(location.search).get("host") ?? SESSION;

/** Shows another session in this tab; what it sends goes to the same host. */
export function open(session) {
  const address = new URL(encodeURIComponent(session), location.href);
  address.searchParams.set("host", HOST_SESSION);
  location.assign(address);
}

const query = new URLSearchParams(location.search);
/** Of a result of several clips, which one is looked at; 0: what they share, by itself. */
export const CLIP = query.has("clip") ? Number(query.get("clip")) : null;

/** Shows another of its clips in this tab. */
export function openClip(index) {
  const address = new URL(location.href);
  address.searchParams.set("clip", String(index));
  location.assign(address);
}
