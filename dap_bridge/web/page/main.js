// The page, put together: one state, what shows it, and the keys. A new part is a module, and a line here.

import { CLIP, SESSION } from "./address.js";
import { showAlternatives } from "./alternatives.js";
import { loadSession } from "./api.js";
import { showBoxList } from "./boxlist.js";
import { byId } from "./dom.js";
import { listenToField } from "./field.js";
import { showHints } from "./hints.js";
import { showInspector } from "./inspector.js";
import { showFurther } from "./further.js";
import { listenToKeys } from "./keys.js";
import { showBoxes } from "./layer.js";
import { beginToListen } from "./listening.js";
import { showLook } from "./look.js";
import { remember, restore } from "./memory.js";
import { showMeters } from "./meters.js";
import { showNavigation } from "./navigation.js";
import { onlyHeard } from "./onlyheard.js";
import { showOverview } from "./overview.js";
import { showRefining } from "./refining.js";
import { showResults } from "./results.js";
import { showSimilar } from "./similar.js";
import { showSpans } from "./spans.js";
import { showSpectrogram } from "./spectrogram.js";
import { State } from "./state.js";
import { complain, say } from "./status.js";
import { showStems } from "./stems.js";
import { showStretch } from "./stretch.js";
import { showTools } from "./tools.js";
import { showTransport } from "./transport.js";
import { titleOf } from "./words.js";
import { showWork } from "./working.js";

/** Each shows some of the state, changes some, or both, and gives its actions, by the names that keys.js has for them. */
const PARTS = [
  showSpectrogram,
  showOverview,
  showBoxes,
  showSpans,
  showTools,
  showSimilar,
  listenToField,
  showResults,
  showAlternatives,
  showStems,
  showStretch,
  showFurther,
  showInspector,
  showBoxList,
  showLook,
  showNavigation,
  showTransport,
  showMeters,
  showRefining,
  showWork,
  showHints,
];

function showTitle({ opened }) {
  const title = titleOf(opened);
  document.title = `${title} – mask editor`;
  byId("title").textContent = title;
  byId("title").title = opened.session;
}

async function begin() {
  if (!SESSION) return complain(new Error("Open this page from the DAW, or with: dap-bridge edit SESSION"));
  const state = new State(await loadSession(SESSION, CLIP));
  await restore(state);
  showTitle(state);
  listenToKeys(onlyHeard(state, Object.assign({}, ...PARTS.map((part) => part(state)))));
  remember(state);
  for (const warning of state.opened.warnings ?? []) say(warning);
  await beginToListen(state);
  document.body.dataset.ready = "yes";
  return state;
}

begin().catch(complain);
