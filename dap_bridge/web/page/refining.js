// From boxes and spans to the next result: preview, refine, and whether the whole clip is corrected.
// Owns `carry`; listens to it, to `job` and `boxes`; changes it, and `wanted`.

import { isKept } from "./alternatives.js";
import { asTexts, isSpan, spansAsText, tooMany } from "./boxes.js";
import { byId, clicks } from "./dom.js";
import { PREVIEW, REFINED } from "./jobs.js";
import { say } from "./status.js";

export function showRefining(state) {
  const { boxes } = state;
  const cuts = state.opened.chunks > 1; // so that there is a rest of the clip to carry boxes to

  function start(fit) {
    const { list } = boxes;
    if (state.job || !list.length || !isKept(state)) return;
    if (tooMany(list)) {
      say(tooMany(list), true);
      return;
    }
    const message = {
      verb: "refine",
      session: state.opened.session,
      box: list.filter((one) => !isSpan(one)).flatMap(asTexts),
      ...spansAsText(list),
      keep: false, // the list is complete
      fit,
      carry: state.carry,
    };
    state.set({ wanted: { kind: fit ? REFINED : PREVIEW, message } });
  }

  const preview = () => start(false);
  const refine = () => start(true);
  const carry = () => cuts && state.set({ carry: !state.carry });

  function showActions() {
    for (const id of ["preview", "refine"]) byId(id).disabled = state.job !== null || !boxes.list.length;
  }

  const showCarry = () => (byId("carry").checked = state.carry);

  clicks({ preview, refine });
  byId("carrying").hidden = !cuts;
  byId("carry").addEventListener("change", ({ target }) => state.set({ carry: target.checked }));
  state.on("job boxes", showActions);
  state.on("carry", showCarry);
  showActions();
  showCarry();
  return { preview, refine, carry };
}
