// The front page, put together: what is asked for, what waits and runs, what came of it; and what the daemon tells of all.

import { ALL, listen } from "../api.js";
import { attempt, complain, say } from "../status.js";
import { Asking } from "./asking.js";
import { Queue } from "./queue.js";
import { Results } from "./results.js";

/** By what each changes. */
const COMES = ["accepted", "cancelled", "failed", "interrupted", "done"];
const CHANGES = ["failed", "interrupted", "done", "result", "removed"];
const EVENTS = [...new Set(["welcome", "queued", "progress", ...COMES, ...CHANGES])];

/** Calls `act` once it is through, however often it was asked for meanwhile. */
function again(act) {
  let [under, wanted] = [false, false];
  return async () => {
    wanted = true;
    if (under) return;
    under = true;
    while (wanted) {
      wanted = false;
      await attempt(act);
    }
    under = false;
  };
}

async function begin() {
  const [asking, queue, results] = [new Asking(), new Queue(), new Results()];
  const parts = { queue: again(() => queue.load()), results: again(() => results.load()), files: again(() => asking.files.load()) };
  let connected = true;

  async function welcome() {
    if (!connected) say("The daemon is back.");
    connected = true;
    await Promise.all([parts.queue(), parts.results()]);
    document.body.dataset.ready = "yes";
  }

  function heard(event) {
    if (event.event === "welcome") return welcome();
    if (event.event === "queued") return queue.queued(event);
    if (event.event === "progress") return queue.progress(event) && parts.queue();
    if (COMES.includes(event.event)) parts.queue();
    if (CHANGES.includes(event.event)) parts.results();
    if (event.event === "removed") parts.files();
    if (event.event === "failed") asking.answered.then(() => complain(event)); // a job may fail before it is said that it waits
    return undefined;
  }

  await asking.load();
  listen(ALL, EVENTS, heard, () => {
    if (connected) complain(new Error("The daemon does not answer; it is looked for again."));
    connected = false;
  });
}

begin().catch(complain);
