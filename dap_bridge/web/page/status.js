// The status line: the one place where the page says what has happened, and what was refused.

import { byId } from "./dom.js";

export function say(text, trouble = false) {
  byId("status").classList.toggle("trouble", trouble);
  byId("status").textContent = byId("status").title = text;
}

export function complain(error) {
  say([error.message, error.hint].filter(Boolean).join(" "), true);
}

/** Does it; a refusal is shown where the user looks. */
export async function attempt(act) {
  try {
    await act();
  } catch (error) {
    complain(error);
  }
}
