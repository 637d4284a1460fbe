// Patience with a connection that breaks: a network that changes (another Wi-Fi, a VPN, a container) makes Chromium
// break off whatever is under way, even to this machine.

/** Before each further try: a change comes as several within a second or two. */
const PAUSES_MS = [100, 500, 2000];

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Does it, and again where it fails; but not where the error is `hopeless`. */
export async function persist(act, hopeless) {
  for (const ms of PAUSES_MS) {
    try {
      return await act();
    } catch (error) {
      if (hopeless(error)) throw error;
      await pause(ms);
    }
  }
  return act();
}
