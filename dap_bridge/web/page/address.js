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
