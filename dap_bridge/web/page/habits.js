// What a user likes, whatever the session: colours, volume, pre-roll. It stays in this browser.

const KEY = "dap-bridge-habits";

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

export const habits = {
  /** All that was kept, by name; whoever reads it checks it. */
  get kept() {
    return read();
  },

  keep(values) {
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...read(), ...values }));
    } catch {
      // there is no room: it holds until the page is closed
    }
  },
};
