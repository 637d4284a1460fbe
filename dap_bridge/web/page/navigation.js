// Moving the view by buttons and keys.
// Changes `view`.

import { clicks } from "./dom.js";

const ZOOM = 1.5;
/** How far an arrow moves the view, in shares of it; with Shift. */
const STEP = 0.1;
const FAR = 0.5;

export function showNavigation({ view }) {
  const zoomIn = () => view.zoomTime(ZOOM);
  const zoomOut = () => view.zoomTime(1 / ZOOM);
  const fit = () => view.fit();

  function arrow([right, down], far) {
    const share = far ? FAR : STEP;
    view.pan(right * share * view.width, down * share * view.height);
  }

  clicks({ "zoom-in": zoomIn, "zoom-out": zoomOut, fit });
  return { zoomIn, zoomOut, fit, arrow };
}
