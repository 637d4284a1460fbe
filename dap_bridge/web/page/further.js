// From a stem on: the stem itself separated, and the clip separated again with a file of the user's as an example of the
// stem; what comes of either is opened.
// Listens to `boxes` and `job`; changes `wanted`.

import { isSpan } from "./boxes.js";
import { byId, clicks } from "./dom.js";
import { OPENED } from "./jobs.js";
import { attempt, say } from "./status.js";
import { isSeparation, separatedAgain } from "./stretch.js";
import { upload } from "./uploading.js";

export function showFurther(state) {
  const { boxes } = state;
  const file = byId("example");

  /** The stem that is chosen, of what is heard. */
  const chosen = () => state.heard.stems.find(({ index }) => index === boxes.next.stem);

  function further() {
    if (state.job) return;
    const { index, name } = chosen();
    const { session } = state.result.session;
    const place = state.heard === state.result.session ? `${index}` : `${index}:${state.alternative}`;
    const preset = isSeparation(state) ? { preset: state.opened.preset } : {};
    const message = { verb: "separate", clip: `stem:${session}:${place}`, label: name.slice(0, 200), ...preset };
    state.set({ wanted: { kind: OPENED, message } });
  }

  const example = () =>
    attempt(async () => {
      const [given] = file.files;
      if (!given || state.job) return;
      const { stem } = boxes.next;
      say(`${given.name} is read…`);
      const { upload: id } = await upload(given);
      file.value = ""; // so that the same file can be picked again
      say("");
      state.set({ wanted: separatedAgain(state, boxes.list.filter(isSpan), { like: [`${stem}:0:::upload:${id}`] }) });
    });

  function show() {
    const { stem } = boxes.next;
    byId("further").textContent = `Separate stem ${stem} further`;
    byId("further").disabled = byId("pick-example").disabled = state.job !== null;
    byId("pick-example").hidden = !isSeparation(state);
  }

  clicks({ further, "pick-example": () => file.click() });
  file.addEventListener("change", example);
  state.on("boxes job", show);
  show();
}
